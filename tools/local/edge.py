"""The local stack's TLS edge: the dashboard and the feed's WebSocket on one port, as CloudFront has them on AWS."""

import asyncio
import errno
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.typedefs import Handler
from yarl import URL

from infra.security_headers import FOR_EVER, HASHED, HEADERS, REVALIDATED, content_security_policy
from tools.local.certificates import Certificates, server_context

# API Gateway gives the integration behind $connect 29 s; a client of the real one waits as long.
HANDSHAKE_TIMEOUT_S = 29
CLOSE_TIMEOUT_S = 2
# Well above the 128 KB that API Gateway carries: the edge adds no limit of its own.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
PASSED_ON = ("Origin", "User-Agent")
HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
WEBSOCKET_HINT = "This is a WebSocket address: connect with wss://, e.g. `python -m tools.watch`.\n"


@dataclass(frozen=True, slots=True)
class End:
    """How a side of a relay ended: with a close code and a reason, or cut (abnormally) without any."""

    code: int
    reason: bytes = b""


CUT = End(WSCloseCode.ABNORMAL_CLOSURE)
GOING_AWAY = End(WSCloseCode.GOING_AWAY)
Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class Edge:
    """A running edge. `port` is the one it listens on, also when any free one was asked for."""

    def __init__(self, runner: web.AppRunner, relays: "_Relays", port: int) -> None:
        self._runner = runner
        self._relays = relays
        self.port = port

    async def stop(self) -> None:
        """Close every connection with 1001 (going away) and free the port."""
        for site in list(self._runner.sites):
            await site.stop()
        # Before the runner's own clean-up, in which aiohttp no longer reads and so would miss the clients' answers.
        await self._relays.stop()
        await self._runner.cleanup()


async def start_edge(certificates: Certificates, upstream_url: str, port: int, web_folder: Path) -> Edge:
    """Serve `web_folder` and, at /markets/ws and /markets/ws/, the WebSocket at `upstream_url`, on 127.0.0.1 and ::1.

    Port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    relays = _Relays(upstream_url)
    app = web.Application(middlewares=[_compress])
    app.on_response_prepare.append(_harden)
    for path in ("/markets/ws", "/markets/ws/"):
        app.router.add_get(path, relays.handle, allow_head=False)

    async def index(_: web.Request) -> web.FileResponse:
        return web.FileResponse(web_folder / "index.html")

    app.router.add_get("/", index)
    app.router.add_static("/", web_folder)

    # With handler_cancellation a client that is cut ends its relay at once, even while that waits to send.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=CLOSE_TIMEOUT_S)
    await runner.setup()
    try:
        context = server_context(certificates)
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        bound: int = runner.addresses[0][1]
        try:
            await web.TCPSite(runner, "::1", bound, ssl_context=context).start()
        except OSError as error:
            # No IPv6 here is fine. Another program on the same port there is not: `localhost` may mean that one.
            if error.errno == errno.EADDRINUSE and port:
                raise
    except BaseException:
        await runner.cleanup()
        raise
    return Edge(runner, relays, bound)


@web.middleware
async def _compress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """As CloudFront does for who takes it. A part of a file is sent as it is."""
    response = await handler(request)
    if isinstance(response, web.FileResponse) and "Range" not in request.headers:
        response.enable_compression()
    return response


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    if response.status == 101:
        return
    host = request.host if HOST.fullmatch(request.host) else ""
    response.headers["Content-Security-Policy"] = content_security_policy(host)
    response.headers.update(HEADERS)
    is_hashed = request.path.startswith(HASHED) and response.status in {200, 206, 304}
    response.headers["Cache-Control"] = FOR_EVER if is_hashed else REVALIDATED


class _Relays:
    def __init__(self, upstream_url: str) -> None:
        self._upstream_url = upstream_url
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=426, text=WEBSOCKET_HINT, headers={"Upgrade": "websocket"})
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                upstream = await self._dial(request)
        except aiohttp.WSServerHandshakeError as refusal:
            # Anything but a refusal (a 200 from some other server) is no answer to an upgrade.
            status = refusal.status if refusal.status >= 400 else 502
            return web.Response(status=status, text=f"The feed refused the connection: {refusal.status}.\n")
        except TimeoutError:
            return web.Response(status=504, text="The feed did not answer in time.\n")
        except (aiohttp.ClientError, OSError) as error:
            return web.Response(status=502, text=f"The feed is not reachable: {error}.\n")

        client = web.WebSocketResponse(
            protocols=(upstream.protocol,) if upstream.protocol else (),
            compress=False,
            autoclose=False,
            timeout=CLOSE_TIMEOUT_S,
            max_msg_size=MAX_MESSAGE_BYTES,
        )
        relay = asyncio.ensure_future(_relay(request, client, upstream))
        self._running.add(relay)
        relay.add_done_callback(self._running.discard)
        try:
            await asyncio.wait([relay])
        finally:
            relay.cancel()
        # `stop` cancels the relay but not this handler, which then ends in good order.
        if not relay.cancelled():
            relay.result()
        return client

    async def _dial(self, request: web.Request) -> aiohttp.ClientWebSocketResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                skip_auto_headers=("User-Agent",),
            )
        query = request.rel_url.raw_query_string
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        chain = (request.headers.get("X-Forwarded-For", ""), request.remote or "")
        headers["X-Forwarded-For"] = ", ".join(filter(None, chain))
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        return await self._session.ws_connect(
            URL(f"{self._upstream_url}?{query}" if query else self._upstream_url, encoded=True),
            headers=headers,
            protocols=[protocol.strip() for protocol in offered.split(",") if protocol.strip()],
            autoclose=False,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            max_msg_size=MAX_MESSAGE_BYTES,
        )

    async def stop(self) -> None:
        running = list(self._running)
        for relay in running:
            relay.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


async def _relay(
    request: web.Request, client: web.WebSocketResponse, upstream: aiohttp.ClientWebSocketResponse
) -> None:
    """Carry messages both ways until either side ends, then end the other one alike."""
    pumps: list[asyncio.Task[End | None]] = []
    try:
        await client.prepare(request)
        pumps = [asyncio.create_task(_pump(client, upstream)), asyncio.create_task(_pump(upstream, client))]
        pending = set(pumps)
        while pending and _end(pumps) is None:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Also when cancelled: the end that a side has announced meanwhile still reaches the other one.
        end = _end(pumps) or GOING_AWAY
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        # 1006 may not be sent, and a client should learn that it was not the edge that failed.
        await asyncio.gather(
            _close(upstream, GOING_AWAY if end == CUT else end),
            _close(client, End(WSCloseCode.BAD_GATEWAY, b"the feed is gone") if end == CUT else end),
        )


def _end(pumps: list[asyncio.Task[End | None]]) -> End | None:
    ends = [end for pump in pumps if pump.done() and (end := pump.result()) is not None]
    return min(ends, key=lambda end: end == CUT, default=None)


async def _pump(origin: Socket, destination: Socket) -> End | None:
    """Carry one direction; the end of `origin`, or None when `destination` ended, which the other pump reports."""
    while True:
        message = await origin.receive()
        try:
            # The next message is read only when this one is on its way: back-pressure reaches the sender.
            if message.type is WSMsgType.TEXT:
                await destination.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await destination.send_bytes(message.data)
            elif message.type is WSMsgType.CLOSE:
                # 0 is a close frame without a code, which reads as 1005 and may not be sent on as such.
                return End(message.data or WSCloseCode.OK, (message.extra or "").encode())
            else:
                # A protocol error has a code that `receive` has set, a cut is 1006.
                return End(origin.close_code or WSCloseCode.ABNORMAL_CLOSURE)
        except (aiohttp.ClientError, OSError):
            return None


async def _close(socket: Socket, end: End) -> None:
    if isinstance(socket, web.WebSocketResponse) and not socket.prepared:
        return
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code=end.code, message=end.reason)
