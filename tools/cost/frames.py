"""The bytes that a tick sends, measured with the feed's own parsers, pricing and encoder on the simulated market.

Nothing is sent or stored: the exchange's answers go straight to the parsers. Seed and clock are fixed, so two runs
measure the same.
"""

import gzip
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise

from multidict import MultiDict

from shared.documents.quotes import quotes_json
from shared.model.assets import catalogue
from shared.model.channels import CHANNELS, RATES_BATCH
from shared.model.delta import Delta
from shared.model.staleness import ages
from shared.model.values import Polled, Snapshot, SourceState, Ticker
from shared.model.wire import loads
from shared.pricing.next_snapshot import next_snapshot
from shared.protocol import (
    SnapshotFrames,
    Subscription,
    UpdateFrames,
    closing_frame,
    heartbeat_frame,
    snapshot_frames,
    subscribed_frames,
    symbols_of,
)
from shared.publishing.periodic import RECONNECT_WITHIN_MS
from shared.sources.all_sources import SOURCES
from shared.sources.http_get import USER_AGENT
from shared.sources.upstream import Answer, Source, read
from tools.simulator.binance import WeightMeter
from tools.simulator.endpoints import Asked, Endpoints
from tools.simulator.faults import HEALTHY
from tools.simulator.market import Moment
from tools.simulator.request_limit import RequestLimit
from tools.simulator.simulated import SimulatedMarket

TICKS = 12
STARTED_MS = 1_793_534_400_000  # 2026-11-01T12:00:00Z, a Sunday
STALE_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of the measured ticks as their sizes in bytes, for one view. `ticks`: how many there were.

    `rates` has one per changed symbol, the other channels one a tick. `deflated`: what each comes to on a connection
    with permessage-deflate and no context takeover (https://www.rfc-editor.org/rfc/rfc7692). `silent`: in which share
    of the ticks nothing of the view changed. `snapshot`: the whole view, which a subscriber of a channel gets first;
    `whole`: the one that comes once a minute; `acknowledged`, `heartbeat` and `closing`: one frame each. `document`:
    the body of `rates.json`, compressed as CloudFront does.
    """

    symbols: int
    ticks: int
    sizes: Mapping[str, tuple[int, ...]]
    deflated: Mapping[str, tuple[int, ...]]
    silent: Decimal
    snapshot: Mapping[str, tuple[int, ...]]
    whole: Mapping[str, tuple[int, ...]]
    whole_deflated: Mapping[str, tuple[int, ...]]
    acknowledged: int
    heartbeat: int
    closing: int
    document: int

    def a_tick(self, channel: str) -> Decimal:
        """Return the mean number of a channel's frames in a tick."""
        return Decimal(len(self.sizes[channel])) / self.ticks

    def bytes_a_tick(self, channel: str, *, deflated: bool = False) -> Decimal:
        """Return the mean number of a channel's bytes in a tick."""
        return Decimal(sum((self.deflated if deflated else self.sizes)[channel])) / self.ticks


def metered(sizes: Iterable[int], unit_bytes: Decimal, more_bytes: int = 0) -> Decimal:
    """Return the frames that a service bills: one per started unit."""
    return sum((Decimal(-(-(size + more_bytes) // int(unit_bytes))) for size in sizes), Decimal(0))


class MarketFeed:
    """The simulated exchange and the feed in one process. Each call is one tick."""

    def __init__(self) -> None:
        self._market = SimulatedMarket(seed=1)
        self._now_ms = 0
        one_a_ms = RequestLimit(1, 1), RequestLimit(1, 1)
        self._endpoints = Endpoints(self._market, WeightMeter(), *one_a_ms, lambda: self._now_ms)
        self._sources = [make() for make in SOURCES]
        self._held: dict[str, tuple[int, list[Ticker]]] = {}

    def poll(self, now_ms: int) -> Polled:
        """Return what all sources say now, each asked at its own pace, marked as the live market as on AWS."""
        self._now_ms = now_ms
        at = self._market.moment(now_ms)
        for source in self._sources:
            asked_ms, _ = self._held.get(source.name, (-1, []))
            if asked_ms < 0 or now_ms - asked_ms >= source.poll_every_ms:
                self._held[source.name] = now_ms, self._read(source, at)
        return Polled(
            [ticker for _, tickers in self._held.values() for ticker in tickers],
            {source.name: SourceState(now_ms) for source in self._sources},
        )

    def _read(self, source: Source, at: Moment) -> list[Ticker]:
        _, handle, in_path = self._endpoints.find(source.path)
        answer = handle(Asked(MultiDict(source.params()), in_path, USER_AGENT), at, HEALTHY)
        return read(source, Answer(loads(answer.body), at.now_ms, simulated=False))


def whole_snapshots(tick_s: int) -> tuple[Snapshot, Snapshot]:
    """Return the first two snapshots of the simulated market, with their explanations."""
    feed = MarketFeed()
    first = next_snapshot(Snapshot(), feed.poll(STARTED_MS), STARTED_MS, ages(tick_s, STALE_AFTER_S))
    later_ms = STARTED_MS + tick_s * 1000
    return first, next_snapshot(first, feed.poll(later_ms), later_ms, ages(tick_s, STALE_AFTER_S))


@cache
def deltas(tick_s: int, ticks: int) -> tuple[Delta, ...]:
    """Return the changes of that many ticks of the simulated market, each of `tick_s` seconds."""
    feed, snapshots = MarketFeed(), [Snapshot()]
    for number in range(ticks + 1):
        now_ms = STARTED_MS + number * tick_s * 1000
        snapshots.append(next_snapshot(snapshots[-1], feed.poll(now_ms), now_ms, ages(tick_s, STALE_AFTER_S)))
    return tuple(Delta(old, new) for old, new in pairwise(snapshots[1:]))


@cache
def measure(tick_s: int, symbols: int | None = None) -> Frames:
    """Measure the frames of a view of the first `symbols` assets (`None`: all) at a tick of `tick_s` seconds."""
    changes = deltas(tick_s, TICKS)
    last = changes[-1].new
    view = None if symbols is None else tuple(catalogue())[:symbols]
    encoded = [UpdateFrames(delta) for delta in changes]
    frames = {channel: [frame for one in encoded for frame in one.of(channel, view)] for channel in CHANNELS}
    snapshot = {channel: snapshot_frames(last, channel, view) for channel in CHANNELS}
    views = SnapshotFrames(last, known=changes[-1].old)
    whole = {channel: views.of(channel, view, knows=True) for channel in CHANNELS}
    return Frames(
        symbols=len(symbols_of(view)),
        ticks=len(changes),
        sizes={channel: tuple(map(len, sent)) for channel, sent in frames.items()},
        deflated={channel: tuple(map(_deflated, sent)) for channel, sent in frames.items()},
        silent=Decimal(sum(not one.of(RATES_BATCH, view) for one in encoded)) / len(changes),
        snapshot={channel: tuple(map(len, sent)) for channel, sent in snapshot.items()},
        whole={channel: tuple(map(len, sent)) for channel, sent in whole.items()},
        whole_deflated={channel: tuple(map(_deflated, sent)) for channel, sent in whole.items()},
        acknowledged=sum(map(len, subscribed_frames(Subscription(RATES_BATCH, view), None))),
        heartbeat=len(heartbeat_frame(last)),
        closing=len(closing_frame(RECONNECT_WITHIN_MS, last.ts_ms)),
        document=len(gzip.compress(quotes_json(last, view))),
    )


def _deflated(frame: bytes) -> int:
    """Return its size under permessage-deflate: raw deflate without the four bytes that the RFC drops."""
    compressor = zlib.compressobj(level=6, wbits=-15)
    return len(compressor.compress(frame) + compressor.flush(zlib.Z_SYNC_FLUSH)) - 4
