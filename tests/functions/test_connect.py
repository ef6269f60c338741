"""`connect` and `disconnect` as deployed: the status of each handshake, and what a log says."""

import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.connecting import headers, secret_pair
from shared.store.connection_counts import ConnectionCounts
from shared.store.connections_table import ConnectionsTable
from tests.clients import ConnectionsServer
from tests.lambdas import CONNECTION_ID as ID
from tests.lambdas import Context, Load, websocket_event
from tests.stored import stored


def told(connection_id: str, route: str = "$connect", **given: str) -> dict[str, Any]:
    event = websocket_event(route, kind=route.removeprefix("$").upper()) | {"headers": given}
    event["requestContext"]["connectionId"] = connection_id
    return event


def status(handler: Any, event: dict[str, Any]) -> int:
    return int(handler(event, Context())["statusCode"])


def reasons(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str, str]]:
    refused = [vars(each) for each in caplog.records if each.getMessage() == "connection refused"]
    return [(each["status"], each["reason"], each["connection_id"]) for each in refused]


def test_a_viewer_has_at_most_its_configured_connections(
    load: Load, connections_items: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that ends makes room for another, and the log says why one was refused."""
    monkeypatch.setenv("MAX_CONNECTIONS_PER_CLIENT", "2")
    connect, disconnect = load("connect").handler, load("disconnect").handler
    assert [status(connect, told(each)) for each in "abc"] == [200, 200, 429]
    assert sorted(str(item["sk"]) for item in stored(connections_items)) == ["203.0.113.7#a", "203.0.113.7#b", "a", "b"]
    assert status(disconnect, told("a", "$disconnect")) == 200
    assert [status(connect, told(each)) for each in "de"] == [200, 429]
    assert reasons(caplog) == [(429, "the viewer has too many connections", each) for each in "ce"]


def test_a_connection_that_cannot_be_stored_keeps_no_place(
    load: Load, connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a client that tries again while DynamoDB throttles would be locked out for hours."""
    monkeypatch.setenv("MAX_CONNECTIONS_PER_CLIENT", "2")
    module = load("connect")

    def throttled(*_given: object) -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem")

    with monkeypatch.context() as patch:
        patch.setattr(module.connections, "add", throttled)
        for each in "abc":
            with pytest.raises(ClientError):
                module.handler(told(each), Context())
    assert stored(connections_items) == []
    assert [status(module.handler, told(each)) for each in "def"] == [200, 200, 429]


def test_a_block_of_addresses_has_a_limit_of_its_own(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_CONNECTIONS_PER_BLOCK", "2")
    connect = load("connect").handler
    assert [status(connect, told(each)) for each in "abc"] == [200, 200, 429]


def test_the_feed_has_a_limit_for_each_shard(
    load: Load, connections_items: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MAX_CONNECTIONS", "3")
    monkeypatch.setenv("CONNECTION_SHARDS", "2")
    ConnectionCounts(connections_items).write(0, 5, int(time.time()))
    module = load("connect")
    assert status(module.handler, told("a")) == 200
    ConnectionCounts(connections_items).write(1, 1, int(time.time()))
    assert status(load("connect").handler, told("b")) == 429
    assert [each[:2] for each in reasons(caplog)] == [(429, "the feed has too many connections")]


def test_without_limits_nobody_counts_connections(load: Load, connections_items: Table) -> None:
    assert status(load("connect").handler, told("a")) == 200
    assert {str(item["pk"]).partition("#")[0] for item in connections_items.scan()["Items"]} == {"SHARD"}


def test_only_the_edge_gets_in_and_no_log_has_its_secret(
    load: Load, connections_items: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret_pair._client.cache_clear()
    value = json.dumps({"current": "hush-now", "other": "hush-before"})
    name = boto3.client("secretsmanager").create_secret(Name="origin", SecretString=value)["ARN"]
    monkeypatch.setenv("ORIGIN_SECRET", name)
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://shop.example,https://other.example")
    monkeypatch.setenv("MAX_CONNECTIONS_PER_CLIENT", "1")
    connect = load("connect").handler

    def through(secret: str, viewer: str, **more: str) -> dict[str, str]:
        return {headers.PROOF: secret, headers.VIEWER: viewer, headers.HOST: "feed.example", **more}

    assert status(connect, told("a")) == 403
    assert status(connect, told("b", **through("hush-wrong", "198.51.100.1"))) == 403
    assert status(connect, told("c", **through("hush-now", "198.51.100.1"))) == 200
    assert status(connect, told("d", **through("hush-before", "198.51.100.2"))) == 200
    assert status(connect, told("e", **through("hush-now", "198.51.100.2"))) == 429
    assert status(connect, told("f", **through("hush-now", "198.51.100.3", Origin="https://evil.example"))) == 403
    assert status(connect, told("g", **through("hush-now", "198.51.100.3", Origin="https://other.example"))) == 200
    assert [(each[0], each[2]) for each in reasons(caplog)] == [(403, "a"), (403, "b"), (429, "e"), (403, "f")]
    assert "hush" not in "".join(str(vars(each)) for each in caplog.records)
    assert "hush" not in str(connections_items.scan()["Items"])
    secret_pair._client.cache_clear()


@pytest.mark.parametrize("name", ["connect", "disconnect"])
def test_a_message_named_like_a_gateway_route_counts(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It does not run the route. A client that sends too many is told so, and is closed, as with any message."""
    monkeypatch.setenv("MESSAGE_BURST", "10")
    connections_table.add(ID, int(time.time()))
    connections_table.subscribe(ID, "rates", None)
    handler = load(name).handler
    sent = 0
    while not api.deleted:
        assert sent < 80
        sent += 1
        assert handler(websocket_event(f"${name}", {"event": f"${name}", "id": sent}), Context()) == {"statusCode": 200}
    assert sent >= 60
    frames = api.frames()
    assert (frames[0]["code"], frames[0]["id"]) == ("unknown_event", 1)
    assert [frame["code"] for frame in frames].count("rate_limited") >= 40
    assert connections_table.get(ID).subscriptions == {"rates": None}
