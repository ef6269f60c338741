"""Which cells of a matrix over the whole feed `make test` tries: some of each row and of each column.

`CADFEED_FAULTS=all` tries every cell.
"""

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
ALL = os.environ.get("CADFEED_FAULTS") == "all"


def cells(rows: Iterable[str], columns: Iterable[str], one_in: int) -> list[tuple[str, str]]:
    """Return each `one_in`-th cell, along the diagonals; it is at most the number of rows and of columns."""
    every = [(number, row, place, column) for number, row in enumerate(rows) for place, column in enumerate(columns)]
    return [(row, column) for number, row, place, column in every if ALL or (number + place) % one_in == 0]


def some(items: Sequence[Item], one_in: int) -> Sequence[Item]:
    """Return each `one_in`-th of a single row."""
    return items if ALL else items[::one_in]
