"""Each Lambda, imported as deployed, handles an event as AWS sends it."""

import json
import re
import time
from decimal import Decimal
from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb.service_resource import Table

from shared import aws
from shared.model.candles import Candle
from shared.model.values import Snapshot
from shared.pricing.fx import DAY_MS
from shared.publishing.images import delta_of
from shared.publishing.periodic import SNAPSHOT_MS, spread_of
from shared.requests.prices import DEAREST
from shared.store.candles_table import CandlesTable
from shared.store.connections_table import LIFETIME_S, ConnectionsTable, NotConnected
from shared.store.quotes_table import Audience, QuotesTable
from shared.store.trends_table import TrendsTable
from tests.clients import ConnectionsServer, spots
from tests.lambdas import CONNECTION_ID as ID
from tests.lambdas import Context, Load, logged_lines, metrics, stream_record, websocket_event
from tests.samples import AGELESS, SYMBOLS, after, quote, quotes
from tests.stored import stored

# Nobody gets quotes older than a day, and a connection gets its snapshot of the minute in place of an update. These
# quotes come a second after the snapshot before the last one, and none lies in the future.
PHASE_MS = spread_of(ID) % SNAPSHOT_MS
RECENT_MS = ((int(time.time() * 1_000) + PHASE_MS) // SNAPSHOT_MS - 1) * SNAPSHOT_MS - PHASE_MS + 1_000
FIRST = after(Snapshot(), quotes(), RECENT_MS)
SECOND = after(FIRST, quotes() | {"BTC_CAD": quote(spot="1")}, RECENT_MS + 1_000)
THIRD = after(SECOND, {**SECOND.quotes, "ETH_CAD": quote("ETH_CAD", "2")}, RECENT_MS + 2_000)


def test_connect_remembers_the_connection(load: Load, connections_table: ConnectionsTable) -> None:
    before_s = int(time.time())
    assert load("connect").handler(websocket_event("$connect", kind="CONNECT"), Context()) == {"statusCode": 200}
    assert connections_table.get(ID).subscriptions == {}
    item = stored(connections_table._table)[0]
    assert before_s <= int(str(item["expires_at"])) - LIFETIME_S <= time.time()


@pytest.mark.usefixtures("connections_items")
@pytest.mark.parametrize("key", ["", "arn:aws:cloudformation:::stack/Cadfeed/0a1b2c3d"])
def test_connect_logs_who_connected(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    key: str,
) -> None:
    monkeypatch.setenv("ADDRESS_KEY", key)
    module = load("connect")
    module.handler(websocket_event("$connect", kind="CONNECT"), Context())
    (line,) = logged_lines(module, caplog)
    assert line["correlation_id"] == ID
    assert (line["address"] == "203.0.113.7") == (not key)
    assert re.fullmatch(r"[0-9a-f]{16}|203\.0\.113\.7", line["address"])


def test_connect_fails_when_the_connection_cannot_be_remembered(load: Load, connections_items: Table) -> None:
    module = load("connect")
    connections_items.delete()
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        module.handler(websocket_event("$connect", kind="CONNECT"), Context())


def test_disconnect_removes_the_connection_and_may_run_twice(load: Load, connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, int(time.time()))
    module = load("disconnect")
    for _ in range(2):
        assert module.handler(websocket_event("$disconnect", kind="DISCONNECT"), Context()) == {"statusCode": 200}
    with pytest.raises(NotConnected):
        connections_table.get(ID)


def test_request_answers_through_the_gateway_and_returns_no_body(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable
) -> None:
    connections_table.add(ID, int(time.time()))
    module = load("request")
    for body in ({"event": "ping", "id": 1}, {"event": "subscriptions", "id": 2}, {"event": "history", "id": 3}, "hi"):
        assert module.handler(websocket_event("$default", body), Context()) == {"statusCode": 200}
    assert [(frame["event"], frame.get("id"), frame.get("code")) for frame in api.frames()] == [
        ("pong", 1, None),
        ("subscriptions", 2, None),
        ("error", 3, "bad_request"),
        ("error", None, "bad_json"),
    ]
    assert {path.replace("%40", "@") for path, _ in api.posts} == {"/live/@connections/L0SM9cOFvHcCIhw%3D"}


def test_request_answers_with_the_stored_trends(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, quotes_items: Table
) -> None:
    connections_table.add(ID, int(time.time()))
    module = load("request")
    module.handler(websocket_event("trends", {"event": "trends", "id": 1}), Context())
    hour = Candle(DAY_MS, Decimal(1), Decimal(1), Decimal(1), Decimal("123456.7"))
    TrendsTable(quotes_items).add([("BTC_CAD", hour)])
    module.handler(websocket_event("trends", {"event": "trends", "id": 2, "colour": "red"}), Context())
    first, second = api.frames()
    assert (first["id"], first["until"], first["trends"]) == (1, 0, [])
    assert (second["id"], second["until"]) == (2, DAY_MS + 3_600_000)
    assert second["trends"] == [["BTC_CAD", *23 * [None], 123460]]


def test_a_client_that_sends_too_much_is_refused_then_closed(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGE_BURST", "70")
    connections_table.add(ID, int(time.time()))
    requests, subscriptions = load("request"), load("subscribe")
    event = websocket_event("$default", {"event": "ping", "id": 1})
    for _ in range(70):
        requests.handler(event, Context())
    assert {frame["event"] for frame in api.frames()} == {"pong"}
    subscribe = {"event": "subscribe", "channel": "rates", "id": 2}
    subscriptions.handler(websocket_event("subscribe", subscribe), Context())
    refused = api.frames()[-1]
    assert (refused["code"], refused["retryable"], refused["id"]) == ("rate_limited", True, 2)
    assert 0 < refused["retry_in_ms"] <= (DEAREST + 1) * 12_000
    assert connections_table.get(ID).subscriptions == {}
    sent = 71
    while not api.deleted:
        assert sent < 140
        requests.handler(websocket_event("$default", "no json"), Context())
        sent += 1
    assert sent >= 120
    assert {path.replace("%40", "@") for path in api.deleted} == {"/live/@connections/L0SM9cOFvHcCIhw%3D"}
    for status in (410, 403):  # it left meanwhile, so we may not
        api.statuses[api.deleted[0]] = status
        assert requests.handler(event, Context()) == {"statusCode": 200}
    assert len(api.deleted) == 3


def test_subscribe_wakes_an_ingest_that_does_not_run(
    load: Load, api: ConnectionsServer, quotes_table: QuotesTable, connections_table: ConnectionsTable
) -> None:
    connections_table.add(ID, int(time.time()))
    quotes_table.write_snapshot(FIRST, 1)
    module = load("subscribe")
    with Stubber(aws.functions()) as functions:
        functions.add_response(
            "invoke",
            {"StatusCode": 202},
            {"FunctionName": "cadfeed-ingest", "InvocationType": "Event", "Payload": b""},
        )
        body = {"event": "subscribe", "channel": "rates_batch", "symbols": ["BTC_CAD"], "id": 1}
        assert module.handler(websocket_event("subscribe", body), Context()) == {"statusCode": 200}
        functions.assert_no_pending_responses()
    assert [frame["event"] for frame in api.frames()] == ["subscribed", "snapshot"]
    assert connections_table.get(ID).subscriptions == {"rates_batch": ("BTC_CAD",)}
    assert quotes_table.audience() == 1


def test_a_chart_of_minutes_with_one_tick_invokes_backfill(
    load: Load,
    api: ConnectionsServer,
    quotes_items: Table,
    connections_table: ConnectionsTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKFILL_FUNCTION", "cadfeed-backfill")
    connections_table.add(ID, int(time.time()))
    price, minute_ms = Decimal(100), int(time.time()) // 60 * 60_000 - 120_000
    CandlesTable(quotes_items).write([("BTC_CAD", "1m", Candle(minute_ms, price, price, price, price, 1))])
    module = load("request")
    with Stubber(aws.functions()) as functions:
        functions.add_response(
            "invoke",
            {"StatusCode": 202},
            {
                "FunctionName": "cadfeed-backfill",
                "InvocationType": "Event",
                "Payload": b'{"minutes_of": "BTC_CAD"}',
            },
        )
        body = {"event": "history", "symbol": "BTC_CAD", "interval": "1m", "id": 1}
        module.handler(websocket_event("history", body), Context())
        functions.assert_no_pending_responses()
    assert [frame["ticks"] for frame in api.frames()] == [[1]]


def test_the_subscribe_lambda_also_serves_unsubscribe(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable
) -> None:
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates", None)
    module = load("subscribe")
    module.handler(websocket_event("unsubscribe", {"event": "unsubscribe", "channel": "rates"}), Context())
    assert [frame["event"] for frame in api.frames()] == ["unsubscribed"]
    assert connections_table.get(ID).subscriptions == {}


def test_publish_posts_a_batch_of_several_snapshots_as_one_delta(
    load: Load,
    api: ConnectionsServer,
    quotes_table: QuotesTable,
    connections_table: ConnectionsTable,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates_batch", None)
    event = {"Records": [stream_record(FIRST, SECOND), stream_record(SECOND, THIRD)]}
    assert load("publish").handler(event, Context()) == {"seq": 3, "frames": 1}
    (update,) = api.frames()
    assert (update["prev_seq"], update["seq"]) == (1, 3)
    assert spots(update) == {"BTC_CAD": 1, "ETH_CAD": 2}
    assert quotes_table.audience() == 1
    written = metrics(capsys.readouterr().out)
    assert written == {
        "Connections": 1,
        "ConnectionsGone": 0,
        "ConnectionsUnsent": 0,
        "Posts": 1,
        "PostsThrottled": 0,
        "PostsFailed": 0,
        "SlowClients": 0,
        "PostsRefused": 0,
        "FramesPosted": 1,
        "BatchesBroken": 0,
        "BytesPosted": len(api.posts[0][1]),
        "PostingTime": written["PostingTime"],
        "PublishLatency": written["PublishLatency"],
    }
    assert 0 < written["PostingTime"] < written["PublishLatency"]
    assert abs(written["PublishLatency"]) < DAY_MS  # against the snapshot's own time


def test_publish_logs_why_posts_failed(
    load: Load,
    api: ConnectionsServer,
    connections_table: ConnectionsTable,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections_table.add("slow", int(time.time()))
    connections_table.subscribe("slow", "rates_batch", None)
    api.statuses = {"/live/%40connections/slow": 403, "/live/@connections/slow": 403}
    load("publish").handler({"Records": [stream_record(FIRST, SECOND)]}, Context())
    written = metrics(capsys.readouterr().out)
    assert (written["PostsFailed"], written["PostsRefused"]) == (1, 1)
    (warning,) = [vars(record) for record in caplog.records if record.getMessage() == "posts failed"]
    assert (warning["seq"], warning["connections"]) == (2, 1)
    assert warning["reasons"] == ["forbidden: 403"]


def test_publish_counts_slow_clients_apart_and_closes_them(
    load: Load,
    api: ConnectionsServer,
    connections_table: ConnectionsTable,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.publishing.slow_clients.SLOW_TICKS", 2)
    for connection_id in ("slow", "unlucky", "awake"):
        connections_table.add(connection_id, int(time.time()))
        connections_table.subscribe(connection_id, "rates_batch", None)
    api.statuses = {f"/live/{at}connections/slow": 429 for at in ("@", "%40")}
    publish = load("publish").handler
    publish({"Records": [stream_record(FIRST, SECOND)]}, Context())
    written = metrics(capsys.readouterr().out)
    assert (written["SlowClients"], written["PostsFailed"], written["PostsThrottled"]) == (1, 0, 3)
    assert not [each for each in caplog.records if each.getMessage() == "posts failed"]
    api.statuses |= {f"/live/{at}connections/unlucky": 400 for at in ("@", "%40")}
    api.statuses |= {f"/live/{at}connections/slow": 429 for at in ("@", "%40")}
    publish({"Records": [stream_record(SECOND, THIRD)]}, Context())
    written = metrics(capsys.readouterr().out)
    assert (written["SlowClients"], written["PostsFailed"]) == (1, 1)
    (failed,) = [vars(each) for each in caplog.records if each.getMessage() == "posts failed"]
    assert (failed["connections"], failed["reasons"]) == (1, ["rejected: 400"])
    assert len(api.deleted) == 1


def test_publish_sends_the_first_snapshot_and_removes_the_gone(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    for connection_id in ("here", "gone"):
        connections_table.add(connection_id, int(time.time()))
        connections_table.subscribe(connection_id, "rates_batch", None)
    api.statuses = {"/live/%40connections/gone": 410, "/live/@connections/gone": 410}
    load("publish").handler({"Records": [stream_record(None, FIRST)]}, Context())
    assert list(spots(api.frames()[0])) == SYMBOLS
    assert [c.connection_id for c in connections_table.subscribers(None, 0)] == ["here"]
    assert metrics(capsys.readouterr().out)["ConnectionsGone"] == 1


def test_publish_says_that_a_snapshot_cannot_be_read_and_goes_on(
    load: Load,
    api: ConnectionsServer,
    connections_table: ConnectionsTable,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failure would hold up every later record."""
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates_batch", None)
    publish = load("publish").handler
    publish({"Records": [stream_record(None, FIRST)]}, Context())
    assert [frame["event"] for frame in api.frames()] == ["snapshot"]
    assert "SnapshotsUnreadable" not in metrics(capsys.readouterr().out)
    bad = stream_record(FIRST, SECOND)
    bad["dynamodb"]["NewImage"]["packed"] = {"B": "Z2FyYmFnZQ=="}
    assert publish({"Records": [bad]}, Context()) == {"seq": 0, "frames": 0}
    assert len(api.posts) == 1
    assert metrics(capsys.readouterr().out)["SnapshotsUnreadable"] == 1
    assert [each.levelname for each in caplog.records if each.getMessage() == "snapshots unreadable"] == ["ERROR"]
    after_it = stream_record(SECOND, THIRD)
    after_it["dynamodb"]["OldImage"]["packed"] = {"B": "Z2FyYmFnZQ=="}
    assert publish({"Records": [after_it]}, Context()) == {"seq": 3, "frames": 1}
    whole = api.frames()[-1]
    assert (whole["event"], whole["seq"]) == ("snapshot", 3)
    assert {"BTC_CAD": 1, "ETH_CAD": 2}.items() <= spots(whole).items()


def test_publish_posts_no_record_twice(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates", ("BTC_CAD", "ETH_CAD"))
    publish = load("publish").handler
    for old, new in ((FIRST, SECOND), (SECOND, THIRD)):
        publish({"Records": [stream_record(old, new)]}, Context())
    posts = len(api.posts)
    capsys.readouterr()
    for again in ([stream_record(FIRST, SECOND)], [stream_record(FIRST, SECOND), stream_record(SECOND, THIRD)]):
        assert publish({"Records": again}, Context())["frames"] == 0
        assert metrics(capsys.readouterr().out) == {"RecordsRepeated": len(again)}
    assert len(api.posts) == posts


def test_a_cold_publish_posts_the_stored_snapshot_if_newer(
    load: Load, api: ConnectionsServer, quotes_table: QuotesTable, connections_table: ConnectionsTable
) -> None:
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates", ("BTC_CAD", "ETH_CAD"))
    for snapshot in (FIRST, SECOND, THIRD):
        quotes_table.write_snapshot(snapshot, 1)
    assert load("publish").handler({"Records": [stream_record(FIRST, SECOND)]}, Context())["seq"] == 3
    assert {frame["data"]["symbol"]: frame["data"]["spot"] for frame in api.frames()} == {"BTC_CAD": 1, "ETH_CAD": 2}


def test_publish_starts_a_worker_per_shard_for_many_connections(
    load: Load, api: ConnectionsServer, quotes_table: QuotesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "CONNECTION_SHARDS": "2",
        "CONNECTIONS_PER_WORKER": "3",
        "WORKER_FUNCTION": "cadfeed-worker",
    }.items():
        monkeypatch.setenv(name, value)
    seen = quotes_table.count_audience(4, Audience())
    record = stream_record(FIRST, SECOND)
    module = load("publish")
    with Stubber(module.lambdas) as functions:
        for shard in range(2):
            images = {name: record["dynamodb"][image] for name, image in (("old", "OldImage"), ("new", "NewImage"))}
            carried = {name: {key: image[key] for key in ("seq", "packed")} for name, image in images.items()}
            functions.add_response(
                "invoke",
                {"StatusCode": 202},
                {
                    "FunctionName": "cadfeed-worker",
                    "InvocationType": "Event",
                    "Payload": json.dumps({"shard": shard, **carried, "audience": seen.version}).encode(),
                },
            )
        assert module.handler({"Records": [record]}, Context()) == {"seq": 2, "workers": 2}
        functions.assert_no_pending_responses()
    assert api.posts == []


def test_a_payload_too_large_for_lambda_is_an_error(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_FUNCTION", "cadfeed-worker")
    module = load("publish")
    image = {"seq": {"N": "1"}, "packed": {"B": "x" * 1_048_576}}
    with pytest.raises(ValueError, match="Lambda accepts 1048576"):
        module.start_worker(module.lambdas, None, image, 0, "")


def test_a_worker_gets_the_stored_snapshot_if_newer(
    load: Load, quotes_table: QuotesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CONNECTION_SHARDS": "2", "WORKER_FUNCTION": "cadfeed-worker"}.items():
        monkeypatch.setenv(name, value)
    quotes_table.count_audience(4, Audience())
    for snapshot in (FIRST, SECOND, THIRD):
        quotes_table.write_snapshot(snapshot, 1)
    module = load("publish")
    payloads: list[dict[str, Any]] = []
    monkeypatch.setattr(module.lambdas, "invoke", lambda **given: payloads.append(json.loads(given["Payload"])))
    module.handler({"Records": [stream_record(FIRST, SECOND)]}, Context())
    assert [delta_of(each["old"], each["new"], AGELESS).new for each in payloads] == 2 * [THIRD]


def test_a_worker_posts_to_its_shard_once(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates_batch", None)
    images = stream_record(FIRST, SECOND)["dynamodb"]
    event = {"shard": 0, "old": images["OldImage"], "new": images["NewImage"]}
    worker = load("worker")
    assert worker.handler(event, Context()) == {"seq": 2, "frames": 1}
    assert metrics(capsys.readouterr().out)["Connections"] == 1
    assert worker.handler(event, Context()) == {"seq": 2, "frames": 0}
    assert len(api.posts) == 1
