"""The state of the connection in words, why it broke, and the rate of quotes per second."""

from collections import deque
from dataclasses import dataclass, field

from cadfeed_client import Heard, Kind, Link, Quote, State
from tools.watch.target import Target, explain

RATE_WINDOW_MS = 10_000
STANDS = (Link.LIVE, Link.LATE, Link.STALE)


@dataclass(slots=True)
class Status:
    """The connection to one feed. `notice` is the server's last error."""

    target: Target
    state: State = field(default_factory=lambda: State(Link.CONNECTING))
    notice: str = ""
    live_ms: int = 0
    _arrivals: deque[tuple[int, int]] = field(default_factory=deque)

    @property
    def reason(self) -> str:
        """Return why the connection is not live."""
        return explain(self.state.error, self.target) if self.state.error else self.state.reason

    def turned(self, state: State, now_ms: int) -> str:
        """Record a new state; return the text to print about it, if any."""
        if state.link is Link.CLOSED:
            return ""  # by the user: the last picture stays
        before, self.state = self.state.link, state
        if state.link in STANDS and before not in STANDS:
            self.notice, self.live_ms = "", now_ms
            self._arrivals.clear()
        if state.link is Link.LATE:
            return f"late: {self.target.url}: {self.reason}"
        if state.link is Link.LIVE and before not in (Link.LIVE, Link.STALE):
            return f"live: {self.target.url}"
        if state.link is Link.POLLING and before is not Link.POLLING:
            return f"{self.reason}; prices come over HTTP meanwhile"
        if state.link is Link.RECONNECTING:
            return f"{self.reason}; reconnecting in {max(0, state.retry_ms - now_ms) / 1000:.1f} s"
        return ""

    def heard(self, heard: Heard, now_ms: int) -> None:
        """Count changed quotes. A snapshot does not count: it shows all quotes, not changes."""
        self.notice = heard.message or self.notice
        if heard.kind is Kind.DATA and not heard.is_snapshot:
            self._arrivals.append((now_ms, sum(isinstance(change, Quote) for change in heard.changes)))
            self._forget(now_ms)

    def updates_per_s(self, now_ms: int) -> float:
        """Return the changed quotes per second over the last ten seconds, or since the connection opened."""
        self._forget(now_ms)
        window_ms = min(RATE_WINDOW_MS, max(1000, now_ms - self.live_ms))
        return sum(quotes for _, quotes in self._arrivals) * 1000 / window_ms

    def words(self, now_ms: int) -> str:
        """Return the state in words, e.g. `reconnecting in 3 s`."""
        if self.state.link is Link.RECONNECTING:
            return f"{self.state.link} in {max(0, -(-(self.state.retry_ms - now_ms) // 1000))} s"
        return self.state.link

    def _forget(self, now_ms: int) -> None:
        while self._arrivals and self._arrivals[0][0] <= now_ms - RATE_WINDOW_MS:
            self._arrivals.popleft()
