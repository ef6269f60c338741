"""The feed's WebSocket at the edge: what a client sends and gets, within the limits that API Gateway has on AWS.

Its limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
Its close codes: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from yarl import URL

from tools.browser_requests import VISITOR_ORIGIN
from tools.local.frame_limit import FrameLimit

# API Gateway gives the integration behind $connect 29 s; a client of the real one waits as long.
HANDSHAKE_TIMEOUT_S = 29
CLOSE_TIMEOUT_S = 2
MAX_FRAME_BYTES = 32 * 1024
MAX_MESSAGE_BYTES = 128 * 1024
PASSED_ON = {"User-Agent": "User-Agent", "Origin": VISITOR_ORIGIN}
WEBSOCKET_HINT = "This is a WebSocket address: connect with wss://, e.g. `python -m tools.watch`.\n"


@dataclass(frozen=True, slots=True)
class End:
    """How a side of a relay ended: with a close code and a reason, or cut (abnormally) without any."""

    code: int
    reason: bytes = b""


CUT = End(WSCloseCode.ABNORMAL_CLOSURE)
GOING_AWAY = End(WSCloseCode.GOING_AWAY)
FEED_IS_GONE = End(WSCloseCode.BAD_GATEWAY, b"the feed is gone")
TEXT_ONLY = End(WSCloseCode.UNSUPPORTED_DATA, b"binary frames are not supported")
TOO_LONG = End(WSCloseCode.MESSAGE_TOO_BIG, b"a frame has at most 32 KB, a message 128 KB")
UNMASKED = End(WSCloseCode.PROTOCOL_ERROR, b"a client masks its frames")
Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse
Added = Callable[[web.Request], Awaitable[Mapping[str, str]]]  # headers that the edge adds to a client's handshake


class Relays:
    def __init__(self, upstream_url: str, added: Added) -> None:
        self._upstream_url = upstream_url
        self._added = added
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=426, text=WEBSOCKET_HINT, headers={"Upgrade": "websocket"})
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                upstream = await self._dial(request)
        except aiohttp.WSServerHandshakeError as refusal:
            # Anything but a refusal (a 200 from some other server) is not an answer to an upgrade.
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
            max_msg_size=0,
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
        headers = {to: request.headers[name] for name, to in PASSED_ON.items() if name in request.headers}
        chain = (request.headers.get("X-Forwarded-For", ""), request.remote or "")
        headers["X-Forwarded-For"] = ", ".join(filter(None, chain))
        headers |= await self._added(request)
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        return await self._session.ws_connect(
            URL(f"{self._upstream_url}?{query}" if query else self._upstream_url, encoded=True),
            headers=headers,
            protocols=[protocol.strip() for protocol in offered.split(",") if protocol.strip()],
            autoclose=False,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            max_msg_size=0,
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
    refused: asyncio.Future[End | None] = asyncio.get_running_loop().create_future()
    pumps: list[asyncio.Future[End | None]] = []
    try:
        await _prepare(client, request, refused)
        pumps = [asyncio.create_task(_pump(client, upstream)), asyncio.create_task(_pump(upstream, client))]
        pending = set(pumps)
        while pending and _end([refused, *pumps]) is None:
            _, pending = await asyncio.wait({refused, *pending}, return_when=asyncio.FIRST_COMPLETED)
            pending.discard(refused)
    finally:
        # Also when cancelled: the end that a side has announced meanwhile still reaches the other one.
        end = _end([refused, *pumps]) or GOING_AWAY
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        # 1006 may not be sent, and a client should learn that it was not the edge that failed.
        await asyncio.gather(
            _close(upstream, GOING_AWAY if end == CUT else end), _close(client, FEED_IS_GONE if end == CUT else end)
        )


async def _prepare(client: web.WebSocketResponse, request: web.Request, refused: asyncio.Future[End | None]) -> None:
    """Answer the upgrade. `refused` is resolved when the client sends a frame that API Gateway does not take.

    Raises:
        ConnectionResetError: the client is gone.
        web.HTTPException: the request is not an upgrade to a WebSocket.
    """

    def end(how: End) -> None:
        if not refused.done():
            refused.set_result(how)

    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client is gone")
    # Before the answer: no client sends a frame sooner (https://datatracker.ietf.org/doc/html/rfc6455#section-4.1).
    transport.set_protocol(
        FrameLimit(request.protocol, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, partial(end, TOO_LONG), partial(end, UNMASKED))
    )
    try:
        await client.prepare(request)
    except BaseException:
        transport.set_protocol(request.protocol)
        raise


def _end(pumps: list[asyncio.Future[End | None]]) -> End | None:
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
                return TEXT_ONLY
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
