"""What has come over a connection without a gap: ticks that follow each other, and frames that came in parts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .quote import integer

MOST_PARTS = 1_000
MOST_UNFINISHED = 16
MOST_SPANS = 64


@dataclass(frozen=True, slots=True)
class Head:
    """What identifies a frame, and the number of this part. All parts of a frame share the other fields."""

    event: str
    seq: int
    ts_ms: int
    message_id: object
    part: int
    parts: int


def head_of(frame: Mapping[str, object]) -> Head:
    """Raises: ValueError, when a field is not what the protocol says."""
    part, parts = part_of(frame)
    message_id = frame.get("id")
    return Head(
        str(frame.get("event")),
        integer(frame.get("seq"), "seq"),
        integer(frame.get("ts", 0), "ts"),
        message_id if isinstance(message_id, int | str) else None,
        part,
        parts,
    )


def part_of(frame: Mapping[str, object]) -> tuple[int, int]:
    """The number of this part, from 1 on, and how many parts there are.

    Raises:
        ValueError: there is no such part.
    """
    part, parts = integer(frame.get("part", 1), "part"), integer(frame.get("parts", 1), "parts")
    if not 1 <= part <= parts <= MOST_PARTS:
        raise ValueError(f"part {part} of {parts}")
    return part, parts


@dataclass(slots=True)
class _Unfinished:
    """A frame that still lacks parts. `previous` is not known until the first part has come."""

    previous: int | None
    parts: set[int] = field(default_factory=set)
    symbols: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Continuity:
    """`seq` is the newest tick received. Nothing up to `complete` is missing, once there is a `base`."""

    seq: int = 0
    complete: int = 0
    base: bool = False
    # Updates that came before the ones they follow, as (`prev_seq`, `seq`).
    _spans: list[tuple[int, int]] = field(default_factory=list)
    _unfinished: dict[Head, _Unfinished] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether everything up to `seq` has come."""
        return self.base and self.complete >= self.seq

    @property
    def gap(self) -> bool:
        """Whether something is missing besides the parts that are still on their way."""
        if not self.base:
            return False
        # Ticks go out one after the other: parts missing from a tick before the newest one are lost.
        outstanding = [
            (frame.previous or 0, head.seq)
            for head, frame in self._unfinished.items()
            if head.event == "snapshot" or head.seq == self.seq
        ]
        return self._reach([*self._spans, *outstanding]) < self.seq

    def snapshot(self, head: Head, symbols: Iterable[str]) -> set[str] | None:
        """Add a snapshot or a part of one. Returns all its symbols, once all parts have come."""
        self.seq = max(self.seq, head.seq)
        frame = self._collect(head, 0, symbols)
        if frame is None:
            return None
        self.base = True
        self.complete = max(self.complete, head.seq)
        self._follow()
        return frame.symbols

    def update(self, head: Head, previous: int) -> None:
        """Add an update or a part of one."""
        self.seq = max(self.seq, head.seq)
        frame = self._collect(head, previous if head.part == 1 else None, ())
        if frame is None or frame.previous is None:
            return
        # An update that follows nothing holds the whole state.
        self.base |= frame.previous == 0
        self._spans = [*self._spans, (frame.previous, head.seq)][-MOST_SPANS:]
        self._follow()

    def _collect(self, head: Head, previous: int | None, symbols: Iterable[str]) -> _Unfinished | None:
        if head.parts == 1:
            return _Unfinished(previous, {1}, set(symbols))
        key = Head(head.event, head.seq, head.ts_ms, head.message_id, 0, head.parts)
        frame = self._unfinished.setdefault(key, _Unfinished(None))
        frame.previous = frame.previous if previous is None else previous
        frame.parts.add(head.part)
        frame.symbols.update(symbols)
        if len(frame.parts) == head.parts:
            return self._unfinished.pop(key)
        while len(self._unfinished) > MOST_UNFINISHED:
            del self._unfinished[min(self._unfinished, key=lambda other: other.seq)]
        return None

    def _follow(self) -> None:
        self.complete = self._reach(self._spans)
        self._spans = [span for span in self._spans if span[1] > self.complete]
        self._unfinished = {head: frame for head, frame in self._unfinished.items() if head.seq > self.complete}

    def _reach(self, spans: Iterable[tuple[int, int]]) -> int:
        """The tick up to which nothing is missing, with these spans added to what is complete."""
        reach = self.complete
        for previous, seq in sorted(spans):
            if previous <= reach:
                reach = max(reach, seq)
        return reach
