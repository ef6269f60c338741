"""How every parser reads a row's numbers. What a price has to be is judged elsewhere, alike for all sources
(`shared/pricing/rules.py`)."""

from collections.abc import Mapping
from decimal import Decimal

from shared.model.wire import decimal_of


def number(row: Mapping[str, object], key: str) -> Decimal:
    """The number under `key`, as text or as a JSON number.

    Raises:
        ValueError: it is missing or no number.
    """
    return decimal_of(row.get(key))


def whole(row: Mapping[str, object], key: str) -> int:
    """The whole number under `key`.

    Raises:
        ValueError: it is missing or no whole number.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{key} is {value!r:.40}")
    return value


def optional(row: Mapping[str, object], key: str) -> Decimal | None:
    """The number under `key` where it is one and above zero."""
    try:
        value = decimal_of(row.get(key))
    except ValueError:
        return None
    return value if value > 0 else None
