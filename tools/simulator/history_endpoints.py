"""The paths of the upstreams' histories and their handlers, which compute their answers in parts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tools.simulator import binance_klines, coinbase, coinbase_candles, coingecko, coingecko_chart, kraken_ohlc
from tools.simulator.endpoints import Asked, Endpoints
from tools.simulator.faults import Fault, Upstream
from tools.simulator.market import Moment
from tools.simulator.response import Response

HistoryHandler = Callable[[Asked, Moment, Fault], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class HistoryEndpoints:
    """The histories of one market. They share the limits of its other endpoints.

    One answer is computed at a time, in parts of a few milliseconds, so that tickers hardly wait for them.
    """

    endpoints: Endpoints
    kraken_limits: kraken_ohlc.PairLimits
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def routes(self) -> list[tuple[str, Upstream, HistoryHandler]]:
        """Return path, upstream and handler of every endpoint."""
        return [
            (binance_klines.PATH, "binance", self._binance),
            (kraken_ohlc.PATH, "kraken", self._kraken),
            (coinbase_candles.PATH, "coinbase", self._coinbase),
            (coingecko_chart.PATH, "coingecko", self._coingecko),
        ]

    async def _binance(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        of = self.endpoints
        async with self.one_at_a_time:
            return await binance_klines.answer(asked.query, of.market, moment, fault, of.binance_meter, of.clock_ms())

    async def _kraken(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        of = self.endpoints
        now_ms = of.clock_ms()
        async with self.one_at_a_time:
            return await kraken_ohlc.answer(asked.query, of.market, moment, fault, self.kraken_limits, now_ms)

    async def _coinbase(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        of = self.endpoints
        refused = coinbase.refusal(asked.user_agent, of.coinbase_limit, of.clock_ms())
        if refused:
            return refused
        async with self.one_at_a_time:
            return await coinbase_candles.answer(asked.in_path["product"], asked.query, of.market, moment, fault)

    async def _coingecko(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        of = self.endpoints
        refused = coingecko.refusal(of.coingecko_limit, of.clock_ms())
        if refused:
            return refused
        async with self.one_at_a_time:
            return await coingecko_chart.answer(asked.in_path["coin"], asked.query, of.market, moment, fault)
