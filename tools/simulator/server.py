"""The exchange's HTTP server on 127.0.0.1: seven upstreams under one address, their faults, and the controls."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from tools.browser_requests import refusal
from tools.simulator import binance, coinbase, coingecko, control, kraken_ohlc
from tools.simulator.endpoints import ERROR_BODIES, Asked, Endpoints
from tools.simulator.faults import HEALTHY, Fault, Upstream
from tools.simulator.history_endpoints import HistoryEndpoints
from tools.simulator.market import MINUTE_MS, Market, Moment
from tools.simulator.request_limit import RequestLimit
from tools.simulator.response import Response

HOST = "127.0.0.1"
MARKET_HEADER = "X-Cadfeed-Market"
GARBAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"


AsyncHandler = Callable[[Asked, Moment, Fault], Awaitable[Response]]


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Exchange:
    """A running exchange. `async with Exchange(market) as exchange:` serves it at `exchange.url` until the block ends.

    Args:
        market: what trades here.
        port: TCP port on 127.0.0.1; 0 for a free one.
        faults: the faults from the start, as `faults.parse_faults` returns them.
        weight_limit: Binance's request weight per minute.
        coinbase_limit: requests per second at Coinbase.
        coingecko_limit: requests per minute at CoinGecko.
        kraken_ohlc_gap_ms: the least time between two requests for a pair's `OHLC` at Kraken, milliseconds.
        clock_ms: the time, Unix milliseconds; for tests.
    """

    def __init__(
        self,
        market: Market,
        port: int = 0,
        *,
        faults: Mapping[Upstream, Fault] | None = None,
        weight_limit: int = binance.WEIGHT_LIMIT,
        coinbase_limit: int = coinbase.LIMIT_PER_S,
        coingecko_limit: int = coingecko.LIMIT_PER_MINUTE,
        kraken_ohlc_gap_ms: int = kraken_ohlc.GAP_MS,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.market = market
        self.port = port
        self.meter = binance.WeightMeter(weight_limit)
        self._endpoints = Endpoints(
            market,
            self.meter,
            RequestLimit(coinbase_limit, 1_000),
            RequestLimit(coingecko_limit, MINUTE_MS),
            clock_ms,
        )
        self._history = HistoryEndpoints(self._endpoints, kraken_ohlc.PairLimits(kraken_ohlc_gap_ms))
        routes = (*self._endpoints.routes(), *self._history.routes())
        self.paths: dict[str, Upstream] = {path: upstream for path, upstream, _ in routes}
        self.requests_of_paths: Counter[tuple[str, str]] = Counter()
        self.faults: dict[Upstream, Fault] = {}
        self.requests_since_start: Counter[Upstream] = Counter()
        self.requests_since_reset: Counter[Upstream] = Counter()
        self.statuses_since_reset: Counter[tuple[Upstream, int]] = Counter()
        self.unanswered = 0
        self.most_unanswered_since_reset = 0
        self._clock_ms = clock_ms
        self._frozen_at: dict[Upstream, Moment] = {}
        self._prices_frozen_at: dict[Upstream, Moment] = {}
        self._clock_frozen_at: dict[Upstream, Moment] = {}
        self._lies_from: dict[Upstream, int] = {}
        self._runner: web.AppRunner | None = None
        self.set_faults(faults or {})

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def now(self) -> Moment:
        return self.market.moment(self._clock_ms())

    def set_faults(self, faults: Mapping[Upstream, Fault]) -> None:
        """Replace the faults of the named upstreams; without any name clear all."""
        before = dict(self.faults)
        if not faults:
            self.faults.clear()
        self.faults.update(faults)
        # What is frozen stays as it was then, and a lie continues from its beginning.
        now = self.now()
        of = self.faults.items()
        self._frozen_at = {name: self._frozen_at.get(name, now) for name, fault in of if fault.frozen}
        self._prices_frozen_at = {
            name: self._prices_frozen_at.get(name, now) for name, fault in of if fault.prices_frozen
        }
        self._clock_frozen_at = {name: self._clock_frozen_at.get(name, now) for name, fault in of if fault.clock_frozen}
        self._lies_from = {
            name: self._lies_from[name] if before.get(name, HEALTHY).lie == fault.lie else now.now_ms
            for name, fault in of
            if fault.lie
        }

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        self.now()  # a market begins to move at its first read
        app = web.Application(middlewares=[_only_programs])
        app.on_response_prepare.append(self._name_market)
        for path, upstream, handle in self._endpoints.routes():
            app.router.add_get(path, self._serving(path, upstream, _at_once(handle)))
        for path, upstream, read in self._history.routes():
            app.router.add_get(path, self._serving(path, upstream, read))
        app.add_routes(control.routes(self))
        # Handlers end with their client's connection, even hanging ones.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _serving(self, path: str, upstream: Upstream, handle: AsyncHandler) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            self.requests_of_paths.update([(path, "since_start"), (path, "since_reset")])
            self.requests_since_start[upstream] += 1
            self.requests_since_reset[upstream] += 1
            self.unanswered += 1
            self.most_unanswered_since_reset = max(self.most_unanswered_since_reset, self.unanswered)
            try:
                return await answered(request)
            finally:
                self.unanswered -= 1

        async def answered(request: web.Request) -> web.StreamResponse:
            fault = self.faults.get(upstream, HEALTHY)
            if fault.latency_ms:
                await asyncio.sleep(fault.latency_ms / 1000)
            if fault.hang:
                await asyncio.Event().wait()
            moment = self._moment(upstream)
            asked = Asked(request.query, request.match_info, request.headers.get("User-Agent"))
            answer = _failed(upstream, fault) or await handle(asked, moment, self._grown(upstream, fault, moment))
            if answer.over_limit:
                self.requests_of_paths.update([(path, "over_limit_since_start"), (path, "over_limit_since_reset")])
            self.statuses_since_reset[upstream, answer.status] += 1
            return await _respond(request, answer, fault)

        return serve

    def _moment(self, upstream: Upstream) -> Moment:
        now, stopped = self.now(), self._clock_frozen_at.get(upstream)
        if upstream in self._frozen_at:
            return replace(self._frozen_at[upstream], stopped=stopped)
        if upstream in self._prices_frozen_at:
            return replace(self._prices_frozen_at[upstream], stopped=stopped or now)
        return replace(now, stopped=stopped)

    def _grown(self, upstream: Upstream, fault: Fault, moment: Moment) -> Fault:
        """Return the fault with its lie as it is now."""
        if not fault.lie:
            return fault
        began_ms = self._lies_from.get(upstream, moment.now_ms)
        return replace(fault, lie=fault.lie.after(moment.now_ms - began_ms))

    async def _name_market(self, request: web.Request, response: web.StreamResponse) -> None:  # noqa: ARG002
        response.headers[MARKET_HEADER] = self.market.origin


@web.middleware
async def _only_programs(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse browsers' requests with 403: any page could else set faults, or use up the limits."""
    if why := refusal({name.lower(): value for name, value in request.headers.items()}):
        return web.Response(status=403, text=f"{why}\n")
    return await handler(request)


def _at_once(handle: Callable[[Asked, Moment, Fault], Response]) -> AsyncHandler:
    async def answer(asked: Asked, moment: Moment, fault: Fault) -> Response:
        return handle(asked, moment, fault)

    return answer


def _failed(upstream: Upstream, fault: Fault) -> Response | None:
    if fault.status is not None:
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return Response(fault.status, ERROR_BODIES[upstream](fault.status), headers)
    if fault.garbage:
        return Response(200, GARBAGE, {"Content-Type": "text/html; charset=utf-8"})
    if fault.empty:
        return Response(200, "[]" if upstream == "binance" else "{}")
    return None


async def _respond(request: web.Request, answer: Response, fault: Fault) -> web.StreamResponse:
    body = answer.body.encode()
    headers = {"Content-Type": "application/json;charset=utf-8", **answer.headers}
    if not fault.cut:
        return web.Response(
            status=answer.status, body=body[: len(body) // 2] if fault.bad_json else body, headers=headers
        )
    response = web.StreamResponse(status=answer.status, headers=headers)
    # Announce the whole body and send half of it.
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


@contextmanager
def exchange_in_thread(market: Market, port: int = 0, **options: Any) -> Iterator[Exchange]:
    """Serve an exchange in its own thread, for callers without an event loop. Options are those of `Exchange`.

    Raises:
        OSError: the port is taken.
    """
    exchange = Exchange(market, port, **options)
    loop = asyncio.new_event_loop()
    ready = Event()
    thread = Thread(target=_serve_until_stopped, args=(loop, ready), name="exchange", daemon=True)
    thread.start()
    ready.wait()
    try:
        asyncio.run_coroutine_threadsafe(exchange.start(), loop).result()
        yield exchange
    finally:
        asyncio.run_coroutine_threadsafe(exchange.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _serve_until_stopped(loop: asyncio.AbstractEventLoop, ready: Event) -> None:
    asyncio.set_event_loop(loop)
    loop.call_soon(ready.set)
    loop.run_forever()
