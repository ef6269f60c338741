"""How many posts may start now: a token bucket like the one that API Gateway keeps for the account.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-request-throttling.html
"""


class TokenBucket:
    """Gains `rate` tokens per second and keeps at most `burst`. The caller passes the time in seconds, by any clock."""

    def __init__(self, rate: float, burst: int) -> None:
        """An initially full bucket.

        Raises:
            ValueError: `rate` is not positive, or `burst` is less than 1.
        """
        if rate <= 0 or burst < 1:
            raise ValueError(f"a bucket of {burst} filled at {rate} a second lets nothing through")
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at: float | None = None

    def available(self, now_s: float) -> int:
        """The whole tokens that can be taken now."""
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now_s - self._filled_at) * self._rate)
        self._filled_at = now_s
        return int(self._tokens)

    def take(self, tokens: int) -> None:
        """Take tokens, no more than `available` returned."""
        self._tokens -= tokens

    def wait_s(self) -> float:
        """Seconds from the last call of `available` until there is a whole token."""
        return max(0.0, (1 - self._tokens) / self._rate)
