"""How much a connection may ask: a rate and a burst, stored as one number per connection.

The generic cell rate algorithm: the number is the time at which a client that keeps to the rate may send its next
message. https://www.itu.int/rec/T-REC-I.371

A message has a price: how many plain messages it counts as (`shared/requests/prices.py`).
"""

from dataclasses import dataclass

CLOSED_AFTER = 50  # plain messages over the limit
MINUTE_MS = 60_000


class RateLimited(Exception):
    """A message is over the limit and is ignored. `retry_in_ms`: when the same message will be accepted. `over`: by how
    many plain messages the connection is over its limit now; 0 or less if a cheaper message would have been accepted.
    """

    def __init__(self, retry_in_ms: int, over: int) -> None:
        super().__init__(f"{over} over the limit")
        self.retry_in_ms = retry_in_ms
        self.over = over


@dataclass(frozen=True, slots=True)
class MessageLimit:
    """Allows `per_minute` plain messages per minute and `burst` at the same time. A message over the limit counts as
    what it has cost by then, mostly one plain message, so a client that keeps sending stays over it."""

    per_minute: int
    burst: int

    @property
    def interval_ms(self) -> int:
        """The milliseconds that a plain message adds to the number."""
        return max(1, round(MINUTE_MS / self.per_minute))

    def charge_ms(self, tat_ms: int, now_ms: int, price: int, over: int = 1) -> int:
        """The milliseconds that a message of this price adds to the number `tat_ms`: those of `over` plain messages if
        it is over the limit."""
        ahead_ms = max(0, tat_ms - now_ms) + price * self.interval_ms
        return self.interval_ms * (price if ahead_ms <= self.burst * self.interval_ms else over)

    def check(self, tat_ms: int, now_ms: int, price: int, charged_ms: int) -> None:
        """Check the number after a message that added `charged_ms` to it.

        Raises:
            RateLimited: the message is over the limit.
        """
        ahead_ms = tat_ms - now_ms
        if charged_ms == price * self.interval_ms and ahead_ms <= self.burst * self.interval_ms:
            return
        over = -(-ahead_ms // self.interval_ms) - self.burst
        raise RateLimited(max(1, ahead_ms + (price - self.burst) * self.interval_ms), over)
