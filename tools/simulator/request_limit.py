"""A limit of requests in any time window, as upstreams set it per IP address; here all clients share one."""

from collections import deque


class RequestLimit:
    """At most `most` requests in any `window_ms`. Refused requests do not count."""

    def __init__(self, most: int, window_ms: int) -> None:
        self.most = most
        self._window_ms = window_ms
        self._passed: deque[int] = deque()

    def wait_ms(self, now_ms: int) -> int:
        """Count a request; return 0 if it may pass, otherwise the time until one may."""
        while self._passed and self._passed[0] <= now_ms - self._window_ms:
            self._passed.popleft()
        if len(self._passed) < self.most:
            self._passed.append(now_ms)
            return 0
        return self._passed[0] + self._window_ms - now_ms if self._passed else self._window_ms
