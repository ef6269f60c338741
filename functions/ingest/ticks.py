"""The ingest's loop: a tick at every multiple of the tick's length, until a successor takes over or nobody listens."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from shared.model.candles import Closed
from shared.model.delta import Delta
from shared.model.explanation import Explanations
from shared.model.staleness import ages
from shared.model.values import Polled, Snapshot
from shared.pricing.next_snapshot import next_snapshot
from shared.sources.all_sources import AllSources
from shared.store.candles_table import CandlesTable, NotWritten
from shared.store.quotes_table import Lease, LeaseLost, QuotesTable, SnapshotMoved

RUN_MS = 75_000  # a minute's schedule, 10 s late at most, and a cold start
LEASE_TICKS = 3
SHORTEST_LEASE_MS = 10_000
LONGEST_POLL_S = 3.0
MOST_PENDING_CANDLES = 1_000


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a tick did: how long the sources and the whole took, what changed, whether it was written, what failed.

    `priced_ms`: from the snapshot's time, when the sources had answered, to its write. `unexplained`: how often this
    run could not store why prices are as they are. `suspects`: the sources that cast no vote.
    """

    seq: int
    changed: int
    written: bool
    poll_ms: int
    took_ms: int
    errors: dict[str, str]
    candles_pending: int
    held: int
    priced_ms: int = 0
    unexplained: int = 0
    suspects: tuple[str, ...] = ()


class Ticks:
    """One run of the ingest over its sources and its tables."""

    def __init__(
        self,
        table: QuotesTable,
        candles: CandlesTable,
        sources: AllSources,
        *,
        tick_seconds: int,
        stale_after_seconds: int,
        report: Callable[[TickReport], None],
    ) -> None:
        self._table = table
        self._candles = candles
        self._pending: list[Closed] = []  # candles that DynamoDB has not taken yet
        self._sources = sources
        self._tick_ms = tick_seconds * 1000
        self._ages = ages(tick_seconds, stale_after_seconds)
        self._report = report
        self._unexplained = 0

    def run(self) -> str:
        """Tick until there is a reason to stop, and say which: `successor`, `nobody listens` or `end of run`."""
        end_ms = _now_ms() + RUN_MS
        lease = self._table.take_lease(_now_ms() + self._lease_ms)
        snapshot = self._table.snapshot()
        self._sources.resume(snapshot.sources)
        try:
            while (due_ms := self._next_tick_ms(lease.ticked_ms)) < end_ms:
                time.sleep(max(0, due_ms - _now_ms()) / 1000)
                lease, snapshot = self._tick(lease, snapshot, due_ms)
                if self._leave_unheard(lease):
                    return "nobody listens"
            self._table.renew_lease(replace(lease, until_ms=0))
        except LeaseLost:
            return "successor"
        finally:
            if self._pending:
                self._write_candles(())  # their last chance: the next run does not know of them
        return "end of run"

    def _tick(self, lease: Lease, snapshot: Snapshot, due_ms: int) -> tuple[Lease, Snapshot]:
        began_ms = _now_ms()
        polled = self._sources.poll(min(LONGEST_POLL_S, self._tick_ms * 0.8 / 1000))
        poll_ms = _now_ms() - began_ms
        lease = replace(lease, ticked_ms=due_ms, until_ms=_now_ms() + self._lease_ms)
        self._table.renew_lease(lease)
        snapshot, changed, priced_ms = self._store(lease, snapshot, polled)
        errors = {name: state.error for name, state in polled.states.items() if state.error}
        self._report(
            TickReport(
                seq=snapshot.seq,
                changed=changed,
                written=priced_ms is not None,
                poll_ms=poll_ms,
                took_ms=_now_ms() - began_ms,
                errors=errors,
                held=len(snapshot.held),
                candles_pending=len(self._pending),
                priced_ms=priced_ms or 0,
                unexplained=self._unexplained,
                suspects=tuple(snapshot.suspects),
            )
        )
        return lease, snapshot

    def _store(self, lease: Lease, old: Snapshot, polled: Polled) -> tuple[Snapshot, int, int | None]:
        """Write the next snapshot, or none when nothing changed and the last one is recent. Also
        returns how much changed, and how long after its time the write began."""
        while True:
            new = next_snapshot(old, polled, _now_ms(), self._ages)
            delta = Delta(old, new)
            changed = len(delta.quotes) + len(delta.unavailable)
            if not changed and not new.closed and new.ts_ms - old.ts_ms < self._ages.write_ms:
                return replace(new, seq=old.seq, ts_ms=old.ts_ms), 0, None
            self._write_candles(new.closed)
            priced_ms = _now_ms() - new.ts_ms
            try:
                self._table.write_snapshot(new, lease.epoch)
            except SnapshotMoved:  # by the ingest that this one took over from, in its last moment
                self._table.renew_lease(lease)
                old = self._table.snapshot()
            else:
                self._explain(new)
                return new, changed, priced_ms

    def _explain(self, snapshot: Snapshot) -> None:
        """Store why the prices are as they are. Clients get the tick without it, so a failure is only counted."""
        try:
            self._table.write_explanations(Explanations(snapshot.seq, snapshot.ts_ms, snapshot.explained))
        except (ClientError, BotoCoreError):
            self._unexplained += 1

    def _write_candles(self, closed: tuple[Closed, ...]) -> None:
        """Before the snapshot that no longer holds them: done again after a crash it changes nothing. Candles never
        stop prices: what is not taken goes with the next ones."""
        pending = [*self._pending, *closed]
        try:
            self._candles.write(pending)
        except NotWritten as error:
            self._pending = error.left[-MOST_PENDING_CANDLES:]
        else:
            self._pending = []

    def _leave_unheard(self, lease: Lease) -> bool:
        """Give the lease up when nobody listens. Who subscribes meanwhile is either seen here or finds no ingest."""
        if self._table.audience():
            return False
        self._table.renew_lease(replace(lease, until_ms=0))
        if not self._table.audience():
            return True
        self._table.renew_lease(lease)
        return False

    def _next_tick_ms(self, ticked_ms: int) -> int:
        """Now, or the next multiple of the tick's length when this one's tick was begun already, by whomever."""
        this_tick_ms = _now_ms() // self._tick_ms * self._tick_ms
        return this_tick_ms if ticked_ms < this_tick_ms else this_tick_ms + self._tick_ms

    @property
    def _lease_ms(self) -> int:
        return max(LEASE_TICKS * self._tick_ms, SHORTEST_LEASE_MS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
