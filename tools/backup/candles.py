"""Reads the candles of a quotes table, and writes those that it lacks."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from shared.model.candles import INTERVAL_MS, Candle, kept_from_ms
from shared.model.trends import HOUR_MS, HOURS
from shared.store.candle_blocks_table import CandleBlocksTable, past_in
from shared.store.candles_table import CandlesTable, NotWritten, closed_in
from shared.store.trends_table import TrendsTable
from tools.backup.file import OWN, PAST, Kept

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

T = TypeVar("T")
TRIES = 8
CONTESTED_MS = 3_600_000  # a run of the ingest is over long before
BACK_OFF_S = 0.5  # doubled after each try: a minute in all
# A table that refuses for one of these reasons takes the same write later.
PASSING = {
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
}


@dataclass(slots=True)
class Restored:
    """What a restore did with a file's candles. `written`: by kind; `there`: those that were stored already; `expired`:
    those that the table would delete at once."""

    written: dict[str, int] = field(default_factory=lambda: {OWN: 0, PAST: 0})
    there: int = 0
    expired: int = 0


def candles_of(table: "Table", progress: Callable[[int], object]) -> Iterator[Kept]:
    """Yield every candle of the table. `progress` gets the number of items that were read.

    Raises:
        ValueError: another version wrote an item.
        ClientError: DynamoDB refuses.
    """
    items = 0
    for page in _pages(table):
        for item in page:
            if closed := closed_in(item):
                symbol, interval, candle = closed
                yield Kept(OWN, symbol, interval, candle)
            for symbol, interval, candle in past_in(item) or ():
                yield Kept(PAST, symbol, interval, candle)
        items += len(page)
        progress(items)


def restore(
    table: "Table",
    kept: Iterable[Kept],
    progress: Callable[[int], object],
    *,
    now_ms: int,
    sleep: Callable[[float], None] = time.sleep,
) -> Restored:
    """Write the candles that the table lacks. A stored one stays as it is, so a second restore changes nothing.

    `progress` gets the number of candles that are done.

    Raises:
        ClientError, BotoCoreError: DynamoDB refuses for good, or for a minute. What was written stays; the next restore
            goes on from there.
    """
    own, past, trends = CandlesTable(table), CandleBlocksTable(table), TrendsTable(table)
    patiently = Patience(sleep)
    restored = Restored()
    hours: list[tuple[str, Candle]] = []
    done = 0
    for (kind, symbol, interval), group in groupby(kept, lambda each: (each.kind, each.symbol, each.interval)):
        given = [each.candle for each in group]
        alive = [candle for candle in given if candle.open_ms >= kept_from_ms(interval, now_ms)]
        if kind == OWN:
            written = _restore_own(own, symbol, interval, alive, now_ms, patiently)
        else:
            written = _restore_past(past, symbol, interval, alive, patiently)
        restored.written[kind] += len(written)
        restored.there += len(alive) - len(written)
        restored.expired += len(given) - len(alive)
        if interval == "1h":
            hours += [(symbol, each) for each in written if each.open_ms >= now_ms - (HOURS + 1) * HOUR_MS]
        done += len(given)
        progress(done)
    if hours:
        patiently(lambda: trends.add(hours))
    return restored


class Patience:
    """Repeats what a table refuses for now, for up to a minute."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep

    def __call__(self, act: Callable[[], T]) -> T:
        """Return what `act` returns.

        Raises:
            ClientError, BotoCoreError: the table refuses for good, or for a minute.
        """
        for attempt in range(TRIES - 1):
            try:
                return act()
            except (NotWritten, ClientError, BotoCoreError) as error:
                if not _passes(error):
                    raise
            self._sleep(BACK_OFF_S * 2**attempt)
        return act()


def _passes(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    cause = error.__cause__ if isinstance(error, NotWritten) else error
    return not isinstance(cause, ClientError) or cause.response["Error"]["Code"] in PASSING


def _restore_own(
    table: CandlesTable, symbol: str, interval: str, candles: list[Candle], now_ms: int, patiently: Patience
) -> list[Candle]:
    """Write the missing ones, and return them. A running ingest may write a candle that has just ended at the same
    time, so such a one is written alone, on the condition that there is none."""
    missing = patiently(lambda: table.missing(symbol, interval, candles))
    contested_ms = now_ms - CONTESTED_MS - INTERVAL_MS[interval]
    settled = [candle for candle in missing if candle.open_ms < contested_ms]
    if settled:
        patiently(lambda: table.write((symbol, interval, candle) for candle in settled))
    recent = [candle for candle in missing if candle.open_ms >= contested_ms]
    return settled + [each for each in recent if patiently(partial(table.add, symbol, interval, each))]


def _restore_past(
    table: CandleBlocksTable, symbol: str, interval: str, candles: list[Candle], patiently: Patience
) -> list[Candle]:
    """Write the missing ones, and return them."""
    if not candles:
        return []
    from_ms = min(candle.open_ms for candle in candles)
    until_ms = max(candle.open_ms for candle in candles) + 1
    most = (until_ms - from_ms) // INTERVAL_MS[interval] + 1
    stored = patiently(lambda: table.read(symbol, interval, most, from_ms=from_ms, until_ms=until_ms))
    there = {candle.open_ms for candle in stored}
    missing = [candle for candle in candles if candle.open_ms not in there]
    patiently(lambda: table.add(symbol, interval, missing))
    return missing


def _pages(table: "Table") -> Iterator[list[Mapping[str, Any]]]:
    key: Any = None
    while True:
        answer = table.scan(ConsistentRead=True, **({"ExclusiveStartKey": key} if key else {}))
        yield list(answer["Items"])
        key = answer.get("LastEvaluatedKey")
        if not key:
            return
