"""How many messages a connection may send: a rate and a burst, kept as one number per connection.

The generic cell rate algorithm: the number is the time at which a client that keeps to the rate would be allowed the
message after those that it has sent. https://www.itu.int/rec/T-REC-I.371
"""

from dataclasses import dataclass

CLOSED_AFTER = 50  # messages over the limit


class RateLimited(Exception):
    """A message over the limit, on which nothing is done. `over`: how many there are by now."""

    def __init__(self, retry_in_ms: int, over: int) -> None:
        super().__init__(f"{over} over the limit")
        self.retry_in_ms = retry_in_ms
        self.over = over


@dataclass(frozen=True, slots=True)
class MessageLimit:
    """So many messages per second, and so many at once. Every message counts, those over the limit as well, so who goes
    on sending stays over it."""

    per_second: int
    burst: int

    @property
    def interval_ms(self) -> int:
        """What one message adds to the number."""
        return max(1, round(1000 / self.per_second))

    def check(self, tat_ms: int, now_ms: int) -> None:
        """Judge a message by the number after it.

        Raises:
            RateLimited: it is over the limit.
        """
        ahead_ms = tat_ms - now_ms
        over = -(-ahead_ms // self.interval_ms) - self.burst
        if over > 0:
            raise RateLimited(ahead_ms - (self.burst - 1) * self.interval_ms, over)
