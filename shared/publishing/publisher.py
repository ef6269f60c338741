"""What `publish` does with a delta: posts it itself or, with many connections, has a worker per shard do so."""

import time
from collections.abc import Callable
from contextlib import suppress

from shared.gateway import Posted
from shared.model.delta import Delta
from shared.model.values import Progress
from shared.publishing.fan_out import TAKING_OVER, FanOut
from shared.store.progress_table import Counted, Overtaken, ProgressTable
from shared.store.quotes_table import QuotesTable

COUNTED_WITHIN_MS = 60_000


class Publisher:
    """The publisher over the connections of all shards. It remembers the audience that it stored last, and how far it
    came itself."""

    def __init__(
        self, quotes: QuotesTable, progress: ProgressTable, fan_out: FanOut, *, shards: int, connections_per_worker: int
    ) -> None:
        self._quotes = quotes
        self._progress_table = progress
        self._fan_out = fan_out
        self._shards = range(shards)
        self._connections_per_worker = connections_per_worker
        self._progress = Progress()
        self._audience: int | None = None

    def needs_workers(self) -> bool:
        """Whether there are more connections than one worker serves, and shards to spread them over."""
        if len(self._shards) == 1:
            return False
        if self._audience is None:
            self._audience = self._quotes.audience()
        return self._audience > self._connections_per_worker

    def publish(self, delta: Delta, deadline_s: float) -> Posted:
        """Post to every connection, and store the audience when all of them were found."""
        began_ms = time.time_ns() // 1_000_000
        posted, self._progress = self._fan_out.post(delta, self._shards, self._progress, deadline_s=deadline_s)
        if self._progress.whole_seq == delta.new.seq:
            self._store_audience(Counted(posted.reached + posted.failures, began_ms))
        return posted

    def delegate(self, delta: Delta, start_worker: Callable[[int], None]) -> None:
        """Start a worker per shard, and store the audience that the last ones found.

        Raises:
            Exception: what starting a worker raised first, after all were tried. No worker begins twice.
        """
        self._progress = TAKING_OVER
        failed = [error for shard in self._shards if (error := _tried(start_worker, shard))]
        counted = self._progress_table.counted(len(self._shards), delta.new.ts_ms - COUNTED_WITHIN_MS)
        if counted:
            self._store_audience(counted)
        if failed:
            raise failed[0]

    def _store_audience(self, counted: Counted) -> None:
        """Write it when it changed, and whenever it is none, which a subscription may have overwritten since."""
        if counted.connections == 0 or counted.connections != self._audience:
            self._quotes.count_audience(counted.connections, counted.from_ms)
            self._audience = counted.connections


class Worker:
    """The publisher of one shard at a time."""

    def __init__(self, progress: ProgressTable, fan_out: FanOut) -> None:
        self._progress_table = progress
        self._fan_out = fan_out

    def publish(self, delta: Delta, shard: int, deadline_s: float) -> Posted | None:
        """Post to every connection of the shard, `None` when a worker with this delta or a newer one was first."""
        began_ms, ts_ms = time.time_ns() // 1_000_000, delta.new.ts_ms
        try:
            progress = self._progress_table.begin(shard, ts_ms)
        except Overtaken:
            return None
        if not progress.whole_seq:
            progress = TAKING_OVER
        posted, progress = self._fan_out.post(
            delta,
            (shard,),
            progress,
            deadline_s=deadline_s,
            overtaken=lambda: self._progress_table.overtaken(shard, ts_ms),
        )
        whole = progress.whole_seq == delta.new.seq
        counted = Counted(posted.reached + posted.failures, began_ms) if whole else None
        with suppress(Overtaken):
            self._progress_table.end(shard, ts_ms, progress, counted)
        return posted


def _tried(start_worker: Callable[[int], None], shard: int) -> Exception | None:
    try:
        start_worker(shard)
    except Exception as error:  # noqa: BLE001 - raised again when all were tried
        return error
    return None
