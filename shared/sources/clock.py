"""A clock for paces, answers and silences. It never goes back, even if the machine's time is set."""

import time
from collections.abc import Callable


def wall_ms() -> int:
    """Unix milliseconds by the machine's clock, which may be set forward or back."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds by a clock that is never set, but may stop while a Lambda is frozen."""
    return time.monotonic_ns() // 1_000_000


class SteadyClock:
    """Advances by the larger of the two clocks' advances since the last call.

    So a wall clock that is set back costs no time, and one that is set forward makes things due too early, never too
    late.
    """

    def __init__(self, wall: Callable[[], int] = wall_ms, monotonic: Callable[[], int] = monotonic_ms) -> None:
        self._clocks = (wall, monotonic)
        self._last = tuple(clock() for clock in self._clocks)
        self._ms = self._last[0]

    def __call__(self) -> int:
        """Milliseconds, beginning at the wall clock's."""
        now = tuple(clock() for clock in self._clocks)
        self._ms += max(0, *(at - before for at, before in zip(now, self._last, strict=True)))
        self._last = now
        return self._ms
