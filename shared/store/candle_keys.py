"""The keys of items with candles: a partition for an interval of a symbol, sorted by the time of the item's candle.

Two kinds of items have keys of this form: the feed's own candles, and blocks of those from exchanges.
"""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.conditions import ConditionBase, Key

LATEST_MS = 10**13 - 1  # 13 digits reach to the year 2286


def key_of(kind: str, symbol: str, interval: str, open_ms: int) -> dict[str, str]:
    """The key of the item whose candle, or whose first one, began at `open_ms`."""
    return {"pk": _partition(kind, symbol, interval), "sk": _sort_key(open_ms)}


def keys_between(kind: str, symbol: str, interval: str, from_ms: int, until_ms: int) -> ConditionBase:
    """The condition for the items of a series from one time to another, both included."""
    times = Key("sk").between(_sort_key(from_ms), _sort_key(until_ms))
    return Key("pk").eq(_partition(kind, symbol, interval)) & times


def series_of(kind: str, item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The symbol and the interval of an item of this kind; `None`: it is another kind of item."""
    found, _, series = str(item["pk"]).partition("#")
    interval, _, symbol = series.partition("#")
    return (symbol, interval) if found == kind else None


def _partition(kind: str, symbol: str, interval: str) -> str:
    return f"{kind}#{interval}#{symbol}"


def _sort_key(open_ms: int) -> str:
    return f"{open_ms:013d}"
