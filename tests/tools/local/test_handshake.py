"""The emulator answers a handshake with the status and the subprotocol that `$connect` returned."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from ministack.services import apigateway

from tools.local import handshake
from tools.local.handshake import Receive, Scope, Send, answering

ACCEPT, CLOSE = {"type": "websocket.accept"}, {"type": "websocket.close", "code": 1008}


def answered(
    monkeypatch: pytest.MonkeyPatch, connects: dict[str, Any] | None, *messages: dict[str, Any]
) -> list[MutableMapping[str, Any]]:
    """Return what a client gets of the emulator's messages after `$connect` has answered."""
    sent: list[MutableMapping[str, Any]] = []

    async def invoke(*_: object, **_named: object) -> dict[str, Any] | None:
        return connects

    async def emulator(_scope: Scope, _receive: Receive, send: Send) -> None:
        await apigateway._invoke_ws_lambda("api", "account", "region", {}, "live", "id", "CONNECT", "", "", "", {})
        await apigateway._invoke_ws_lambda("api", "account", "region", {}, "live", "id", "MESSAGE", "", "", "", {})
        for message in messages:
            await send(message)

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    monkeypatch.setattr(handshake, "_invoke", invoke)
    monkeypatch.setattr(apigateway, "_invoke_ws_lambda", None)

    async def ask() -> None:
        await answering(emulator)({"type": "websocket"}, receive, send)

    asyncio.run(ask())
    return sent


@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_a_refusal_has_its_status(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    start, body = answered(monkeypatch, {"statusCode": status}, CLOSE)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    assert body == {"type": "websocket.http.response.body", "body": b""}


def test_an_answer_has_the_subprotocol_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    connects = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "cadfeed"}}
    assert answered(monkeypatch, connects, ACCEPT, CLOSE) == [ACCEPT | {"subprotocol": "cadfeed"}, CLOSE]


@pytest.mark.parametrize("connects", [None, {}, {"statusCode": 200}, {"statusCode": 200, "headers": None}])
def test_any_other_answer_stays(monkeypatch: pytest.MonkeyPatch, connects: dict[str, Any] | None) -> None:
    assert answered(monkeypatch, connects, ACCEPT, CLOSE) == [ACCEPT, CLOSE]
    assert answered(monkeypatch, connects, CLOSE) == [CLOSE]
