"""A clock for pace, hold and silence: it never goes back, whatever is done to the machine's time."""

import time
from collections.abc import Callable


def wall_ms() -> int:
    """Unix milliseconds by the machine's clock, which may be set forward and back."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds by a clock that is never set, but may stand still while a Lambda is frozen."""
    return time.monotonic_ns() // 1_000_000


class SteadyClock:
    """Moves on by whichever of the two clocks went farther since the last look.

    A wall clock that is set back so costs no time, and one that is set forward for a while lets things be due too soon,
    never too late.
    """

    def __init__(self, wall: Callable[[], int] = wall_ms, monotonic: Callable[[], int] = monotonic_ms) -> None:
        self._clocks = (wall, monotonic)
        self._last = tuple(clock() for clock in self._clocks)
        self._ms = self._last[0]

    def __call__(self) -> int:
        """Milliseconds; at first those of the wall clock."""
        now = tuple(clock() for clock in self._clocks)
        self._ms += max(0, *(at - before for at, before in zip(now, self._last, strict=True)))
        self._last = now
        return self._ms
