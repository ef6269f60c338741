"""What a tick sends, in bytes: measured with the feed's own parsers, pricing and encoder on the simulated market.

Nothing is sent or stored: the exchange's answers go straight to the parsers. The market is that of one seed and one
clock, so two runs measure the same.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from multidict import MultiDict

from shared.model.assets import catalogue
from shared.model.delta import Delta
from shared.model.staleness import ages
from shared.model.values import Polled, Snapshot, SourceState, Ticker
from shared.model.wire import loads
from shared.pricing.next_snapshot import next_snapshot
from shared.protocol import (
    CHANNELS,
    RATES_BATCH,
    Subscription,
    UpdateFrames,
    closing_frame,
    heartbeat_frame,
    snapshot_frames,
    subscribed_frames,
    symbols_of,
)
from shared.publishing.periodic import RECONNECT_WITHIN_MS
from shared.sources import bank_of_canada, binance, coinbase, coingecko, er_api, kraken, ndax
from shared.sources.upstream import Answer, Source, read
from tools.simulator import binance as binance_exchange
from tools.simulator import coinbase as coinbase_exchange
from tools.simulator import coingecko as coingecko_exchange
from tools.simulator import kraken as kraken_exchange
from tools.simulator import ndax as ndax_exchange
from tools.simulator import rates as rate_exchange
from tools.simulator.faults import HEALTHY
from tools.simulator.simulated import SimulatedMarket

if TYPE_CHECKING:
    from tools.simulator.market import Moment

TICKS = 12
STARTED_MS = 1_793_534_400_000  # 2026-11-01T12:00:00Z, a Sunday
STALE_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of the measured ticks as their sizes in bytes, for one view. `ticks`: how many there were.

    `rates` has one per changed symbol, `rates_batch` one a tick. `deflated`: what each comes to on a connection with
    permessage-deflate and no context takeover (https://www.rfc-editor.org/rfc/rfc7692). `silent`: in which share of the
    ticks nothing of the view changed. `snapshot`: the whole view, which a subscriber of a channel gets first and once
    a minute; `acknowledged`, `heartbeat` and `closing`: one frame each.
    """

    symbols: int
    ticks: int
    sizes: Mapping[str, tuple[int, ...]]
    deflated: Mapping[str, tuple[int, ...]]
    silent: Decimal
    snapshot: Mapping[str, tuple[int, ...]]
    snapshot_deflated: Mapping[str, tuple[int, ...]]
    acknowledged: int
    heartbeat: int
    closing: int

    def a_tick(self, channel: str) -> Decimal:
        """How many frames of a channel there are in a tick, on average."""
        return Decimal(len(self.sizes[channel])) / self.ticks

    def bytes_a_tick(self, channel: str, *, deflated: bool = False) -> Decimal:
        """How many bytes of a channel there are in a tick, on average."""
        return Decimal(sum((self.deflated if deflated else self.sizes)[channel])) / self.ticks


def metered(sizes: Iterable[int], unit_bytes: Decimal, more_bytes: int = 0) -> Decimal:
    """Frames as a service counts them: one for each unit that is begun."""
    return sum((Decimal(-(-(size + more_bytes) // int(unit_bytes))) for size in sizes), Decimal(0))


class MarketFeed:
    """The simulated exchange and the feed in one process. Each call is one tick."""

    def __init__(self) -> None:
        self._market = SimulatedMarket(seed=1)
        self._began_ms = 0
        meter = binance_exchange.WeightMeter()
        self._sources: list[tuple[Source, Callable[[MultiDict[str], Moment], str]]] = [
            (
                binance.source(),
                lambda query, at: binance_exchange.answer(query, self._market, at, HEALTHY, meter, at.now_ms).body,
            ),
            (
                kraken.source(),
                lambda query, at: kraken_exchange.ticker_answer(query, self._market, at, HEALTHY).body,
            ),
            (
                ndax.source(),
                lambda _query, at: ndax_exchange.ticker_answer(self._market, at, HEALTHY).body,
            ),
            (
                coinbase.source(),
                lambda _query, at: coinbase_exchange.all_stats_answer(self._market, at, HEALTHY).body,
            ),
            (
                coingecko.source(),
                lambda query, at: coingecko_exchange.price_answer(query, self._market, at, HEALTHY).body,
            ),
            (
                bank_of_canada.source(),
                lambda query, at: (
                    rate_exchange.valet_answer(rate_exchange.SERIES, query, self._market, at, HEALTHY).body
                ),
            ),
            (
                er_api.source(),
                lambda _query, at: rate_exchange.er_api_answer("USD", self._market, at, HEALTHY).body,
            ),
        ]
        self._held: dict[str, tuple[int, list[Ticker]]] = {}

    def poll(self, now_ms: int) -> Polled:
        """What all sources say now, each asked at its own pace. Said to be the live market's, as on AWS."""
        at = self._market.moment(now_ms)
        for source, answer in self._sources:
            asked_ms, _ = self._held.get(source.name, (-1, []))
            if asked_ms < 0 or now_ms - asked_ms >= source.poll_every_ms:
                payload = loads(answer(MultiDict(source.params()), at))
                self._held[source.name] = now_ms, read(source, Answer(payload, now_ms, simulated=False))
        return Polled(
            [ticker for _, tickers in self._held.values() for ticker in tickers],
            {source.name: SourceState(now_ms) for source, _ in self._sources},
        )


@cache
def measure(tick_s: int, symbols: int | None = None) -> Frames:
    """The frames of a view of the catalogue's first `symbols` assets (`None`: all) at a tick of `tick_s` seconds."""
    feed, old = MarketFeed(), Snapshot()
    deltas: list[Delta] = []
    for number in range(TICKS + 1):
        now_ms = STARTED_MS + number * tick_s * 1000
        new = next_snapshot(old, feed.poll(now_ms), now_ms, ages(tick_s, STALE_AFTER_S))
        if old.seq:
            deltas.append(Delta(old, new))
        old = new
    view = None if symbols is None else tuple(catalogue())[:symbols]
    encoded = [UpdateFrames(delta) for delta in deltas]
    frames = {channel: [frame for one in encoded for frame in one.of(channel, view)] for channel in CHANNELS}
    snapshot = {channel: snapshot_frames(old, channel, view) for channel in CHANNELS}
    return Frames(
        symbols=len(symbols_of(view)),
        ticks=len(deltas),
        sizes={channel: tuple(map(len, sent)) for channel, sent in frames.items()},
        deflated={channel: tuple(map(_deflated, sent)) for channel, sent in frames.items()},
        silent=Decimal(sum(not one.of(RATES_BATCH, view) for one in encoded)) / len(deltas),
        snapshot={channel: tuple(map(len, sent)) for channel, sent in snapshot.items()},
        snapshot_deflated={channel: tuple(map(_deflated, sent)) for channel, sent in snapshot.items()},
        acknowledged=sum(map(len, subscribed_frames(Subscription(RATES_BATCH, view), None))),
        heartbeat=len(heartbeat_frame(old)),
        closing=len(closing_frame(RECONNECT_WITHIN_MS, old.ts_ms)),
    )


def _deflated(frame: bytes) -> int:
    """Its size on a connection with permessage-deflate: raw deflate, less the four bytes that the RFC drops."""
    compressor = zlib.compressobj(level=6, wbits=-15)
    return len(compressor.compress(frame) + compressor.flush(zlib.Z_SYNC_FLUSH)) - 4
