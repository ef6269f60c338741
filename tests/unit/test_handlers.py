"""Each Lambda, imported as it is deployed, does its part with an event as AWS sends it."""

import json
import time
from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.values import Snapshot
from shared.pricing.fx import DAY_MS
from shared.store.connections_table import LIFETIME_S, ConnectionsTable, NotConnected
from shared.store.quotes_table import QuotesTable
from tests.unit.clients import ConnectionsServer, spots
from tests.unit.lambdas import CONNECTION_ID as ID
from tests.unit.lambdas import Context, Load, metrics, stream_record, websocket_event
from tests.unit.samples import SYMBOLS, after, quote, quotes

RECENT_MS = int(time.time()) * 1_000  # what is older than a day is told to nobody
FIRST = after(Snapshot(), quotes(), RECENT_MS)
SECOND = after(FIRST, quotes() | {"BTC_CAD": quote(spot="1")}, RECENT_MS + 1_000)
THIRD = after(SECOND, {**SECOND.quotes, "ETH_CAD": quote("ETH_CAD", "2")}, RECENT_MS + 2_000)


def test_connect_remembers_the_connection(load: Load, connections_table: ConnectionsTable) -> None:
    before_s = int(time.time())
    assert load("connect").handler(websocket_event("$connect", kind="CONNECT"), Context()) == {"statusCode": 200}
    assert connections_table.get(ID).subscriptions == {}
    item = connections_table._table.scan()["Items"][0]
    assert before_s <= int(str(item["expires_at"])) - LIFETIME_S <= time.time()


def test_connect_fails_when_the_connection_cannot_be_remembered(load: Load, connections_items: Table) -> None:
    module = load("connect")
    connections_items.delete()
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        module.handler(websocket_event("$connect", kind="CONNECT"), Context())


def test_of_one_address_no_more_are_connected_than_configured_and_one_that_leaves_makes_room(
    load: Load, connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_CONNECTIONS_PER_CLIENT", "2")
    connect, disconnect = load("connect").handler, load("disconnect").handler

    def told(connection_id: str, route: str = "$connect", kind: str = "CONNECT") -> dict[str, Any]:
        event = websocket_event(route, kind=kind)
        event["requestContext"]["connectionId"] = connection_id
        return event

    assert [connect(told(each), Context())["statusCode"] for each in "abc"] == [200, 200, 429]
    assert {str(item["sk"]) for item in connections_items.scan()["Items"]} == {"a", "b"}
    disconnect(told("a", "$disconnect", "DISCONNECT"), Context())
    assert [connect(told(each), Context())["statusCode"] for each in "de"] == [200, 429]


def test_without_a_limit_nobody_counts_connections(load: Load, connections_items: Table) -> None:
    load("connect").handler(websocket_event("$connect", kind="CONNECT"), Context())
    assert {str(item["pk"]) for item in connections_items.scan()["Items"]} == {"SHARD#0"}


@pytest.mark.parametrize("name", ["connect", "disconnect"])
def test_a_message_that_names_a_route_of_the_gateways_own_does_not_do_what_that_does(
    load: Load, connections_table: ConnectionsTable, name: str
) -> None:
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates", None)
    body = {"event": f"${name}"}
    assert load(name).handler(websocket_event(f"${name}", body), Context()) == {"statusCode": 400}
    assert connections_table.get(ID).subscriptions == {"rates": None}


def test_disconnect_forgets_the_connection_and_may_come_twice(load: Load, connections_table: ConnectionsTable) -> None:
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


def test_who_sends_too_much_is_refused_and_in_the_end_closed(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGES_PER_SECOND", "1")  # however slow this machine is
    connections_table.add(ID, int(time.time()))
    requests, subscriptions = load("request"), load("subscribe")
    event = websocket_event("$default", {"event": "ping", "id": 1})
    for _ in range(10):
        requests.handler(event, Context())
    assert {frame["event"] for frame in api.frames()} == {"pong"}
    subscribe = {"event": "subscribe", "channel": "rates", "id": 2}
    subscriptions.handler(websocket_event("subscribe", subscribe), Context())
    refused = api.frames()[-1]
    assert (refused["code"], refused["retryable"], refused["id"]) == ("rate_limited", True, 2)
    assert 0 < refused["retry_in_ms"] <= 2_000
    assert connections_table.get(ID).subscriptions == {}
    sent = 11
    while not api.deleted:
        assert sent < 80
        requests.handler(websocket_event("$default", "no json"), Context())
        sent += 1
    assert sent >= 60
    assert {path.replace("%40", "@") for path in api.deleted} == {"/live/@connections/L0SM9cOFvHcCIhw%3D"}
    for status in (410, 403):  # it has left meanwhile; we may not
        api.statuses[api.deleted[0]] = status
        assert requests.handler(event, Context()) == {"statusCode": 200}
    assert len(api.deleted) == 3


def test_subscribe_subscribes_and_wakes_the_ingest_that_does_not_run(
    load: Load, api: ConnectionsServer, quotes_table: QuotesTable, connections_table: ConnectionsTable
) -> None:
    connections_table.add(ID, int(time.time()))
    quotes_table.write_snapshot(FIRST, 1)
    module = load("subscribe")
    with Stubber(module.functions()) as functions:
        functions.add_response(
            "invoke", {"StatusCode": 202}, {"FunctionName": "cadfeed-ingest", "InvocationType": "Event"}
        )
        body = {"event": "subscribe", "channel": "rates_batch", "symbols": ["BTC_CAD"], "id": 1}
        assert module.handler(websocket_event("subscribe", body), Context()) == {"statusCode": 200}
        functions.assert_no_pending_responses()
    assert [frame["event"] for frame in api.frames()] == ["subscribed", "snapshot"]
    assert connections_table.get(ID).subscriptions == {"rates_batch": ("BTC_CAD",)}
    assert quotes_table.audience() == 1


def test_unsubscribe_is_the_same_lambdas_other_route(
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


def test_publish_sends_the_first_snapshot_of_all_and_forgets_who_is_gone(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    for connection_id in ("here", "gone"):
        connections_table.add(connection_id, int(time.time()))
        connections_table.subscribe(connection_id, "rates_batch", None)
    api.statuses = {"/live/%40connections/gone": 410, "/live/@connections/gone": 410}
    load("publish").handler({"Records": [stream_record(None, FIRST)]}, Context())
    assert list(spots(api.frames()[0])) == SYMBOLS
    assert [c.connection_id for c in connections_table.subscribers((0,), 0)] == ["here"]
    assert metrics(capsys.readouterr().out)["ConnectionsGone"] == 1


def test_above_the_number_of_connections_for_one_publish_starts_a_worker_per_shard(
    load: Load, api: ConnectionsServer, quotes_table: QuotesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "CONNECTION_SHARDS": "2",
        "CONNECTIONS_PER_WORKER": "3",
        "WORKER_FUNCTION": "cadfeed-worker",
    }.items():
        monkeypatch.setenv(name, value)
    quotes_table.count_audience(4, 1_000)
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
                    "Payload": json.dumps({"shard": shard, **carried}).encode(),
                },
            )
        assert module.handler({"Records": [record]}, Context()) == {"seq": 2, "workers": 2}
        functions.assert_no_pending_responses()
    assert api.posts == []


def test_a_payload_that_lambda_would_not_take_is_an_error_that_says_so(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_FUNCTION", "cadfeed-worker")
    module = load("publish")
    image = {"seq": {"N": "1"}, "packed": {"B": "x" * 1_048_576}}
    with pytest.raises(ValueError, match="Lambda takes 1048576"):
        module.start_worker(module.lambdas, None, image, 0)


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
