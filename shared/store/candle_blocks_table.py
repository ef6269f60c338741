"""Candles from exchanges' histories, many in one item of the quotes table, beside the feed's own.

A quarter of a million candles, one item each, would cost as many write units; in blocks they cost a fortieth. The
feed's own candles are other items, so a block never overwrites one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.model.candles import INTERVAL_MS, KEPT_MS, Candle, Closed
from shared.store.candle_blocks_codec import pack_block, unpack_block
from shared.store.candle_keys import LATEST_MS, key_of, keys_between, series_of
from shared.store.conditional import change
from shared.store.packed import UNREADABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KIND = "PAST"
BLOCK = 240  # candles; a block of them is 3 to 5 KB


class CandleBlocksTable:
    """Writes and reads blocks. A partition has one interval of one symbol, sorted by the time of the block's first."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def add(self, symbol: str, interval: str, candles: Iterable[Candle]) -> int:
        """Add candles; one that is stored already stays as it is. Returns how many items were written.

        Raises:
            ClientError: DynamoDB refuses, or others write the same block again and again.
        """
        blocks: dict[int, dict[int, Candle]] = {}
        for candle in candles:
            blocks.setdefault(_block_of(interval, candle.open_ms), {})[candle.open_ms] = candle
        return sum(self._add_to_block(symbol, interval, first_ms, given) for first_ms, given in blocks.items())

    def read(self, symbol: str, interval: str, limit: int, *, from_ms: int, until_ms: int) -> list[Candle]:
        """The newest `limit` candles that began at or after `from_ms` and before `until_ms`, oldest first."""
        found: list[Candle] = []
        until_ms = min(until_ms, LATEST_MS)
        key: Any = None
        while until_ms > from_ms and len(found) < limit:
            answer = self._table.query(
                KeyConditionExpression=keys_between(KIND, symbol, interval, _block_of(interval, from_ms), until_ms - 1),
                ScanIndexForward=False,
                Limit=limit // BLOCK + 2,
                **({"ExclusiveStartKey": key} if key else {}),
            )
            for item in answer["Items"]:
                inside = [c for c in _candles(item, interval) if from_ms <= c.open_ms < until_ms]
                found = inside + found
            key = answer.get("LastEvaluatedKey")
            if not key:
                break
        return found[-limit:]

    def _add_to_block(self, symbol: str, interval: str, first_ms: int, given: Mapping[int, Candle]) -> bool:
        """Merge candles into a block. Returns whether it was written: not if it has all of them."""

        def merged(item: Mapping[str, Any]) -> dict[str, Any] | None:
            stored = {candle.open_ms: candle for candle in _candles(item, interval)}
            if given.keys() <= stored.keys():
                return None
            return _attributes(interval, first_ms, sorted({**given, **stored}.values(), key=_by_time))

        return change(self._table, key_of(KIND, symbol, interval, first_ms), merged)


def past_in(item: Mapping[str, Any]) -> list[Closed] | None:
    """The candles of the block that an item of the quotes table holds; `None`: it is another kind of item.

    Raises:
        ValueError: another version packed it.
    """
    series = series_of(KIND, item)
    if series is None:
        return None
    try:
        candles = unpack_block(bytes(item["packed"]), INTERVAL_MS[series[1]])
    except UNREADABLE as error:
        raise ValueError(f"{item['pk']} {item['sk']} is not a block of this version") from error
    return [(*series, candle) for candle in candles]


def _attributes(interval: str, first_ms: int, candles: Sequence[Candle]) -> dict[str, Any]:
    attributes: dict[str, Any] = {"packed": pack_block(candles, INTERVAL_MS[interval])}
    if interval in KEPT_MS:
        attributes["expires_at"] = (first_ms + BLOCK * INTERVAL_MS[interval] + KEPT_MS[interval]) // 1000
    return attributes


def _candles(item: Any, interval: str) -> list[Candle]:
    """The block's candles; none if there is no such block, or another version packed it."""
    try:
        return unpack_block(bytes(item["packed"]), INTERVAL_MS[interval])
    except UNREADABLE:
        return []


def _block_of(interval: str, open_ms: int) -> int:
    """When the first interval of the block begins that this one belongs to."""
    length_ms = BLOCK * INTERVAL_MS[interval]
    return open_ms // length_ms * length_ms


def _by_time(candle: Candle) -> int:
    return candle.open_ms
