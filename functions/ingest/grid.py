"""When ticks begin: at every multiple of the tick's length since 1970, whichever ingest makes them."""

import time

LEASE_TICKS = 3
SHORTEST_LEASE_MS = 10_000
BELIEVED_TICKS = 2
LONGEST_GRACE_MS = 1_000


class Grid:
    """The times of ticks of one length."""

    def __init__(self, tick_ms: int) -> None:
        self.tick_ms = tick_ms
        self.lease_ms = max(LEASE_TICKS * tick_ms, SHORTEST_LEASE_MS)
        self.grace_ms = min(tick_ms // 2, LONGEST_GRACE_MS)

    def this_ms(self) -> int:
        """The tick that is due now."""
        return now_ms() // self.tick_ms * self.tick_ms

    def next_ms(self, ticked_ms: int) -> int:
        """The tick that is due now, or the next one if an ingest has already begun this one."""
        return self.this_ms() + (self.tick_ms if self.is_begun(ticked_ms) else 0)

    def is_begun(self, ticked_ms: int) -> bool:
        """Whether the tick that is due now has begun, by the last one that was. One more than two ticks ahead was begun
        by a wrong clock."""
        this_ms = self.this_ms()
        return this_ms <= ticked_ms <= this_ms + BELIEVED_TICKS * self.tick_ms

    def is_one_behind(self, ticked_ms: int) -> bool:
        """Whether the last tick that was begun is the one before that which is due now."""
        return self.this_ms() - self.tick_ms <= ticked_ms < self.this_ms()

    def look_ms(self) -> int:
        """When a stand-by looks next: a grace after a tick is due, in which the holder has to begin it."""
        look_ms = self.this_ms() + self.grace_ms
        return look_ms if now_ms() < look_ms else look_ms + self.tick_ms


def now_ms() -> int:
    """The time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def sleep_until(then_ms: int) -> None:
    """Return at that time, at once if it is past."""
    time.sleep(max(0, then_ms - now_ms()) / 1000)
