"""Closed candles, one item each in the quotes table. They expire by their TTL (`KEPT_MS`).

An item is far below 1 KB, so it costs one write unit. Writing a candle again changes nothing. The table's stream
invokes `publish` for the snapshot only, so candles invoke nothing.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.model.candles import INTERVAL_MS, KEPT_MS, Candle, Closed, kept_from_ms
from shared.model.wire import number_text
from shared.store.candle_keys import LATEST_MS, key_of, keys_between, series_of
from shared.store.conditional import condition_failed
from shared.store.packed import UNREADABLE, price_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KIND = "CANDLE"
MAX_READ = 500
BATCH = 25  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
TRIES = 4
BACK_OFF_S = 0.05


class NotWritten(Exception):
    """DynamoDB did not take some candles, even after retries. `left` has them, to be written with the next ones."""

    def __init__(self, left: Iterable[Closed]) -> None:
        self.left = list(left)
        super().__init__(f"{len(self.left)} candles")


class CandlesTable:
    """Writes and reads closed candles. A partition has one interval of one symbol, sorted by `open_ms`."""

    def __init__(self, table: "Table", sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = table
        self._sleep = sleep

    def write(self, closed: Iterable[Closed]) -> None:
        """Put the candles, 25 at a time. If a candle is given twice, the last one is written.

        Raises:
            NotWritten: throttled or failing after retries. Some candles may have been written.
        """
        left = {_place(*candle): candle for candle in closed}
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
        """The newest `limit` candles (at most 500) that began before `before_ms`, oldest first.

        TTL deletes late. The key range excludes expired candles, so `limit` counts only returned ones.
        """
        until_ms = LATEST_MS if before_ms is None else min(before_ms - 1, LATEST_MS)
        from_ms = kept_from_ms(interval, now_ms)
        if until_ms < from_ms:
            return []
        items = self._table.query(
            KeyConditionExpression=keys_between(KIND, symbol, interval, from_ms, until_ms),
            ScanIndexForward=False,
            Limit=min(limit, MAX_READ),
            ConsistentRead=True,  # includes a candle that has just left the snapshot
        )["Items"]
        return [candle for item in reversed(items) if (candle := _readable(item))]

    def missing(self, symbol: str, interval: str, candles: Iterable[Candle]) -> list[Candle]:
        """The candles of a series that are not stored, oldest first."""
        given = {candle.open_ms: candle for candle in candles}
        stored = self._opened(symbol, interval, min(given), max(given)) if given else set()
        return [given[open_ms] for open_ms in sorted(given.keys() - stored)]

    def add(self, symbol: str, interval: str, candle: Candle) -> bool:
        """Write a candle, unless one is stored for its time; that one stays as it is. Returns whether it was written.

        Raises:
            ClientError: DynamoDB refuses.
        """
        try:
            self._table.put_item(Item=_item(symbol, interval, candle), ConditionExpression="attribute_not_exists(pk)")
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def _opened(self, symbol: str, interval: str, from_ms: int, until_ms: int) -> set[int]:
        """When the stored candles began that began from one time to another, both included."""
        opened: set[int] = set()
        key: Any = None
        while True:
            answer = self._table.query(
                KeyConditionExpression=keys_between(KIND, symbol, interval, from_ms, until_ms),
                ProjectionExpression="sk",
                ConsistentRead=True,
                **({"ExclusiveStartKey": key} if key else {}),
            )
            opened |= {int(sk) for item in answer["Items"] if (sk := str(item["sk"])).isdecimal()}
            key = answer.get("LastEvaluatedKey")
            if not key:
                return opened

    def _write_once(self, left: dict[tuple[str, str], Closed]) -> None:
        """Send every candle once and remove from `left` those that DynamoDB took."""
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


def closed_in(item: Mapping[str, Any]) -> Closed | None:
    """The candle that an item of the quotes table holds; `None`: it is another kind of item.

    Raises:
        ValueError: another version wrote it.
    """
    series = series_of(KIND, item)
    if series is None:
        return None
    try:
        return *series, _candle(item)
    except UNREADABLE as error:
        raise ValueError(f"{item['pk']} {item['sk']} is not a candle of this version") from error


def _place(symbol: str, interval: str, candle: Candle) -> tuple[str, str]:
    key = key_of(KIND, symbol, interval, candle.open_ms)
    return key["pk"], key["sk"]


def _item(symbol: str, interval: str, candle: Candle) -> dict[str, Any]:
    """Prices are texts, since DynamoDB's numbers have at most 38 digits. `n` is the number of ticks, if it is known."""
    item: dict[str, Any] = {
        **key_of(KIND, symbol, interval, candle.open_ms),
        "o": number_text(candle.open),
        "h": number_text(candle.high),
        "l": number_text(candle.low),
        "c": number_text(candle.close),
    }
    if candle.ticks is not None:
        item["n"] = candle.ticks
    if interval in KEPT_MS:
        item["expires_at"] = (candle.open_ms + INTERVAL_MS[interval] + KEPT_MS[interval]) // 1000
    return item


def _readable(item: Mapping[str, Any]) -> Candle | None:
    """The candle of an item; `None`: another version wrote it, or it is broken."""
    try:
        return _candle(item)
    except UNREADABLE:
        return None


def _candle(item: Mapping[str, Any]) -> Candle:
    opened, high, low, close = (price_of(item[name]) for name in ("o", "h", "l", "c"))
    return Candle(int(item["sk"]), opened, high, low, close, int(item["n"]) if "n" in item else None)
