"""What the feed says of itself: how its sources do, and whether it is late. The newest word counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FEED = "feed"  # among the sources, while it is late


@dataclass(slots=True)
class FeedStatus:
    """`sources`: per source `ok`, `down` (it does not answer) or `suspect` (the others contradict it); empty until the
    feed has said so."""

    sources: Mapping[str, str] = field(default_factory=dict)
    _said_late: bool = False
    # The tick of the last word: its time and, where that is known, its number.
    _said_ms: int = 0
    _said_seq: int | None = None
    # The newest ticks that were heard of: by the time of a frame, by the number of a quote on `rates`.
    _newest_ms: int = 0
    _quoted_seq: int = 0

    @property
    def late(self) -> bool:
        """Whether nothing new comes to the feed, so that no price is to be relied on. A frame of a later tick ends it,
        in whatever order they come."""
        is_over = self._newest_ms > self._said_ms or (self._said_seq is not None and self._quoted_seq > self._said_seq)
        return self._said_late and not is_over

    def ticked(self, ts_ms: object, status: object, seq: int | None = None) -> None:
        """A frame of the tick of that time came, with or without a word; a heartbeat has the feed's own `seq`, too."""
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
        """The sources that are `down` or `suspect`, by name."""
        return sorted(name for name, said in self.sources.items() if said == word)
