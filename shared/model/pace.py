"""A pace of one's own: a client gets one frame in an interval, with everything that changed since the last one."""

from dataclasses import dataclass

LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class Pace:
    """`every_s`: the interval in seconds. `known_seq`: the tick that the client knew when it subscribed."""

    every_s: int
    known_seq: int = 0


def is_allowed(every_s: int, tick_s: int) -> bool:
    """Whether a client may ask for this interval: a number of whole ticks, up to `LONGEST_S`."""
    return tick_s <= every_s <= LONGEST_S and every_s % tick_s == 0
