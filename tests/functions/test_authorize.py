"""`authorize` and `connect` as deployed, one after the other as API Gateway invokes them, and what their logs say."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.connecting import secret_pair
from shared.connecting.token_keys import kid_of
from shared.store.connections_table import ConnectionsTable
from tests.clients import ConnectionsServer
from tests.lambdas import Context, Load, logged_lines, websocket_event
from tests.stored import stored
from tests.tokens import FEED, KEY, OLD_KEY, OTHER_KEY, token

ARN = "arn:aws:execute-api:ca-central-1:123456789012:a1b2c3d4e5/live/$connect"


class Entry:
    """The two functions of a handshake."""

    def __init__(self, load: Load) -> None:
        self.authorize, self.connect = load("authorize"), load("connect")
        self.contexts: list[dict[str, Any]] = []

    def __call__(self, connection_id: str, *tokens: str, in_query: bool = False) -> int:
        """Return the status of a handshake with these tokens."""
        event = websocket_event("$connect", kind="CONNECT") | {"headers": {}, "multiValueHeaders": {}}
        event["requestContext"]["connectionId"] = connection_id
        if in_query:
            event["multiValueQueryStringParameters"] = {"token": list(tokens)}
        else:
            offered = ", ".join(("cadfeed", *(f"cadfeed.token.{each}" for each in tokens)))
            event["multiValueHeaders"] = {"Sec-WebSocket-Protocol": [offered]}
        answer = self.authorize.handler(event | {"type": "REQUEST", "methodArn": ARN}, Context())
        (statement,) = answer["policyDocument"]["Statement"]
        assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", ARN)
        if statement["Effect"] != "Allow":
            assert answer["context"] == {}
            return 403
        self.contexts.append(answer["context"])
        event["requestContext"]["authorizer"] = {**answer["context"], "principalId": answer["principalId"]}
        told = self.connect.handler(event, Context())
        taken = {} if in_query else {"headers": {"Sec-WebSocket-Protocol": "cadfeed"}}
        assert told["statusCode"] != 200 or told == {"statusCode": 200} | taken
        return int(told["statusCode"])


@pytest.fixture
def entry(load: Load, connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entry]:
    secret_pair._client.cache_clear()
    value = json.dumps({"current": KEY, "other": OLD_KEY})
    name = boto3.client("secretsmanager").create_secret(Name="tokens", SecretString=value)["ARN"]
    for variable, text in {
        "TOKEN_KEYS": name,
        "AUDIENCE": FEED,
        "TOKENS": "true",
        "MAX_CONNECTIONS_PER_CLIENT": "2",
        "MAX_CONNECTIONS_PER_BLOCK": "3",
    }.items():
        monkeypatch.setenv(variable, text)
    assert connections_items
    yield Entry(load)
    secret_pair._client.cache_clear()


def test_a_token_gets_in_and_its_grant_is_stored(entry: Entry, connections_table: ConnectionsTable) -> None:
    ends_s = int(time.time()) + 600
    assert entry("a", token(exp=ends_s)) == 200
    assert entry("b", token(OLD_KEY, exp=ends_s, channels=["rates_batch"]), in_query=True) == 200
    kept = [connections_table.get(each) for each in "ab"]
    assert [(each.ends_s, each.allowed) for each in kept] == [(ends_s, None), (ends_s, ("rates_batch",))]


def test_without_a_valid_token_nobody_gets_in(
    entry: Entry, connections_items: Table, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = int(time.time())
    bad = {
        "no token": (),
        "more than one token": (token(), token(sub="bob")),
        "not a token": ("a.b.c",),
        "the token has expired": (token(exp=now_s),),
        "the token is from the future": (token(nbf=now_s + 60),),
        "the token's signature is wrong": (token(OTHER_KEY, kid=kid_of(KEY)),),
        "the token has the kid of no valid key": (token(OTHER_KEY),),
        "the token has no exp": (token(exp=None),),
        "the token is for something else": (token(aud="Other"),),
    }
    for in_query in (False, True):
        assert [entry("a", *tokens, in_query=in_query) for tokens in bad.values()] == [403] * len(bad)
    assert stored(connections_items) == []
    lines = [line for line in logged_lines(entry.authorize, caplog) if line["message"] == "token refused"]
    assert [line["reason"] for line in lines] == [*bad, *bad]
    assert {line["connection_id"] for line in lines} == {"a"}


def test_connections_are_counted_by_subject(entry: Entry) -> None:
    """One address may have many subjects, and the token's own number takes the place of the setting's."""
    assert [entry(each, token()) for each in "abc"] == [200, 200, 429]
    assert [entry(each, token(sub="bob", max_connections=1)) for each in "de"] == [200, 429]
    assert [entry(each, token(sub="carol", max_connections=4)) for each in "fghij"] == [200, 200, 200, 200, 429]


def test_a_connection_that_ends_makes_room_for_its_subject(entry: Entry, connections_table: ConnectionsTable) -> None:
    assert [entry(each, token(max_connections=1)) for each in "ab"] == [200, 429]
    connections_table.remove("a")
    assert entry("c", token(max_connections=1)) == 200


def test_connect_trusts_nothing_but_the_authorizer(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the route has lost its authorizer, nobody gets in."""
    monkeypatch.setenv("TOKENS", "true")
    event = websocket_event("$connect", kind="CONNECT")
    event["multiValueQueryStringParameters"] = {"token": [token()]}
    assert load("connect").handler(event, Context()) == {"statusCode": 403}


def test_a_key_that_was_added_counts_after_a_pause(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert entry("a", token(OTHER_KEY)) == 403
    manager = boto3.client("secretsmanager")
    manager.put_secret_value(SecretId="tokens", SecretString=json.dumps({"current": OTHER_KEY, "other": KEY}))
    assert entry("a", token(OTHER_KEY)) == 403
    monkeypatch.setattr(entry.authorize.check._keys._pair, "_now_s", lambda: time.monotonic() + 11)
    assert [entry("a", token(OTHER_KEY)), entry("b", token(sub="bob"))] == [200, 200]
    assert entry("c", token(OLD_KEY)) == 403


def test_strangers_cannot_make_it_read_often(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    client = secret_pair._client()
    get = client.get_secret_value

    def counted(**given: str) -> Any:
        reads.append(given["SecretId"])
        return get(**given)

    monkeypatch.setattr(client, "get_secret_value", counted)
    assert {entry("a", token(OTHER_KEY, kid=f"invented{each}")) for each in range(200)} == {403}
    assert len(reads) == 1


def test_no_log_has_a_token(entry: Entry, connections_items: Table, caplog: pytest.LogCaptureFixture) -> None:
    """Nor a part of one, nor is it stored."""
    good, bad = token(), token(OTHER_KEY)
    assert [entry("a", good), entry("b", bad), entry("c", bad, in_query=True)] == [200, 403, 403]
    seen = "".join(str(vars(each)) for each in caplog.records) + str(connections_items.scan()["Items"])
    assert "connected" in seen
    for each in (good, bad):
        assert not [part for part in each.split(".") if part in seen]


@pytest.mark.parametrize(("name", "event_name"), [("subscribe", "subscribe"), ("request", "snapshot")])
def test_another_channel_than_the_tokens_is_refused(
    entry: Entry, load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, name: str, event_name: str
) -> None:
    assert entry("a=", token(channels=["rates_batch"])) == 200
    event = websocket_event(event_name, {"event": event_name, "channel": "rates", "id": 1})
    event["requestContext"]["connectionId"] = "a="
    load(name).handler(event, Context())
    (frame,) = api.frames()
    assert (frame["code"], frame["retryable"], frame["id"]) == ("channel_denied", False, 1)
    assert connections_table.get("a=").subscriptions == {}


@pytest.mark.parametrize("name", ["subscribe", "request", "connect", "disconnect"])
def test_a_message_after_the_end_closes_the_connection(
    load: Load, api: ConnectionsServer, connections_table: ConnectionsTable, name: str
) -> None:
    now_s = int(time.time())
    connections_table.add("old=", now_s - 600, {"ends_at": now_s})
    event = websocket_event("$default", {"event": "ping"})
    event["requestContext"]["connectionId"] = "old="
    load(name).handler(event, Context())
    assert (api.frames(), len(api.deleted)) == ([], 1)


@pytest.mark.parametrize("key", ["", "arn:aws:cloudformation:::stack/Cadfeed/0a1b2c3d"])
def test_a_log_names_the_subject_or_its_hash(
    entry: Entry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    monkeypatch.setattr(entry.connect, "settings", replace(entry.connect.settings, address_key=key))
    assert entry("a", token()) == 200
    (line,) = [line for line in logged_lines(entry.connect, caplog) if line["message"] == "connected"]
    assert (line["subject"] == "alice") == (not key)
