"""What MiniStack leaves out of a handshake's answer: the status and the subprotocol that `$connect` returned.

MiniStack answers every refusal with 403, and an accepted handshake without a subprotocol. API Gateway passes on both:
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from ministack.services import apigateway

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_answer: ContextVar[Mapping[str, Any] | None] = ContextVar("answer of $connect", default=None)
_invoke = apigateway._invoke_ws_lambda


async def _remembered(*given: Any, **named: Any) -> Any:
    """Invoke a route's function, and remember what `$connect` answered in this handshake."""
    answer = await _invoke(*given, **named)
    if "CONNECT" in given:
        _answer.set(answer)
    return answer


def answering(app: App) -> App:
    """Return an app that answers a handshake as `$connect` says. The messages are ASGI's."""
    apigateway._invoke_ws_lambda = _remembered

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        accepted = False

        async def send_as_told(message: MutableMapping[str, Any]) -> None:
            nonlocal accepted
            told = _answer.get() or {}
            if message["type"] == "websocket.accept":
                accepted = True
                await send(_with_subprotocol(message, told))
            elif message["type"] == "websocket.close" and not accepted and int(told.get("statusCode", 200)) >= 400:
                await _refuse(send, int(told["statusCode"]))
            else:
                await send(message)

        await app(scope, receive, send_as_told if scope["type"] == "websocket" else send)

    return answered


def _with_subprotocol(message: MutableMapping[str, Any], told: Mapping[str, Any]) -> MutableMapping[str, Any]:
    headers = {name.lower(): value for name, value in (told.get("headers") or {}).items()}
    chosen = headers.get("sec-websocket-protocol")
    return {**message, "subprotocol": chosen} if chosen else message


async def _refuse(send: Send, status: int) -> None:
    """https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response"""
    await send({"type": "websocket.http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "websocket.http.response.body", "body": b""})
