"""A stage for runs of the ingest's loop: a clock that passes as told, a market, and a table that is watched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest.ticks import TickReport, Ticks
from shared.model.values import Polled, Snapshot, SourceState
from shared.store.candles_table import CandlesTable
from shared.store.quotes_table import Lease, QuotesTable
from tests.unit.samples import NOW_MS, rate_ticker, ticker

if TYPE_CHECKING:
    from shared.sources.all_sources import AllSources

RUN_TICKS = 75  # of one second


@dataclass
class Clock:
    """The time that the loop sees. It passes while the loop sleeps, and at 100 ms per round of requests."""

    ms: int = NOW_MS

    def time_ns(self) -> int:
        return self.ms * 1_000_000

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.ms += round(seconds * 1000)


@dataclass
class Market:
    """Stands for the sources: a price that moves with every round or stands still. `during` happens meanwhile."""

    clock: Clock
    moves: bool = True
    state: SourceState | None = None
    during: Callable[[int], None] = lambda _round: None
    asked_ms: list[int] = field(default_factory=list)
    limits_s: list[float] = field(default_factory=list)
    resumed: list[Mapping[str, SourceState]] = field(default_factory=list)

    def resume(self, states: Mapping[str, SourceState]) -> None:
        self.resumed.append(states)

    def poll(self, timeout_s: float) -> Polled:
        self.asked_ms.append(self.clock.ms)
        self.limits_s.append(timeout_s)
        self.clock.ms += 100
        self.during(len(self.asked_ms))
        now_ms = self.clock.ms
        price = Decimal(65_000) + (Decimal(now_ms - NOW_MS) / 1000 if self.moves else 0)
        tickers = [
            replace(of, answered_ms=now_ms)
            for of in (ticker(last=price, ts_ms=now_ms), rate_ticker("kraken:USDCAD", "1.3347", ts_ms=now_ms))
        ]
        return Polled(tickers, {"binance": self.state or SourceState(ok_ms=now_ms)})


class WatchedTable(QuotesTable):
    """The quotes table, with a list of what was written by which ingest, and something to happen before a write."""

    def __init__(self, table: Table, written: list[tuple[int, int]]) -> None:
        super().__init__(table)
        self.written = written
        self.before_write: Callable[[Snapshot], None] = lambda _snapshot: None
        self.on_release: Callable[[], None] = lambda: None

    def write_snapshot(self, snapshot: Snapshot, epoch: int) -> None:
        self.before_write(snapshot)
        super().write_snapshot(snapshot, epoch)
        self.written.append((epoch, snapshot.seq))

    def renew_lease(self, lease: Lease) -> None:
        super().renew_lease(lease)
        if lease.until_ms == 0:
            self.on_release()


class Ingest:
    """One run of the loop over the shared table, with its own market, on the shared clock."""

    def __init__(self, items: Table, clock: Clock, written: list[tuple[int, int]], tick_seconds: int = 1) -> None:
        self.table = WatchedTable(items, written)
        self.market = Market(clock)
        self.reports: list[TickReport] = []
        self.candles = CandlesTable(items, sleep=lambda _seconds: None)
        self.ticks = Ticks(
            self.table,
            self.candles,
            cast("AllSources", self.market),
            tick_seconds=tick_seconds,
            stale_after_seconds=30,
            report=self.reports.append,
        )

    def run(self) -> str:
        return self.ticks.run()


@dataclass
class Stage:
    """What the ingests of a test have in common: table, clock, and the list of (epoch, seq) written."""

    items: Table
    clock: Clock
    written: list[tuple[int, int]] = field(default_factory=list)

    def ingest(self, tick_seconds: int = 1) -> Ingest:
        return Ingest(self.items, self.clock, self.written, tick_seconds)

    @property
    def table(self) -> QuotesTable:
        return QuotesTable(self.items)


def assert_each_seq_once_in_order(written: list[tuple[int, int]]) -> None:
    assert [seq for _, seq in written] == list(range(1, len(written) + 1))
    assert [epoch for epoch, _ in written] == sorted(epoch for epoch, _ in written)
