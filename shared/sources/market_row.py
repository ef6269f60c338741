"""Reads the numbers of a source's row. `shared/pricing/rules.py` judges them, with the same rules for all sources."""

from collections.abc import Mapping
from decimal import Decimal

from shared.model.wire import decimal_of


def number(row: Mapping[str, object], key: str) -> Decimal:
    """The number under `key`, as text or as a JSON number.

    Raises:
        ValueError: it is missing or not a number.
    """
    return decimal_of(row.get(key))


def whole(row: Mapping[str, object], key: str) -> int:
    """The whole number under `key`.

    Raises:
        ValueError: it is missing or not a whole number.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{key} is {value!r:.40}")
    return value


def optional(row: Mapping[str, object], key: str) -> Decimal | None:
    """The number under `key`, or `None` unless it is a number above zero."""
    try:
        value = decimal_of(row.get(key))
    except ValueError:
        return None
    return value if value > 0 else None
