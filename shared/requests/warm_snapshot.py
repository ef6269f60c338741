"""The snapshot for new subscribers, kept in a warm Lambda: in a storm of reconnects all of them need the same one."""

import time

from shared.model.staleness import Ages, as_of
from shared.model.values import Snapshot
from shared.store.quotes_table import QuotesTable

READ_EVERY_MS = 1_000  # while ticks are late


class WarmSnapshot:
    """Reads the snapshot once in a tick, since until the next tick is due there is seldom another, and once in a second
    while that is late.

    A reader that begins with it has to look once more for what has changed: an ingest that takes over may be earlier.
    """

    def __init__(self, quotes: QuotesTable, tick_s: int) -> None:
        self._quotes = quotes
        self._tick_ms = tick_s * 1000
        self._held = Snapshot()
        self._read_ms = 0

    def now(self, limits: Ages) -> Snapshot:
        """The current snapshot, judged by the clock of this moment; an empty one (`seq` 0) if there is none."""
        now_ms = time.time_ns() // 1_000_000
        is_of_this_tick = 0 <= now_ms - self._held.ts_ms < self._tick_ms
        if not self._held.seq or not (is_of_this_tick or 0 <= now_ms - self._read_ms < READ_EVERY_MS):
            return self.read(limits)
        return as_of(self._held, now_ms, limits)

    def read(self, limits: Ages) -> Snapshot:
        """The stored snapshot, which others may begin with; an empty one (`seq` 0) if there is none."""
        self._held, self._read_ms = self._quotes.snapshot_now(limits), time.time_ns() // 1_000_000
        return self._held
