"""How the connection does: its state in words, why it broke, and how many quotes come per second."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

RATE_WINDOW_MS = 10_000


class Link(StrEnum):
    """The connection's states, as they are shown."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"


@dataclass(slots=True)
class Status:
    """The connection to one feed. `reason` is why the last one broke, `notice` the server's last complaint."""

    url: str
    link: Link = Link.CONNECTING
    reason: str = ""
    notice: str = ""
    retry_ms: int = 0
    live_ms: int = 0
    _arrivals: deque[tuple[int, int]] = field(default_factory=deque)

    def connecting(self) -> None:
        """A connection is being made; the reason why the last one broke stays in sight until it stands."""
        self.link = Link.CONNECTING

    def live(self, now_ms: int) -> bool:
        """The server has answered; true when that is news."""
        if self.link is Link.LIVE:
            return False
        self.link, self.reason, self.notice, self.live_ms = Link.LIVE, "", "", now_ms
        self._arrivals.clear()
        return True

    def lost(self, reason: str, now_ms: int, delay_s: float) -> None:
        """The connection broke or did not come about; the next attempt is `delay_s` away."""
        self.link, self.reason, self.retry_ms = Link.RECONNECTING, reason, now_ms + round(delay_s * 1000)

    def received(self, quotes: int, now_ms: int) -> None:
        """Count changed quotes. A snapshot is not to be counted: it says how much there is, not how much moves."""
        self._arrivals.append((now_ms, quotes))
        self._forget(now_ms)

    def updates_per_s(self, now_ms: int) -> float:
        """Changed quotes per second over the last ten seconds, or since the connection stands."""
        self._forget(now_ms)
        window_ms = min(RATE_WINDOW_MS, max(1000, now_ms - self.live_ms))
        return sum(quotes for _, quotes in self._arrivals) * 1000 / window_ms

    def words(self, now_ms: int) -> str:
        """The state in words, e.g. `reconnecting in 3 s`."""
        if self.link is Link.RECONNECTING:
            return f"{self.link} in {max(0, -(-(self.retry_ms - now_ms) // 1000))} s"
        return self.link

    def _forget(self, now_ms: int) -> None:
        while self._arrivals and self._arrivals[0][0] <= now_ms - RATE_WINDOW_MS:
            self._arrivals.popleft()
