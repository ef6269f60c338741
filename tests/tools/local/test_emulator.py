"""The guard before the emulator: browsers get nothing, and the visitor's origin is stated by the edge."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from tools.browser_requests import VISITOR_ORIGIN
from tools.local.emulator import guarded
from tools.local.handshake import Receive, Scope, Send

Messages = list[MutableMapping[str, Any]]


def asked(kind: str, headers: dict[str, str]) -> tuple[Messages, list[Scope]]:
    """Return what a request was answered, and the scopes that reached the emulator."""
    sent: Messages = []
    reached: list[Scope] = []

    async def emulator(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": f"{kind}.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        await guarded(emulator)({"type": kind, "headers": named}, receive, send)

    named = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    asyncio.run(ask())
    return sent, reached


def test_a_browsers_request_is_refused_with_its_reason() -> None:
    (start, body), reached = asked("http", {"host": "127.0.0.1:4566", "origin": "https://example.com"})
    assert (start["status"], reached) == (403, [])
    assert b"a browser sent this" in body["body"]


def test_a_browsers_socket_is_refused() -> None:
    (closed,), reached = asked("websocket", {"host": "localhost:4566", "Origin": "https://example.com"})
    assert (closed["type"], reached) == ("websocket.close", [])


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_program_is_answered_with_the_headers_that_it_sent(kind: str) -> None:
    sent, (scope,) = asked(kind, {"host": "127.0.0.1:4566", VISITOR_ORIGIN: "https://example.com"})
    assert scope["headers"] == [(b"host", b"127.0.0.1:4566"), (b"origin", b"https://example.com")]
    assert not sent


def test_the_start_and_the_end_of_the_emulator_are_its_own() -> None:
    assert asked("lifespan", {})[1]
