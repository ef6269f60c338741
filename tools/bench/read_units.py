"""What DynamoDB would charge for reading items, by its documented rules.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
Pages of 1 MB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
"""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

PAGE_BYTES = 1_048_576
UNIT_BYTES = 4_096
COLLECTION_BYTES = 3  # of a list or map, and one more for each of its elements


def of_a_query(sizes: Iterable[int]) -> int:
    """Return the read units of a strongly consistent query over items of these sizes: one per started 4 KB per page."""
    units = page = 0
    for size in sizes:
        page += size
        if page >= PAGE_BYTES:
            units += math.ceil(page / UNIT_BYTES)
            page = 0
    return units + math.ceil(page / UNIT_BYTES)


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return the size of an item: its attributes' names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    match value:
        case str():
            return len(value.encode())
        case None | bool():
            return 1
        case int() | Decimal():
            digits = str(value).replace("-", "").replace(".", "").strip("0")
            return (len(digits) + 1) // 2 + 1 + (value < 0)
        case Mapping():
            return COLLECTION_BYTES + len(value) + item_bytes(value)
        case list() | tuple() | set() | frozenset():
            return COLLECTION_BYTES + len(value) + sum(map(_value_bytes, value))
        case _:
            return len(bytes(value))
