"""Any failure of a message is posted to its sender with the message's id, if the sender is still there."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from shared.gateway import Gone, PostFailed
from shared.model.message_limit import CLOSED_AFTER, RateLimited
from shared.model.values import Connection
from shared.protocol import BadRequest, Message
from shared.requests.routes import Act, Admit, route
from shared.store.connections_table import NotConnected
from tests.clients import Clients, Refusal, gone, throttled

ID = "L0SM9cOFvHcCIhw="
CONNECTION = Connection(ID, {})
TABLE_DOWN = [
    ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem"),
    EndpointConnectionError(endpoint_url="https://dynamodb.ca-central-1.amazonaws.com"),
]


@pytest.fixture
def clients() -> Clients:
    return Clients()


def admitted(connection_id: str, _message: Message | BadRequest) -> Connection:
    assert connection_id == ID
    return CONNECTION


def send(clients: Clients, body: str | None, act: Act, admit: Admit = admitted) -> None:
    """Route a frame and assert that it counts as handled."""
    event = {"requestContext": {"connectionId": ID}, "body": body}
    assert route(event, clients.gateway, admit, act) == {"statusCode": 200}


def raising(error: Exception) -> Callable[..., Any]:
    """Return a stub that raises instead of admitting a message or acting on it."""

    def raise_it(*_given: object) -> Any:
        raise error

    return raise_it


def test_a_message_is_acted_on_with_its_connection(clients: Clients) -> None:
    acted: list[tuple[Connection, Message]] = []
    send(clients, '{"event":"ping","id":1}', lambda *given: acted.append(given))
    assert acted == [(CONNECTION, Message("ping", 1, {"event": "ping", "id": 1}))]
    assert clients.posts == 0


@pytest.mark.parametrize(
    ("body", "code", "message_id"),
    [
        (None, "bad_json", None),
        ("{", "bad_json", None),
        ('{"event":1e99999999999999999999}', "bad_json", None),
        ('{"id":7}', "bad_request", 7),
        (json.dumps({"event": "ping", "id": "x" * 5_000}), "too_large", None),
    ],
)
def test_an_unreadable_message_is_answered_and_not_acted_on(
    clients: Clients, body: str | None, code: str, message_id: int | None
) -> None:
    send(clients, body, raising(AssertionError("acted on")))
    (frame,) = clients.frames(ID)
    assert (frame["event"], frame["code"], frame.get("id"), frame["retryable"]) == ("error", code, message_id, False)


def test_a_refusal_is_posted_with_its_code_text_and_id(clients: Clients) -> None:
    send(clients, '{"event":"x"}', raising(BadRequest("unknown_event", "no such event: x", 2**63 - 1)))
    (frame,) = clients.received[ID]
    assert frame == (
        b'{"event":"error","code":"unknown_event","message":"no such event: x","retryable":false,'
        b'"id":9223372036854775807}'
    )


@pytest.mark.parametrize("error", TABLE_DOWN)
def test_a_table_that_is_down_is_a_retryable_error(clients: Clients, error: Exception) -> None:
    send(clients, '{"event":"ping","id":"a"}', raising(error))
    (frame,) = clients.frames(ID)
    assert (frame["code"], frame["id"], frame["retryable"]) == ("unavailable", "a", True)
    assert "Exception" not in frame["message"]


@pytest.mark.parametrize("error", [Gone(ID), NotConnected(ID), PostFailed("throttled")])
def test_a_client_that_leaves_during_an_answer_is_not_an_error(clients: Clients, error: Exception) -> None:
    send(clients, '{"event":"ping"}', raising(error))
    assert clients.posts == 0


@pytest.mark.parametrize("refusal", [gone, throttled])
@pytest.mark.parametrize("error", [BadRequest("unknown_event", "no"), TABLE_DOWN[0]])
def test_an_error_that_cannot_be_posted_is_ignored(clients: Clients, refusal: Refusal, error: Exception) -> None:
    clients.refusals[ID] = refusal
    send(clients, '{"event":"ping"}', raising(error))
    assert clients.posts == (1 if refusal is gone else 3)


def test_a_bug_is_not_hidden(clients: Clients) -> None:
    with pytest.raises(ZeroDivisionError):
        send(clients, '{"event":"ping"}', raising(ZeroDivisionError()))


NOTHING_DONE = raising(AssertionError("acted on"))


@pytest.mark.parametrize(("body", "message_id"), [('{"event":"ping","id":1}', 1), ("no json", None), ('{"id":7}', 7)])
def test_any_message_over_the_limit_is_refused_with_a_wait(clients: Clients, body: str, message_id: int | None) -> None:
    send(clients, body, NOTHING_DONE, raising(RateLimited(400, 1)))
    (frame,) = clients.frames(ID)
    assert (frame["code"], frame["retryable"], frame["retry_in_ms"]) == ("rate_limited", True, 400)
    assert frame.get("id") == message_id
    assert clients.closed == []


def test_a_client_far_over_the_limit_is_closed(clients: Clients) -> None:
    send(clients, '{"event":"ping"}', NOTHING_DONE, raising(RateLimited(10_000, CLOSED_AFTER - 1)))
    assert (clients.posts, clients.closed) == (1, [])
    send(clients, '{"event":"ping"}', NOTHING_DONE, raising(RateLimited(10_000, CLOSED_AFTER)))
    assert (clients.posts, clients.closed) == (1, [ID])


def test_a_bad_message_is_counted_before_it_is_judged(clients: Clients) -> None:
    counted: list[str] = []

    def admit(connection_id: str, message: Message | BadRequest) -> Connection:
        assert isinstance(message, BadRequest)
        counted.append(connection_id)
        return CONNECTION

    for body in (None, "{", "[]", '{"event":1}', "x" * 5_000):
        send(clients, body, NOTHING_DONE, admit)
    assert counted == [ID] * 5
    assert [frame["code"] for frame in clients.frames(ID)] == [
        "bad_json",
        "bad_json",
        "bad_request",
        "bad_request",
        "too_large",
    ]


@pytest.mark.parametrize("body", ['{"event":"ping","id":"a"}', '{"id":"a"}'])
def test_a_table_that_cannot_count_is_a_retryable_error(clients: Clients, body: str) -> None:
    send(clients, body, NOTHING_DONE, raising(TABLE_DOWN[0]))
    (frame,) = clients.frames(ID)
    assert (frame["code"], frame["id"], frame["retryable"]) == ("unavailable", "a", True)
