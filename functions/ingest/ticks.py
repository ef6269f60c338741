"""The ingest's loop: a tick at every multiple of the tick's length, until a successor takes over or nobody listens.

With stand-by, an ingest that lost its lease watches its successor for the rest of its run, and takes the lease back if
that one begins no tick or writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from aws_lambda_powertools import Logger

from functions.ingest.base import Base, base_of
from functions.ingest.calls import FAILURES, PAUSE_MS, Calls
from functions.ingest.grid import Grid, now_ms, sleep_until
from functions.ingest.health import quotes_age_ms, sources_silent_ms
from functions.ingest.held import newly_held
from functions.ingest.past import Past
from functions.ingest.unheard import Unheard
from functions.ingest.watch import Watch
from shared.model.candles import Closed
from shared.model.delta import Delta
from shared.model.explanation import Explanations
from shared.model.staleness import ages
from shared.model.values import Polled, Snapshot
from shared.sources.all_sources import AllSources
from shared.store.candles_table import CandlesTable, NotWritten
from shared.store.quotes_table import Lease, LeaseLost, QuotesTable, SnapshotMoved, Stored

logger = Logger(child=True)

RUN_MS = 75_000  # without stand-by: the schedule's minute, up to 10 s delay, and a cold start
STANDBY_RUN_MS = 130_000  # two starts may be 119 s apart: the schedule keeps to the minute, not to the second
LONGEST_POLL_S = 3.0
TRIES = 4
MOST_PENDING_CANDLES = 1_000


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a tick did: the times of the sources and of the whole tick, the changes, and the errors.

    `priced_ms`: from the snapshot's time, when the sources had answered, to its write. `unexplained`: how many ticks of
    this run have no stored explanations. `suspects`: the sources that cast no vote. `newly_held`: why this
    tick holds prices that the one before did not, by symbol. `quotes_age_ms`, `sources_silent_ms`: see `health`.
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
    quotes_age_ms: int = 0
    sources_silent_ms: int = 0
    newly_held: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Ticks:
    """One run of the ingest over its sources and its tables.

    A failed DynamoDB call costs no more than its tick. `failed` is told how many calls failed, and the last error.
    `paused` is called when the run becomes a stand-by.
    """

    def __init__(
        self,
        table: QuotesTable,
        candles: CandlesTable,
        sources: AllSources,
        past: Past,
        *,
        tick_seconds: int,
        stale_after_seconds: int,
        standby: bool,
        report: Callable[[TickReport], None],
        failed: Callable[[int, str], None],
        paused: Callable[[], None],
    ) -> None:
        self._table = table
        self._candles = candles
        self._pending: list[Closed] = []  # candles that are not written yet
        self._sources = sources
        self._past = past
        self._grid = Grid(tick_seconds * 1000)
        self._ages = ages(tick_seconds, stale_after_seconds)
        self._report = report
        self._failed = failed
        self._paused = paused
        self._standby = standby
        self._watch = Watch(self._grid, self._ages.write_ms)
        self._known: Snapshot | None = None  # the last one that this run wrote or confirmed
        self._leased_seq = 0
        self._calls = Calls()
        self._unexplained = 0

    def run(self) -> str:
        """Tick, and stand by, until there is a reason to stop. Returns the reason: `successor`, `nobody listens` or
        `end of run`."""
        end_ms = now_ms() + (STANDBY_RUN_MS if self._standby else RUN_MS)
        watched: Lease | None = None
        try:
            while True:
                try:
                    return self._hold(watched, end_ms)
                except LeaseLost:
                    if not self._standby:
                        return "successor"
                self._finish()
                self._paused()
                found = self._stand_by(end_ms)
                if isinstance(found, str):
                    return found
                watched = found
        except FAILURES:  # DynamoDB was away for the whole run
            return "end of run"
        finally:
            self._finish()

    def _hold(self, watched: Lease | None, end_ms: int) -> str:
        """Take the lease, from a holder that was `watched`, and tick. Returns the reason to stop.

        Raises:
            LeaseLost: another ingest has taken over.
        """
        lease, base, unheard = self._begin(watched, end_ms)
        while (due_ms := self._grid.next_ms(lease.ticked_ms)) < end_ms:
            sleep_until(due_ms)
            lease = replace(lease, ticked_ms=due_ms, seq=base.snapshot.seq + 1)
            try:
                base = self._tick(lease, base)
            except SnapshotMoved as error:
                self._calls.count(error)
            except FAILURES:
                pass  # counted when it failed
            self._known = base.snapshot
            self._report_failures()
            if self._stop_without_audience(lease, base.snapshot.seq, unheard):
                return "nobody listens"
        self._release(lease)
        return "end of run"

    def _begin(self, watched: Lease | None, end_ms: int) -> tuple[Lease, Base, Unheard]:
        """Take the lease, and prepare for the first tick."""
        for attempt in range(1, TRIES + 1):
            seen = watched or self._calls.repeat(self._table.lease, end_ms)
            stored = self._calls.repeat(self._table.stored, end_ms)
            try:
                lease = self._calls.repeat(partial(self._take, seen, stored), end_ms)
                break
            except LeaseLost:  # its holder renewed it just now, or this run's own answer was lost
                if watched or attempt == TRIES:
                    raise
        base = base_of(stored, lease, now_ms(), known=self._known, was_lost=not seen.epoch)
        self._sources.resume(base.snapshot.sources)
        self._past.begin(base.snapshot, now_ms())
        return lease, base, Unheard(was_heard=seen.is_live(now_ms(), self._grid.lease_ms))

    def _stand_by(self, end_ms: int) -> Lease | str:
        """Look at the lease once a tick, a grace after it is due. Returns the lease if its holder has given it up, or
        does not do its work (`Watch`); else, at the end, the reason to stop.
        """
        while (look_ms := self._grid.look_ms()) < end_ms:
            sleep_until(look_ms)
            lease = self._look()
            self._report_failures()
            if lease is None:
                self._watch.saw_nothing()
                continue
            is_given_up = lease.epoch > 0 and lease.until_ms == 0
            if is_given_up and not self._is_heard():
                return "nobody listens"
            fault = self._watch.fault(lease)
            if is_given_up and not self._grid.is_begun(lease.ticked_ms):
                fault = fault or "it has given up the lease"
            if fault:
                logger.warning("a stand-by takes over", epoch=lease.epoch, ticked_ms=lease.ticked_ms, because=fault)
                return lease
        return "successor"

    def _look(self) -> Lease | None:
        """The lease; `None` if DynamoDB fails."""
        try:
            return self._table.lease()
        except FAILURES as error:
            self._calls.count(error)
            return None

    def _is_heard(self) -> bool:
        try:
            return self._table.audience() > 0
        except FAILURES as error:
            self._calls.count(error)
            return True

    def _finish(self) -> None:
        """Store and report what is left of the last tick."""
        if self._pending:
            self._write_candles(())  # the next run does not know these candles
        self._report_failures()

    def _take(self, seen: Lease, stored: Stored) -> Lease:
        return self._table.take_lease(now_ms() + self._grid.lease_ms, above=stored.epoch, seen=seen)

    def _tick(self, lease: Lease, base: Base) -> Base:
        """Ask the sources, and store what follows from their answers. Returns what the next tick follows.

        Raises:
            LeaseLost: another ingest has taken over.
            SnapshotMoved: the stored snapshot was changed again and again.
            ClientError: DynamoDB refused or failed until the next tick is due.
            BotoCoreError: DynamoDB did not answer until then.
        """
        began_ms, held_before = now_ms(), base.snapshot.held
        until_ms = lease.ticked_ms + self._grid.tick_ms
        self._calls.repeat(lambda: self._renew(lease), until_ms)
        asked_ms = now_ms()
        patience_s = min(LONGEST_POLL_S, self._grid.tick_ms * 0.8 / 1000)
        polled = self._sources.poll(patience_s)
        poll_ms = now_ms() - asked_ms
        completed = self._past.completed(base.snapshot, max(0, patience_s - poll_ms / 1000), now_ms())
        base, changed, priced_ms = self._store(lease, replace(base, snapshot=completed), polled)
        snapshot = base.snapshot
        errors = {name: state.error for name, state in polled.states.items() if state.error}
        self._report(
            TickReport(
                seq=snapshot.seq,
                changed=changed,
                written=priced_ms is not None,
                poll_ms=poll_ms,
                took_ms=now_ms() - began_ms,
                errors=errors,
                held=len(snapshot.held),
                candles_pending=len(self._pending),
                priced_ms=priced_ms or 0,
                unexplained=self._unexplained,
                suspects=tuple(snapshot.suspects),
                quotes_age_ms=quotes_age_ms(snapshot, now_ms()),
                sources_silent_ms=sources_silent_ms(polled.states, now_ms()),
                newly_held=newly_held(snapshot, held_before),
            )
        )
        self._past.ticked(snapshot.closed)
        return base

    def _renew(self, lease: Lease) -> None:
        self._set_end(lease, now_ms() + self._grid.lease_ms)

    def _set_end(self, lease: Lease, until_ms: int) -> None:
        """Renew the lease, or give it up (0). Its `seq` never falls: a tick that failed may have written."""
        self._leased_seq = max(self._leased_seq, lease.seq)
        self._table.renew_lease(replace(lease, until_ms=until_ms, seq=self._leased_seq))

    def _store(self, lease: Lease, base: Base, polled: Polled) -> tuple[Base, int, int | None]:
        """Write the next snapshot, unless nothing changed and the last one is recent. Returns what the next tick
        follows, the number of changes, and the milliseconds from the snapshot's time to its write (`None`: not
        written).

        Raises:
            LeaseLost: another ingest has taken over.
            SnapshotMoved: the stored snapshot was changed again and again.
        """
        until_ms = lease.ticked_ms + self._grid.tick_ms
        for attempt in range(TRIES):
            if attempt > 1:
                sleep_until(now_ms() + PAUSE_MS)
            old = base.snapshot
            new = base.next(polled, now_ms(), self._ages)
            delta = Delta(old, new)
            changed = len(delta.quotes) + len(delta.unavailable)
            if not changed and not new.closed and abs(new.ts_ms - old.ts_ms) < self._ages.write_ms:
                return Base(replace(new, seq=old.seq, ts_ms=old.ts_ms)), 0, None
            if new.closed:  # an ingest that was stopped for a while may know less of them than its successor
                self._calls.repeat(partial(self._check_lease, lease), until_ms)
            self._write_candles(new.closed)
            priced_ms = now_ms() - new.ts_ms
            try:
                self._calls.repeat(partial(self._write, lease, new, base.instead_of), until_ms)
            except SnapshotMoved:
                stored = self._read_again(lease, until_ms)
                if not _is(stored, new, lease):  # the predecessor wrote once more, or the item was broken or lost
                    base = base_of(stored, lease, now_ms(), known=old)
                    lease = replace(lease, seq=base.snapshot.seq + 1)
                    self._calls.repeat(partial(self._renew, lease), until_ms)
                    continue
            self._explain(new)
            return Base(new), changed, priced_ms
        raise SnapshotMoved(f"{TRIES} times")

    def _read_again(self, lease: Lease, until_ms: int) -> Stored:
        stored = self._calls.repeat(self._table.stored, until_ms)
        if stored.epoch > lease.epoch:
            raise LeaseLost
        return stored

    def _write(self, lease: Lease, snapshot: Snapshot, instead_of: Stored | None) -> None:
        self._check_lease(lease)
        self._table.write_snapshot(snapshot, lease.epoch, instead_of)

    def _check_lease(self, lease: Lease) -> None:
        """Renew the lease if the next tick is due already: from that moment on another ingest may have begun it.

        Raises:
            LeaseLost: another ingest has taken over.
        """
        if now_ms() >= lease.ticked_ms + self._grid.tick_ms:
            self._renew(lease)

    def _explain(self, snapshot: Snapshot) -> None:
        """Store the explanations. Clients get the tick without them, so a failure is only counted."""
        try:
            self._table.write_explanations(Explanations(snapshot.seq, snapshot.ts_ms, snapshot.explained))
        except FAILURES:
            self._unexplained += 1

    def _write_candles(self, closed: tuple[Closed, ...]) -> None:
        """Write closed candles before the snapshot that no longer holds them: repeated after a crash, this changes
        nothing. A failure never stops prices: the candles are written with the next ones."""
        pending = [*self._pending, *closed]
        try:
            self._candles.write(pending)
        except NotWritten as error:
            self._pending = error.left[-MOST_PENDING_CANDLES:]
        else:
            self._pending = []

    def _stop_without_audience(self, lease: Lease, seq: int, unheard: Unheard) -> bool:
        """Give up the lease if nobody listens. A client that subscribes now is seen here or finds no ingest. While the
        audience is not known, the run goes on."""
        try:
            if not unheard.is_believed(self._table.audience(), seq, now_ms()):
                return False
            self._set_end(lease, 0)
            if not self._table.audience():
                return True
            self._renew(lease)
        except FAILURES as error:
            self._calls.count(error)
        return False

    def _release(self, lease: Lease) -> None:
        """Give up the lease at the end of the run."""
        try:
            self._set_end(lease, 0)
        except FAILURES as error:
            self._calls.count(error)

    def _report_failures(self) -> None:
        calls, error = self._calls.taken()
        if calls:
            self._failed(calls, error)


def _is(stored: Stored, snapshot: Snapshot, lease: Lease) -> bool:
    """Whether the snapshot was stored by the holder of the lease: the answer to its write was lost."""
    written = (stored.snapshot.seq, stored.snapshot.ts_ms, stored.epoch)
    return stored.is_sound and written == (snapshot.seq, snapshot.ts_ms, lease.epoch)
