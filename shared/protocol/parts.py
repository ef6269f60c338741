"""Splits a frame that is too long for one message, by its list, into numbered parts."""

from collections.abc import Callable, Iterable, Sequence, Sized
from typing import NamedTuple, TypeVar

from shared.protocol.limits import MAX_FRAME_BYTES

MAX_PARTS = 999  # used to reserve bytes for the numbers


class Part(NamedTuple):
    """The number of a part, from 1, and how many parts there are."""

    part: int
    parts: int

    @property
    def is_first(self) -> bool:
        return self.part == 1

    @property
    def is_last(self) -> bool:
        return self.part == self.parts

    def fields(self) -> dict[str, int]:
        """The fields that identify a part; none for a single frame."""
        return {} if self.parts == 1 else {"part": self.part, "parts": self.parts}


ONLY_PART = Part(1, 1)
Item = TypeVar("Item", bound=Sized)


def in_parts(
    items: Sequence[Item],
    frame_of: Callable[[Sequence[Item], Part], bytes],
    *,
    size_of: Callable[[Item], int] = len,
    most_bytes: int = MAX_FRAME_BYTES,
) -> tuple[bytes, ...]:
    """One frame with all items, or several of at most `most_bytes`, and never more than `MAX_FRAME_BYTES`. An item that
    is longer gets its own frame.

    `size_of` returns the bytes that an item takes in its frame, without a comma after it.
    """
    limit = min(most_bytes, MAX_FRAME_BYTES)
    whole = frame_of(items, ONLY_PART)
    if len(whole) <= limit:
        return (whole,)
    edges = (Part(1, MAX_PARTS), Part(MAX_PARTS, MAX_PARTS))
    rows = _rows(items, size_of, limit - max(len(frame_of((), edge)) for edge in edges))
    return tuple(frame_of(row, Part(number, len(rows))) for number, row in enumerate(rows, 1))


def _rows(items: Iterable[Item], size_of: Callable[[Item], int], room: int) -> list[list[Item]]:
    """The items in their order, in rows of as many as fit into `room` bytes with a comma after each."""
    rows: list[list[Item]] = [[]]
    used = 0
    for item in items:
        size = size_of(item) + 1
        if rows[-1] and used + size > room:
            rows.append([])
            used = 0
        rows[-1].append(item)
        used += size
    return rows
