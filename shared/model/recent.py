"""Which tick came when, for the last minutes: (ts_ms, seq) pairs, oldest first."""

from collections.abc import Sequence

from shared.model.pace import LONGEST_S

Recent = tuple[tuple[int, int], ...]
# One interval back from a tick that comes late, twice the longest interval between two snapshots.
KEPT_MS = (LONGEST_S + 60) * 1000


def with_tick(recent: Recent, ts_ms: int, seq: int) -> Recent:
    """The ticks with one more. Those that are too old are left out, and those that a wrong clock has put later."""
    kept = (each for each in recent if ts_ms - KEPT_MS <= each[0] < ts_ms and each[1] < seq)
    return (*kept, (ts_ms, seq))


def tick_at(recent: Sequence[tuple[int, int]], ts_ms: int) -> int | None:
    """The `seq` of the first tick that came at this time or later; `None` if the ticks before it are not known."""
    if not recent or recent[0][0] > ts_ms:
        return None
    return next((seq for at_ms, seq in recent if at_ms >= ts_ms), None)


def time_of(recent: Sequence[tuple[int, int]], seq: int) -> int | None:
    """When the first tick came that has this `seq` or a later one; `None` if the ticks before it are not known."""
    if not recent or recent[0][1] > seq:
        return None
    return next((at_ms for at_ms, each in recent if each >= seq), None)
