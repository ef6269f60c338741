"""How many messages a connection may send: a rate and a burst, stored as one number per connection.

The generic cell rate algorithm: the number is the time at which a client that keeps to the rate may send its next
message. https://www.itu.int/rec/T-REC-I.371
"""

from dataclasses import dataclass

CLOSED_AFTER = 50  # messages over the limit


class RateLimited(Exception):
    """A message is over the limit and is ignored. `over`: how many messages are over it now."""

    def __init__(self, retry_in_ms: int, over: int) -> None:
        super().__init__(f"{over} over the limit")
        self.retry_in_ms = retry_in_ms
        self.over = over


@dataclass(frozen=True, slots=True)
class MessageLimit:
    """Allows `per_second` messages per second and `burst` at the same time. Messages over the limit count too, so a
    client that keeps sending stays over it."""

    per_second: int
    burst: int

    @property
    def interval_ms(self) -> int:
        """The milliseconds that one message adds to the number."""
        return max(1, round(1000 / self.per_second))

    def check(self, tat_ms: int, now_ms: int) -> None:
        """Check the number after a message, `tat_ms`, against the limit.

        Raises:
            RateLimited: it is over the limit.
        """
        ahead_ms = tat_ms - now_ms
        over = -(-ahead_ms // self.interval_ms) - self.burst
        if over > 0:
            raise RateLimited(ahead_ms - (self.burst - 1) * self.interval_ms, over)
