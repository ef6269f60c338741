"""The exchanges' candles that were in progress when a backfill ran: one item of the quotes table."""

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.model.candles import Candle
from shared.model.wire import decimal_of, dumps
from shared.pricing.opening import Beginnings
from shared.store.conditional import change
from shared.store.packed import UNREADABLE, unzipped

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEY = {"pk": "BACKFILL", "sk": "BEGINNINGS"}


class BeginningsTable:
    """Reads and writes the item."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def read(self) -> Beginnings:
        """The beginnings by symbol and interval; none if there are none, or another version wrote them."""
        return _unpacked(self._table.get_item(Key=KEY, ConsistentRead=True).get("Item", {}))

    def add(self, beginnings: Beginnings) -> None:
        """Add beginnings to those that are stored; of the same symbol and interval the newer one stays.

        Raises:
            ClientError: DynamoDB refuses, or other writes came between again and again.
        """
        change(self._table, KEY, lambda item: {"packed": _packed({**_unpacked(item), **beginnings})})


def _packed(beginnings: Beginnings) -> bytes:
    rows = [[*key, c.open_ms, c.open, c.high, c.low, c.close] for key, c in sorted(beginnings.items())]
    return zlib.compress(dumps(rows).encode())


def _unpacked(item: Mapping[str, Any]) -> Beginnings:
    try:
        return dict(map(_candle, unzipped(bytes(item["packed"])))) if item else {}
    except UNREADABLE:
        return {}


def _candle(row: Any) -> tuple[tuple[str, str], Candle]:
    symbol, interval, open_ms, *prices = row
    opened, high, low, close = map(decimal_of, prices)
    return (str(symbol), str(interval)), Candle(int(open_ms), opened, high, low, close)
