"""The trends, one item in the quotes table. The ingest adds an hour when it ends, and `backfill` those before."""

import time
import zlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from shared.model.candles import Candle
from shared.model.trends import HOURS, Trends
from shared.model.wire import decimal_of, dumps
from shared.store.conditional import change
from shared.store.packed import UNREADABLE, unzipped

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEY = {"pk": "TRENDS", "sk": "CURRENT"}


class TrendsTable:
    """Reads and writes the item. A write is repeated if another one came between its read and itself."""

    def __init__(self, table: "Table", now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._table = table
        self._now_ms = now_ms

    def read(self) -> Trends:
        """The stored trends; empty ones if there are none yet, or another version or a wrong clock wrote them."""
        return self._believed(self._table.get_item(Key=KEY).get("Item"))

    def add(self, candles: Iterable[tuple[str, Candle]]) -> None:
        """Add candles of an hour, by symbol.

        Raises:
            ClientError: DynamoDB refuses, or other writes came between again and again.
        """
        given = list(candles)
        change(self._table, KEY, lambda item: {"packed": _packed(self._believed(item).with_candles(given))})

    def _believed(self, item: Any) -> Trends:
        return _unpacked(item).believed(self._now_ms())


def _packed(trends: Trends) -> bytes:
    return zlib.compress(dumps([trends.until_ms, dict(sorted(trends.closes.items()))]).encode())


def _unpacked(item: Any) -> Trends:
    if not item:
        return Trends()
    try:
        until_ms, rows = unzipped(bytes(item["packed"]))
        closes = {
            symbol: tuple(None if close is None else decimal_of(close) for close in row) for symbol, row in rows.items()
        }
        is_whole = all(len(row) == HOURS for row in closes.values())
        return Trends(int(until_ms), closes) if is_whole else Trends()
    except UNREADABLE:
        return Trends()
