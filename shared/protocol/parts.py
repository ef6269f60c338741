"""Frames that would be too long for one message, split by their list into parts that each say which they are."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from shared.model.wire import Encoded
from shared.protocol.limits import MAX_FRAME_BYTES

MOST_PARTS = 999  # for the room that the numbers take


class Part(NamedTuple):
    """Which of how many, from 1 on."""

    part: int
    parts: int

    @property
    def is_first(self) -> bool:
        return self.part == 1

    @property
    def is_last(self) -> bool:
        return self.part == self.parts

    def fields(self) -> dict[str, int]:
        """What a part says of itself; a frame that is whole says nothing."""
        return {} if self.parts == 1 else {"part": self.part, "parts": self.parts}


WHOLE = Part(1, 1)
FrameOf = Callable[[Sequence[Encoded], Part], bytes]


def in_parts(items: Sequence[Encoded], frame_of: FrameOf) -> tuple[bytes, ...]:
    """The frame of all the items, or several of at most `MAX_FRAME_BYTES`. A longer item has a frame of its own."""
    whole = frame_of(items, WHOLE)
    if len(whole) <= MAX_FRAME_BYTES:
        return (whole,)
    edges = (Part(1, MOST_PARTS), Part(MOST_PARTS, MOST_PARTS))
    rows = _rows(items, MAX_FRAME_BYTES - max(len(frame_of((), edge)) for edge in edges))
    return tuple(frame_of(row, Part(number, len(rows))) for number, row in enumerate(rows, 1))


def _rows(items: Iterable[Encoded], room: int) -> list[list[Encoded]]:
    """The items in their order, as many in a row as fit into so many bytes with a comma after each."""
    rows: list[list[Encoded]] = [[]]
    used = 0
    for item in items:
        size = len(item) + 1
        if rows[-1] and used + size > room:
            rows.append([])
            used = 0
        rows[-1].append(item)
        used += size
    return rows
