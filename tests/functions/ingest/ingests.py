"""A stage for runs of the ingest's loop: a controlled clock, a market, and a table that records writes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest.ticks import TickReport, Ticks
from shared.model.candles import Closed
from shared.model.values import Polled, Snapshot, SourceState
from shared.store.candles_table import CandlesTable
from shared.store.quotes_table import Lease, QuotesTable, Stored
from tests.samples import NOW_MS, rate_ticker, ticker

if TYPE_CHECKING:
    from functions.ingest.past import Past
    from shared.sources.all_sources import AllSources

WHOLE_RUN_TICKS = 75  # of one second
POLL_MS = 100


@dataclass
class Clock:
    """The time that the loop sees. It passes while the loop sleeps, and by `POLL_MS` per round of requests."""

    ms: int = NOW_MS

    def time_ns(self) -> int:
        return self.ms * 1_000_000

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.ms += round(seconds * 1000)


@dataclass
class Market:
    """A stub of the sources: its price moves with every round or stands still. `during` runs meanwhile."""

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
        self.clock.ms += POLL_MS
        self.during(len(self.asked_ms))
        now_ms = self.clock.ms
        price = Decimal(65_000) + (Decimal(now_ms - NOW_MS) / 1000 if self.moves else 0)
        tickers = [
            replace(of, answered_ms=now_ms)
            for of in (ticker(last=price, ts_ms=now_ms), rate_ticker("kraken:USDCAD", "1.3347", ts_ms=now_ms))
        ]
        return Polled(tickers, {"binance": self.state or SourceState(ok_ms=now_ms)})


class WatchedTable(QuotesTable):
    """The quotes table with a list of writes by ingest, and an action to run before a write."""

    def __init__(self, table: Table, written: list[tuple[int, int]]) -> None:
        super().__init__(table)
        self.written = written
        self.epochs: set[int] = set()
        self.before_write: Callable[[Snapshot], None] = lambda _snapshot: None
        self.on_release: Callable[[], None] = lambda: None

    def write_snapshot(self, snapshot: Snapshot, epoch: int, instead_of: Stored | None = None) -> None:
        self.before_write(snapshot)
        super().write_snapshot(snapshot, epoch, instead_of)
        self.written.append((epoch, snapshot.seq))
        self.epochs.add(epoch)

    def renew_lease(self, lease: Lease) -> None:
        super().renew_lease(lease)
        if lease.until_ms == 0:
            self.on_release()


class FaultyItems:
    """The items of a table. `fault` sees each call before it is made, and may raise an error or let time pass; `lost`
    sees it afterwards."""

    def __init__(self, items: Table) -> None:
        self._items = items
        self.calls = 0
        self.fault: Callable[[str], None] = lambda _call: None
        self.lost: Callable[[str], None] = lambda _call: None

    def __getattr__(self, name: str) -> object:
        found = getattr(self._items, name)
        if not name.endswith("_item"):
            return found

        def call(**arguments: object) -> object:
            self.calls += 1
            self.fault(name)
            answer = found(**arguments)
            self.lost(name)
            return answer

        return call


class NoPast:
    """A stub of what the ingest does about the time before its ticks: nothing. It records how long each tick would let
    it wait for rates, and the candles that ticks closed."""

    def __init__(self) -> None:
        self.limits_s: list[float] = []
        self.closed: list[Closed] = []

    def begin(self, snapshot: Snapshot, now_ms: int) -> None:
        pass

    def completed(self, snapshot: Snapshot, timeout_s: float, _now_ms: int) -> Snapshot:
        self.limits_s.append(timeout_s)
        return snapshot

    def ticked(self, closed: Iterable[Closed]) -> None:
        self.closed += closed


class Ingest:
    """One run of the loop over the shared table, with its own market, on the shared clock."""

    def __init__(
        self,
        items: Table,
        clock: Clock,
        written: list[tuple[int, int]],
        tick_seconds: int = 1,
        *,
        standby: bool = False,
    ) -> None:
        self.items = FaultyItems(items)
        self.table = WatchedTable(cast("Table", self.items), written)
        self.market = Market(clock)
        self.past = NoPast()
        self.reports: list[TickReport] = []
        self.failures: list[tuple[int, str]] = []
        self.paused_ms: list[int] = []
        self.candles = CandlesTable(items, sleep=lambda _seconds: None)
        self.ticks = Ticks(
            self.table,
            self.candles,
            cast("AllSources", self.market),
            cast("Past", self.past),
            tick_seconds=tick_seconds,
            stale_after_seconds=30,
            standby=standby,
            report=self.reports.append,
            failed=lambda calls, error: self.failures.append((calls, error)),
            paused=lambda: self.paused_ms.append(clock.ms),
        )

    def run(self) -> str:
        return self.ticks.run()


@dataclass
class Stage:
    """The shared state of a test's ingests: table, clock, and the list of (epoch, seq) written."""

    items: Table
    clock: Clock
    written: list[tuple[int, int]] = field(default_factory=list)

    def ingest(self, tick_seconds: int = 1, *, standby: bool = False) -> Ingest:
        return Ingest(self.items, self.clock, self.written, tick_seconds, standby=standby)

    @property
    def table(self) -> QuotesTable:
        return QuotesTable(self.items)

    def nobody_listens(self) -> None:
        for _ in range(2):
            self.table.count_audience(0, self.table.counted_audience())


def assert_each_seq_once_in_order(written: list[tuple[int, int]]) -> None:
    assert [seq for _, seq in written] == list(range(1, len(written) + 1))
    assert [epoch for epoch, _ in written] == sorted(epoch for epoch, _ in written)
