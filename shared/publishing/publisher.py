"""What `publish` does with a delta: post it, or with many connections start a worker per shard that does."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from shared.gateway import Posted
from shared.model.delta import Delta
from shared.publishing.fan_out import UNKNOWN_PROGRESS, FanOut
from shared.publishing.images import Change
from shared.publishing.rates_count import RatesCount
from shared.store.progress_table import Counted, Overtaken, ProgressTable, Workers
from shared.store.quotes_table import Audience, QuotesTable

COUNTED_WITHIN_TICKS = 12

# Starts the worker of a shard, given the version of the audience that was read before.
StartWorker = Callable[[int, str], None]


class Publisher:
    """Publishes to the connections of all shards. It remembers the audience as it last read it, and its own progress.

    The audience is read after each batch, when nobody waits for it. What is read belongs to the next batch, which
    begins later. It is written only if it is wrong.

    A record of the stream may come again, even after newer ones, and to a process that has not seen those. No client
    may get an older price for that. So ask `admit` before publishing. It needs no write, and a read only if this
    process cannot know by itself that no newer tick was posted.
    """

    def __init__(
        self,
        quotes: QuotesTable,
        progress: ProgressTable,
        fan_out: FanOut,
        *,
        shards: int,
        connections_per_worker: int,
        rates_count: RatesCount | None = None,
    ) -> None:
        self._rates_count = rates_count or RatesCount(None)
        self._quotes = quotes
        self._progress_table = progress
        self._fan_out = fan_out
        self._shards = range(shards)
        self._connections_per_worker = connections_per_worker
        self._progress = UNKNOWN_PROGRESS
        self._begun_seq: int | None = None
        self._is_done = False
        self._audience: Audience | None = None
        self._connections: int | None = None
        self._workers_may_run = shards > 1
        self._delegated: deque[int] = deque(maxlen=COUNTED_WITHIN_TICKS)  # the last ticks that workers were started for

    def admit(self, change: Change, late_ms: int) -> Change | None:
        """The change to publish in place of this one, or `None` if its tick or a newer one has been published.

        It is the same one, unless the stored snapshot is newer: then it ends there. That is looked up if the change
        does not follow the last one of this process, or is older than `late_ms`, by whatever clock: a late stream is
        thus overtaken by what it will bring later. A stored snapshot without one before it begins the feed again, with
        whatever `seq`: somebody deleted the item.
        """
        seq = change.snapshot.seq
        if self._has_published(seq) and change.old:
            return None
        is_late = time.time_ns() // 1_000_000 - change.snapshot.ts_ms > late_ms
        if change.old_seq == self._begun_seq and not is_late:
            return change
        stored = self._quotes.readable_snapshot()
        if stored.seq > seq:
            change = change.up_to(stored)
        elif stored.seq == seq and not change.old:
            self._begin_again()
        return None if self._has_published(change.snapshot.seq) else change

    def needs_workers(self) -> bool:
        """Whether there are several shards and more connections than one worker serves."""
        if len(self._shards) == 1:
            return False
        if self._connections is None:
            self._connections = self._audience_before().connections
        return self._connections > self._connections_per_worker

    def publish(self, delta: Delta, deadline_s: float) -> Posted:
        """Post to every connection. Store the audience if the batch got through all of them."""
        self._begun_seq, self._is_done = delta.new.seq, False
        before = self._audience_before()
        self._stop_workers(delta)
        posted, self._progress = self._fan_out.post(delta, None, self._progress, deadline_s=deadline_s)
        self._is_done = self._progress.complete_seq == delta.new.seq
        if self._is_done:
            self._connections = posted.listening
            current = self._quotes.counted_audience()
            self._store_audience(self._connections, current, is_current=before.version == current.version)
            seq = delta.new.seq
            self._rates_count.correct(seq, lambda since: posted.on_rates if seq >= since else None)
        return posted

    def delegate(self, delta: Delta, start_worker: StartWorker) -> None:
        """Start a worker per shard, and store the audience that the previous workers counted.

        Raises:
            Exception: the first error of starting a worker, after all were tried. A second start has no effect.
        """
        self._begun_seq, self._is_done = delta.new.seq, False
        before = self._audience_before()
        self._progress = UNKNOWN_PROGRESS
        self._workers_may_run = True
        self._delegated.append(delta.new.seq)
        failed = [error for shard in self._shards if (error := _error_starting(start_worker, shard, before.version))]
        self._is_done = not failed
        workers = self._count_workers()
        self._forget_ticks_that_never_were(workers, delta.new.seq)
        self._rates_count.correct(delta.new.seq, workers.on_rates)
        if failed:
            raise failed[0]

    def _begin_again(self) -> None:
        self._begun_seq = None
        self._rates_count.begin_again()
        self._progress_table.clear(len(self._shards))

    def _has_published(self, seq: int) -> bool:
        if self._begun_seq is None:
            return False
        return seq < self._begun_seq or (seq == self._begun_seq and self._is_done)

    def _stop_workers(self, delta: Delta) -> None:
        """Begin this tick in the place of every worker: one that comes late then posts nothing."""
        for shard in self._shards if self._workers_may_run else ():
            with suppress(Overtaken):
                self._progress_table.begin(shard, delta.new)
        self._workers_may_run = False

    def _count_workers(self) -> Workers:
        """Store the audience that the workers counted. Returns what was read of them."""
        current = self._quotes.counted_audience()
        workers = self._progress_table.workers(len(self._shards))
        counted = workers.counted(self._delegated[0], current.version)
        is_current = counted is not None
        if counted is None and not current.connections:
            counted = workers.counted(self._delegated[0], None)
        if counted is None:
            self._audience = current
        else:
            self._connections = counted
            self._store_audience(counted, current, is_current=is_current)
        return workers

    def _forget_ticks_that_never_were(self, workers: Workers, begun_seq: int) -> None:
        """No worker has begun a tick after the stored one. If an item says so, the workers of its shard would post
        nothing until the feed is there."""
        ahead = workers.ahead(begun_seq)
        if not ahead:
            return
        stored_seq = self._quotes.readable_snapshot().seq
        for shard, seq in ahead:
            if seq > stored_seq >= begun_seq:
                self._progress_table.forget(shard, seq)

    def _audience_before(self) -> Audience:
        """The audience as it was read before a count."""
        if self._audience is None:
            self._audience = self._quotes.counted_audience()
        return self._audience

    def _store_audience(self, counted: int, current: Audience, *, is_current: bool) -> None:
        """Write the audience if it is another one. A client that joined during the count stays, but not a 0: a
        deleted audience, or a count that came too late, would stop the ingest while clients listen."""
        is_another = counted != current.connections or (counted > 0 and current.is_last_call)
        if is_another and (is_current or not current.connections):
            current = self._quotes.count_audience(counted, current)
        self._audience = current


class Worker:
    """Publishes to one shard at a time."""

    def __init__(self, progress: ProgressTable, fan_out: FanOut) -> None:
        self._progress_table = progress
        self._fan_out = fan_out

    def publish(self, delta: Delta, shard: int, deadline_s: float, audience: str) -> Posted | None:
        """Post to every connection of the worker's shards. Returns `None` if this delta or a newer one has a worker.

        `audience`: the version of the audience that was read before; if it is empty, the connections are not counted.
        """
        seq, partitions = delta.new.seq, self._fan_out.partitions_of_worker(shard)
        try:
            progress = self._progress_table.begin(shard, delta.new, partitions)
        except Overtaken:
            return None
        if not progress.complete_seq:
            progress = UNKNOWN_PROGRESS
        posted, progress = self._fan_out.post(
            delta,
            partitions,
            progress,
            deadline_s=deadline_s,
            overtaken=lambda: self._progress_table.overtaken(shard, seq),
        )
        whole = progress.complete_seq == seq
        counted = Counted(posted.listening, audience, posted.on_rates) if whole and audience else None
        with suppress(Overtaken):
            self._progress_table.end(shard, seq, progress, counted, partitions)
        return posted


def _error_starting(start_worker: StartWorker, shard: int, audience: str) -> Exception | None:
    try:
        start_worker(shard, audience)
    except Exception as error:  # noqa: BLE001 - raised after all were tried
        return error
    return None
