"""What a stand-by makes of the lease, which it reads once a tick: whether its holder still does its work."""

from functions.ingest.grid import Grid
from shared.store.quotes_table import Lease

UNWRITTEN_TICKS = 3  # until the lease says what was written, and two ticks that failed


class Watch:
    """Judges the holder by what it does to the lease.

    A holder whose ticks begin says with each of them which `seq` it is about to write. It writes nothing if that stays
    the same for longer than a market without changes explains (`write_ms`). Looks are counted, so no clock decides.
    """

    def __init__(self, grid: Grid, write_ms: int) -> None:
        self._grid = grid
        self._most_looks = -(-write_ms // grid.tick_ms) + UNWRITTEN_TICKS
        self._before: Lease | None = None
        self._looks = 0  # in a row that saw the same `seq`

    def fault(self, lease: Lease) -> str:
        """What is wrong with the holder of this lease, empty if nothing is.

        It is late if its last tick is the one before. If its clock and this one's differ by more, it is late if it has
        done nothing since the last look.
        """
        before, self._before = self._before, lease
        is_late = self._grid.is_one_behind(lease.ticked_ms)
        if before and (lease.epoch, lease.ticked_ms) == (before.epoch, before.ticked_ms):
            is_late = not self._grid.is_begun(lease.ticked_ms)
        # A lease without a `seq` is that of an earlier version, and does not tell.
        is_same = before and lease.seq and (lease.epoch, lease.seq) == (before.epoch, before.seq)
        self._looks = self._looks + 1 if is_same else 0
        if not lease.epoch:
            return "there is no lease that can be read"
        if is_late:
            return "it begins no tick"
        return "it writes nothing" if self._looks > self._most_looks else ""

    def saw_nothing(self) -> None:
        """The lease could not be read. So perhaps the holder cannot write for the same reason, and gets its time again
        afterwards."""
        self._looks = 0
