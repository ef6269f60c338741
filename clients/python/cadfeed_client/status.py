"""What the feed says about itself: the state of its sources, and whether it is late. The newest status counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FEED = "feed"  # among the sources, while it is late


@dataclass(slots=True)
class FeedStatus:
    """`sources`: per source `ok`, `down` (it does not answer) or `suspect` (the others contradict it); empty until the
    feed says."""

    sources: Mapping[str, str] = field(default_factory=dict)
    _said_late: bool = False
    # The tick of the newest status: its time and, where that is known, its number.
    _said_ms: int = 0
    _said_seq: int | None = None
    # The newest ticks received: by the time of a frame, by the number of a quote on `rates`.
    _newest_ms: int = 0
    _quoted_seq: int = 0

    @property
    def newest_ms(self) -> int:
        """The time of the newest tick received, in Unix milliseconds."""
        return self._newest_ms

    @property
    def late(self) -> bool:
        """Whether nothing new comes to the feed, so that no price can be relied on. A frame of a later tick ends
        this, in whatever order they come."""
        is_over = self._newest_ms > self._said_ms or (self._said_seq is not None and self._quoted_seq > self._said_seq)
        return self._said_late and not is_over

    def ticked(self, ts_ms: object, status: object, seq: int | None = None) -> None:
        """A frame of the tick at that time came, with or without a status. A heartbeat also has the feed's `seq`."""
        if not isinstance(ts_ms, int) or isinstance(ts_ms, bool):
            return
        self._newest_ms = max(self._newest_ms, ts_ms)
        if isinstance(status, Mapping) and ts_ms >= self._said_ms:
            said = {str(name): str(word) for name, word in status.items()}
            self._said_late = said.pop(FEED, "") == "late"
            self.sources, self._said_ms, self._said_seq = said, ts_ms, seq

    def quoted(self, seq: int) -> None:
        """A quote of that tick came on `rates`, whose frames have no time of their own."""
        self._quoted_seq = max(self._quoted_seq, seq)

    def that_are(self, word: str) -> list[str]:
        """The names of the sources with this word: `down` or `suspect`."""
        return sorted(name for name, said in self.sources.items() if said == word)
