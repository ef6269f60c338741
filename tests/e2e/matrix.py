"""Which cells of a matrix over the whole feed `make test` tries: some of each row and of each column.

`CADFEED_FAULTS=all` tries every cell.
"""

import os
from collections.abc import Iterable

ALL = os.environ.get("CADFEED_FAULTS") == "all"


def cells(rows: Iterable[str], columns: Iterable[str], one_in: int) -> list[tuple[str, str]]:
    """Return one of so many cells, along the diagonals; `one_in` is at most the number of rows and of columns."""
    every = [(number, row, place, column) for number, row in enumerate(rows) for place, column in enumerate(columns)]
    return [(row, column) for number, row, place, column in every if ALL or (number + place) % one_in == 0]
