"""How many posts may go out now: a token bucket, as API Gateway keeps one for the account.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-request-throttling.html
"""


class TokenBucket:
    """`rate` tokens a second, at most `burst` of them saved up. The caller tells the time, in seconds of any clock."""

    def __init__(self, rate: float, burst: int) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"a bucket of {burst} filled at {rate} a second lets nothing through")
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at: float | None = None

    def available(self, now_s: float) -> int:
        """Whole tokens that can be taken now."""
        if self._filled_at is not None and now_s > self._filled_at:
            self._tokens = min(self._burst, self._tokens + (now_s - self._filled_at) * self._rate)
        self._filled_at = now_s
        return int(self._tokens)

    def take(self, tokens: int) -> None:
        """Take tokens that `available` has said to be there."""
        self._tokens -= tokens

    def wait_s(self) -> float:
        """Seconds until there is a whole token, counted from the last call of `available`."""
        return max(0.0, (1 - self._tokens) / self._rate)
