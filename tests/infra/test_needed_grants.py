"""Each grant of the template is needed by a call that its Lambda makes, and each call is granted.

The emulator does not know `dynamodb:LeadingKeys` and lets such a grant cover every item, so the keys are held here.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared import aws as shared_aws
from shared.connecting import secret_pair
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.explanation import Explanations
from shared.model.values import Snapshot
from shared.publishing.images import change_in, worker_image
from shared.sources.all_sources import SOURCES
from shared.store.backfill_jobs import BackfillJobs, Taken
from shared.store.candles_table import CandlesTable
from shared.store.connections_table import ENDS, ConnectionsTable, partitions_of
from shared.store.quotes_table import QuotesTable
from tests.clients import ConnectionsServer
from tests.infra.recorded_calls import Call, Recorder
from tests.infra.synthesis import Synthesised, as_list, in_words, synthesise
from tests.lambdas import CONNECTION_ID, Context, Load, http_event, stream_record, websocket_event
from tests.samples import after, quotes
from tests.tokens import FEED, KEY, token
from tools.local.market import base_urls
from tools.simulator.server import exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

PRICE = Decimal(100)
SHARDS = 2
NOW_MS = int(time.time() * 1000)
CANDLE = Candle(NOW_MS // 60_000 * 60_000 - 120_000, PRICE, PRICE, PRICE, PRICE, 1)
# The places of a connection whose messages have come back, and of one that sent many.
IDLE = {"viewer": "203.0.113.7"}
BUSY = {**IDLE, "tat_ms": NOW_MS + 3_600_000}
# What Lambda itself does with a function's role.
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html, .../with-ddb.html, .../services-dynamodb-errors.html
LOGGING = ("logs:CreateLogStream", "logs:PutLogEvents")
TRACING = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
READING_A_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
TABLES = {"quotes": "<StorageQuotes.Arn>", "connections": "<StorageConnections.Arn>"}


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource, for one pattern of partition keys (empty: none is asked for)."""

    function: str
    action: str
    resource: str
    keys: str

    def covers(self, call: Call) -> bool:
        same = (self.function, self.action) == (call.function, call.action)
        return (
            same and fnmatchcase(call.resource, self.resource) and (not self.keys or fnmatchcase(call.key, self.keys))
        )


def named(reference: str, ending: str) -> str:
    """Return the name of the function that a role or a log group belongs to: `<ApiConnectRole>` is connect's."""
    name = reference.strip("<>").split(".")[0].removesuffix(ending).removeprefix("Api").removeprefix("Publish").lower()
    return name or "publish"


def grants(stack: Synthesised) -> set[Grant]:
    """What the functions' roles are granted, in the smallest parts."""
    found = set()
    for policy in stack.properties("AWS::IAM::Policy").values():
        function = named(in_words(policy["Roles"][0]), "Role")
        for statement in policy["PolicyDocument"]["Statement"]:
            condition = statement.get("Condition", {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ""}})
            assert condition.keys() == {"ForAllValues:StringLike"}
            assert condition["ForAllValues:StringLike"].keys() == {"dynamodb:LeadingKeys"}
            for action in as_list(statement["Action"]):
                for resource in map(in_words, as_list(statement["Resource"])):
                    for keys in as_list(condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]):
                        found.add(Grant(function, action, resource, keys))
    return found


def calls_of_aws(stack: Synthesised) -> set[Call]:
    """What AWS itself does with the roles, by the properties that make it do so."""
    found = set()
    for function in stack.functions().values():
        name, group = named(in_words(function["Role"]), "Role"), in_words(function["LoggingConfig"]["LogGroup"])
        assert named(group, "Logs") == name
        found |= {Call(name, action, f"{group.removesuffix('>')}.Arn>") for action in LOGGING}
        if function.get("TracingConfig") == {"Mode": "Active"}:
            found |= {Call(name, action, "a trace") for action in TRACING}
    aliases = stack.template.find_resources("AWS::Lambda::Alias").items()
    invoked = {alias: named(in_words(each["Properties"]["FunctionName"]), "Function") for alias, each in aliases}
    for trigger in stack.properties("AWS::Lambda::EventSourceMapping").values():
        (name,) = {name for alias, name in invoked.items() if alias in json.dumps(trigger["FunctionName"])}
        stream, failed = trigger["EventSourceArn"], trigger["DestinationConfig"]["OnFailure"]["Destination"]
        found |= {Call(name, action, in_words(stream)) for action in READING_A_STREAM}
        found |= {Call(name, "dynamodb:ListStreams", "all"), Call(name, "sqs:SendMessage", in_words(failed))}
    for schedule in stack.properties("AWS::Scheduler::Schedule").values():
        target = schedule["Target"]
        name = named(in_words(target["RoleArn"]), "Role")
        found.add(Call(name, "lambda:InvokeFunction", in_words(target["Arn"])))
    return found


@dataclass(frozen=True, slots=True)
class Granted:
    """The grants of a stack, and the calls that AWS itself makes with them."""

    grants: set[Grant]
    calls_of_aws: set[Call]


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Granted:
    """What a stack grants that has all that is granted only on request."""
    folder, other = tmp_path_factory.mktemp("cdk.out"), tmp_path_factory.mktemp("cdk.out")
    stack = synthesise(folder, connection_shards=SHARDS, max_connections_per_client=2, auth="token")
    open_to_all = synthesise(other)  # with tokens there are no documents
    return Granted(
        grants(stack) | {grant for grant in grants(open_to_all) if grant.function == "documents"},
        calls_of_aws(stack) | {call for call in calls_of_aws(open_to_all) if call.function == "documents"},
    )


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    made.install(monkeypatch)
    return made


@dataclass
class Feed:
    """The Lambdas with two shards, whose calls are recorded."""

    load: Load
    recorder: Recorder
    quotes_items: Table
    connections_items: Table
    api: ConnectionsServer

    def module(self, name: str) -> ModuleType:
        with self.recorder.running(name):
            return self.load(name)

    def call(self, name: str, module: ModuleType, *events: dict[str, Any]) -> None:
        with self.recorder.running(name):
            for event in events:
                module.handler(event, Context())
            self.note_posts()

    def do(self, name: str, *calls: Callable[[], object]) -> None:
        """Make calls of a Lambda's own objects, on paths that one invocation does not take."""
        with self.recorder.running(name):
            for each in calls:
                each()

    def note_posts(self) -> None:
        stage = "arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<ApiWebSocket>/live"
        for method, paths in (("POST", [path for path, _ in self.api.posts]), ("DELETE", self.api.deleted)):
            for path in paths:
                connection = path.replace("%40", "@").rsplit("/", 1)[1]
                self.recorder.note("execute-api:ManageConnections", f"{stage}/{method}/@connections/{connection}")
        self.api.posts.clear()
        self.api.deleted.clear()


@pytest.fixture
def feed(
    load: Load,
    recorder: Recorder,
    quotes_items: Table,
    connections_items: Table,
    api: ConnectionsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Feed]:
    for name, value in {
        "CONNECTION_SHARDS": str(SHARDS),
        "MAX_CONNECTIONS_PER_CLIENT": "2",
        "MAX_CONNECTIONS": "1000",
        "MAX_RATES_CONNECTIONS": "5",
        "MAX_RATES_CONNECTIONS_PER_CLIENT": "1",
        "ANSWER_RATE": "1000",
        "MESSAGES_PER_MINUTE": "6",  # what a client has used is still there at the next call of a slow machine
        "MESSAGE_BURST": "1000",
        "BACKFILL_FUNCTION": "<BackfillFunction.Arn>",
        "INGEST_FUNCTION": "<IngestFunction.Arn>",
        "WORKER_FUNCTION": "<PublishWorkerFunction.Arn>",
        "CONNECTIONS_PER_WORKER": "1000",
        "TOKEN_KEYS": "<ApiTokenSecret.Id>",
        "AUDIENCE": FEED,
    }.items():
        monkeypatch.setenv(name, value)

    class Functions:
        def invoke(self, *, FunctionName: str, **_given: object) -> None:  # noqa: N803 - boto3's name
            recorder.note("lambda:InvokeFunction", FunctionName)

    class Secrets:
        def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's name
            recorder.note("secretsmanager:GetSecretValue", SecretId)
            return {"SecretString": json.dumps({"current": KEY})}

    monkeypatch.setattr(shared_aws, "functions", Functions)
    monkeypatch.setattr(secret_pair, "_client", Secrets)
    with exchange_in_thread(SimulatedMarket(seed=1)) as running:
        for name, url in base_urls(running.url).items():
            monkeypatch.setenv(name.upper(), url)
        assert SOURCES
        yield Feed(load, recorder, quotes_items, connections_items, api)


def scenes(feed: Feed) -> None:
    """Everything that the Lambdas do with AWS."""
    ticks(feed)  # nobody listens yet, so that a run is one tick
    history(feed)
    clients(feed)
    readers(feed)
    fan_out(feed)


def clients(feed: Feed) -> None:
    connect, disconnect = feed.module("connect"), feed.module("disconnect")
    offered = {"multiValueQueryStringParameters": {"token": [token()]}, "methodArn": "arn"}
    feed.call("authorize", feed.module("authorize"), websocket_event("$connect", kind="CONNECT") | offered)
    subscribe, request = feed.module("subscribe"), feed.module("request")
    opened = [websocket_event("$connect", kind="CONNECT") for _ in range(4)]
    for number, event in enumerate(opened):
        event["requestContext"]["connectionId"] = f"{number}="
    feed.call("connect", connect, *opened[:3])  # the third is refused
    left = websocket_event("$disconnect", kind="DISCONNECT")
    left["requestContext"]["connectionId"] = "0="
    idle = websocket_event("$disconnect", kind="DISCONNECT")
    idle["requestContext"]["connectionId"] = "idle="
    ConnectionsTable(feed.connections_items, SHARDS).add("idle=", NOW_MS // 1000, IDLE)
    feed.call("disconnect", disconnect, left, left, idle)  # the second time it is looked for in other shards
    feed.call("connect", connect, opened[3])  # it takes over what the first one has used
    feed.connections_items.put_item(Item={"pk": "CLIENT#203.0.113.0/24", "sk": f"203.0.113.7#{CONNECTION_ID}"})
    ConnectionsTable(feed.connections_items, SHARDS).add(CONNECTION_ID, NOW_MS // 1000, IDLE)
    base = {"channel": "rates_batch", "symbol": "ETH_CAD", "interval": "1m"}
    feed.call("subscribe", subscribe, websocket_event("subscribe", {**base, "event": "subscribe"}))
    CandlesTable(feed.quotes_items).write([("ETH_CAD", "1m", CANDLE)])
    for name in ("snapshot", "explain", "history", "trends", "ping"):
        feed.call("request", request, websocket_event(name, {**base, "event": name, "id": 1}))
    feed.call("subscribe", subscribe, websocket_event("subscribe", {"event": "subscribe", "channel": "rates"}))
    feed.call("request", request, websocket_event("snapshot", {"event": "snapshot", "channel": "rates"}))
    feed.call("subscribe", subscribe, websocket_event("unsubscribe", {"event": "unsubscribe", "channel": "rates"}))
    for name, module, route in (
        ("connect", connect, "$connect"),
        ("disconnect", disconnect, "$disconnect"),
        ("request", request, "$default"),
        ("subscribe", subscribe, "$default"),
    ):
        asking, closed, gone = (websocket_event(route, {"event": "ping", "id": 1}) for _ in range(3))
        asking["requestContext"]["connectionId"] = f"{name}="
        closed["requestContext"]["connectionId"] = f"{name}-ended="
        gone["requestContext"]["connectionId"] = "gone="
        ConnectionsTable(feed.connections_items, SHARDS).add(f"{name}=", NOW_MS // 1000)
        ConnectionsTable(feed.connections_items, SHARDS).add(f"{name}-ended=", NOW_MS // 1000, {ENDS: NOW_MS // 1000})
        feed.call(name, module, asking, closed, gone)


def readers(feed: Feed) -> None:
    """The ingest that the first subscriber invoked has not come, so the lease is free again after a while."""
    feed.quotes_items.delete_item(Key={"pk": "LEASE", "sk": "INGEST"})
    documents = feed.module("documents")
    paths = ("/markets/rates.json", "/markets/status.json", "/markets/history/ETH_CAD/1m.json")
    feed.call("documents", documents, *map(http_event, paths))


def ticks(feed: Feed) -> None:
    ingest = feed.module("ingest")
    feed.call("ingest", ingest, {})
    hour = replace(CANDLE, open_ms=CANDLE.open_ms // INTERVAL_MS["1h"] * INTERVAL_MS["1h"])
    feed.do(
        "ingest",
        lambda: ingest.candles.write([("BTC_CAD", "1m", CANDLE)]),
        lambda: ingest.candles.read("BTC_CAD", "1m", 10, now_ms=NOW_MS),
        lambda: ingest.past.ticked([("BTC_CAD", "1h", hour)]),
        lambda: ingest.past._beginnings.read(),
        lambda: ingest.quotes.write_explanations(Explanations(9, NOW_MS)),
    )


def history(feed: Feed) -> None:
    backfill = feed.module("backfill")
    feed.call("backfill", backfill, {"minutes_of": "BTC_CAD"})

    def work() -> None:
        try:
            BackfillJobs(backfill.quotes).take()
        except Taken as error:
            raise AssertionError from error
        backfill.CandleBlocksTable(backfill.quotes).add("BTC_CAD", "1h", [CANDLE])
        backfill.TrendsTable(backfill.quotes).add([("BTC_CAD", CANDLE)])
        backfill.BeginningsTable(backfill.quotes).add({("BTC_CAD", "1d"): CANDLE})

    feed.do("backfill", work)


def fan_out(feed: Feed) -> None:
    connections = ConnectionsTable(feed.connections_items, SHARDS)
    stored = QuotesTable(feed.quotes_items)
    stored.join_audience(NOW_MS)
    for connection_id in (CONNECTION_ID, "slow="):
        connections.add(connection_id, NOW_MS // 1000 - 100)
        connections.subscribe(connection_id, "rates_batch", None)
    end(connections)
    feed.api.statuses |= {f"/live/{at}connections/{end}%3D": 410 for at in ("@", "%40") for end in ("gone", "idle")}
    publish, worker = feed.module("publish"), feed.module("worker")
    first = after(Snapshot(), quotes(), NOW_MS)
    feed.quotes_items.delete_item(Key={"pk": "SNAPSHOT", "sk": "CURRENT"})
    stored.write_snapshot(first, 1)
    layout = {"pk": "SHARD#0", "sk": f"LAYOUT#{partitions_of(SHARDS)}"}
    feed.connections_items.delete_item(Key=layout)  # as an older version left it
    feed.call("publish", publish, {"Records": [stream_record(None, first)]})
    feed.do("publish", lambda: publish.publisher._begin_again())
    change, _ = change_in([stream_record(None, first)["dynamodb"]])
    assert change
    delta = change.judged(publish.settings.ages)

    def start(_shard: int, _audience: str) -> None:
        feed.recorder.note("lambda:InvokeFunction", publish.settings.worker_function)

    end(connections)
    feed.connections_items.delete_item(Key=layout)
    for shard in range(SHARDS):
        event = {"shard": shard, "old": None, "new": worker_image(change.new), "audience": ""}
        newer = json.loads(json.dumps(event))
        feed.call("worker", worker, newer)
    feed.do("worker", lambda: worker.worker._progress_table.overtaken(0, 1))
    feed.do("publish", lambda: publish.publisher.delegate(delta, start), lambda: publish.publisher._stop_workers(delta))
    for name, module in (("publish", publish), ("worker", worker)):
        gateway = (module.publisher if name == "publish" else module.worker)._fan_out._gateway
        with feed.recorder.running(name):
            gateway.close("slow=")
            feed.note_posts()


def end(connections: ConnectionsTable) -> None:
    """End two subscribers without `$disconnect`, so that a post finds it: one that sent much, and one that did not."""
    for connection_id, place in (("gone=", BUSY), ("idle=", IDLE)):
        connections.add(connection_id, NOW_MS // 1000 - 100, place)
        connections.subscribe(connection_id, "rates_batch", None)


def refused(calls: set[Call], granted: set[Grant]) -> set[Call]:
    return {call for call in calls if not any(grant.covers(call) for grant in granted)}


def as_granted(call: Call) -> Call:
    return replace(call, resource=TABLES.get(call.resource, call.resource))


def test_each_call_is_granted_and_each_grant_is_needed(feed: Feed, granted: Granted) -> None:
    """Without any one of its grants, a call would be refused: one that a Lambda makes, or one that AWS makes for it."""
    scenes(feed)
    calls = {as_granted(call) for call in feed.recorder.calls} | granted.calls_of_aws
    assert refused(calls, granted.grants) == set()
    assert len(granted.grants) > 80
    assert {grant for grant in granted.grants if not refused(calls, granted.grants - {grant})} == set()


def test_a_grant_to_write_the_snapshot_is_the_ingests_alone(granted: Granted) -> None:
    """A function that writes the snapshot or the lease makes prices."""
    written = {"SNAPSHOT": {"ingest"}, "LEASE": {"documents", "ingest", "subscribe"}, "CANDLE#1d#BTC_CAD": {"ingest"}}
    writing = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}
    for key, writers in written.items():
        calls = {Call(grant.function, grant.action, TABLES["quotes"], key) for grant in granted.grants}
        allowed = calls - refused(calls, granted.grants)
        assert {call.function for call in allowed if call.action in writing} == writers
