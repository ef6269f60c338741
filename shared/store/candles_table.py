"""Closed candles, one item each in the quotes table, gone by themselves: minutes after 2 days, hours after 90 days.

An item is far below 1 KB, so it costs one write unit. Writing a candle again changes nothing. The table's stream
wakes `publish` for the snapshot only, so candles wake nobody.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError

from shared.model.candles import INTERVAL_MS, Candle, Closed
from shared.model.wire import number_text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

DAY_MS = INTERVAL_MS["1d"]
KEPT_MS = {"1m": 2 * DAY_MS, "1h": 90 * DAY_MS}  # from the interval's end; days are kept for good
MAX_READ = 500
LATEST_MS = 10**13 - 1  # 13 digits reach to the year 2286
BATCH = 25  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
TRIES = 4
BACK_OFF_S = 0.05


class NotWritten(Exception):
    """Candles that DynamoDB did not take, after retries. They are in `left`, to be written with the next ones."""

    def __init__(self, left: Iterable[Closed]) -> None:
        self.left = list(left)
        super().__init__(f"{len(self.left)} candles")


class CandlesTable:
    """Writes and reads of closed candles: partition by interval and symbol, sorted by the time that they began."""

    def __init__(self, table: "Table", sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = table
        self._sleep = sleep

    def write(self, closed: Iterable[Closed]) -> None:
        """Put the candles, 25 at a time. A candle that is named twice is written once, as named last.

        Raises:
            NotWritten: throttled or failing past the retries; some may have been written all the same.
        """
        left = {_key(*candle): candle for candle in closed}
        for attempt in range(TRIES):
            if attempt:
                self._sleep(random.uniform(0, BACK_OFF_S * 2**attempt))  # noqa: S311 - jitter
            self._write_once(left)
            if not left:
                return
        raise NotWritten(left.values())

    def read(
        self, symbol: str, interval: str, limit: int, *, now_ms: int, before_ms: int | None = None
    ) -> list[Candle]:
        """The newest `limit` candles (500 at most) that began before a time, oldest first.

        TTL deletes late: the key range leaves out what has expired, so `limit` counts what is returned.
        """
        until_ms = LATEST_MS if before_ms is None else min(before_ms - 1, LATEST_MS)
        kept_ms = KEPT_MS.get(interval)
        from_ms = 0 if kept_ms is None else max(0, now_ms - kept_ms - INTERVAL_MS[interval] + 1)
        if until_ms < from_ms:
            return []
        items = self._table.query(
            KeyConditionExpression=Key("pk").eq(_partition(symbol, interval))
            & Key("sk").between(_sort_key(from_ms), _sort_key(until_ms)),
            ScanIndexForward=False,
            Limit=min(limit, MAX_READ),
            ConsistentRead=True,  # a candle that left the snapshot is among them
        )["Items"]
        return [_candle(item) for item in reversed(items)]

    def _write_once(self, left: dict[tuple[str, str], Closed]) -> None:
        """Send every candle once and take out of `left` those that DynamoDB took."""
        keys = list(left)
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            try:
                answer = self._table.meta.client.batch_write_item(
                    RequestItems={self._table.name: [{"PutRequest": {"Item": _item(*left[key])}} for key in batch]}
                )
            except (ClientError, BotoCoreError) as error:
                raise NotWritten(left.values()) from error
            refused = answer["UnprocessedItems"].get(self._table.name, [])
            items = [write["PutRequest"]["Item"] for write in refused]
            again = {(str(item["pk"]), str(item["sk"])) for item in items}
            for key in batch:
                if key not in again:
                    del left[key]


def _partition(symbol: str, interval: str) -> str:
    return f"CANDLE#{interval}#{symbol}"


def _sort_key(open_ms: int) -> str:
    return f"{open_ms:013d}"


def _key(symbol: str, interval: str, candle: Candle) -> tuple[str, str]:
    return _partition(symbol, interval), _sort_key(candle.open_ms)


def _item(symbol: str, interval: str, candle: Candle) -> dict[str, Any]:
    """Prices as texts, since DynamoDB's numbers end at 38 digits."""
    pk, sk = _key(symbol, interval, candle)
    item: dict[str, Any] = {
        "pk": pk,
        "sk": sk,
        "o": number_text(candle.open),
        "h": number_text(candle.high),
        "l": number_text(candle.low),
        "c": number_text(candle.close),
    }
    if interval in KEPT_MS:
        item["expires_at"] = (candle.open_ms + INTERVAL_MS[interval] + KEPT_MS[interval]) // 1000
    return item


def _candle(item: Mapping[str, Any]) -> Candle:
    return Candle(int(item["sk"]), *(Decimal(item[name]) for name in ("o", "h", "l", "c")))
