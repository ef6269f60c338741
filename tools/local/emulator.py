"""MiniStack, which answers programs on this machine and no web page: `python -m tools.local.emulator FOLDER`.

It runs in the folder and is set by its own environment variables.

Its root key is well known and its own answers allow every origin, so a page could else deploy code here and run it.
"""

import os
import sys

from ministack import app as ministack

from tools.browser_requests import VISITOR_ORIGIN, refusal
from tools.local.handshake import App, Receive, Scope, Send, answering


def guarded(app: App) -> App:
    """Return an app that refuses browsers' requests with 403 and hands all others on.

    The scope and the messages are ASGI's: https://asgi.readthedocs.io/en/latest/specs/www.html
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if why := refusal(headers):
            await _refuse(scope, receive, send, why)
            return
        stated = VISITOR_ORIGIN.lower().encode()
        visible = [(b"origin" if name.lower() == stated else name, value) for name, value in scope["headers"]]
        await app({**scope, "headers": visible}, receive, send)

    return guard


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})  # before `accept` this answers 403
        return
    body = f"{why}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    os.chdir(sys.argv.pop())  # before this Python needed the folder of the repository
    ministack.app = guarded(answering(ministack.app))
    ministack.main()
