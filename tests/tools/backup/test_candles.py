"""What a table has goes to a backup and back: exactly, once, and never over a candle that is stored."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

from shared.model.candles import DAY_MS, INTERVAL_MS, KEPT_MS, Candle
from shared.model.values import Snapshot
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.quotes_table import QuotesTable
from shared.store.trends_table import TrendsTable
from tests.samples import after, quotes
from tests.tables import create_table
from tools.backup.candles import TRIES, candles_of, restore
from tools.backup.file import OWN, PAST, Kept

NOW_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
MINUTE, HOUR = INTERVAL_MS["1m"], INTERVAL_MS["1h"]
BTC, ETH = "BTC_CAD", "ETH_CAD"
LONG = "86762.6500000000000000000000000000000000000000001"


def candle(
    open_ms: int, price: str = "86762.6500000000000000000000000000000000000000001", ticks: int | None = 12
) -> Candle:
    spot = Decimal(price)
    return Candle(open_ms, spot, spot + 2, spot - 1, spot + 1, ticks)


def row(interval: str, count: int, **more: Any) -> list[Candle]:
    """Return the candles of an interval that ended last before now."""
    length = INTERVAL_MS[interval]
    return [candle(NOW_MS - (count - n) * length, **more) for n in range(count)]


@pytest.fixture
def source(quotes_items: Table) -> Table:
    """A table with own and past candles, and with what is not to be saved."""
    own = [(BTC, "1m", each) for each in row("1m", 130)]
    own += [(symbol, "1h", each) for symbol in (BTC, ETH) for each in row("1h", 30)]
    own += [(BTC, "1d", replace(each, ticks=None)) for each in row("1d", 3)]
    CandlesTable(quotes_items).write(own)
    CandleBlocksTable(quotes_items).add(BTC, "1h", row("1h", 500, ticks=0))
    CandleBlocksTable(quotes_items).add(ETH, "1d", row("1d", 300, ticks=0))
    QuotesTable(quotes_items).write_snapshot(after(Snapshot(), quotes()), 1)
    return quotes_items


@pytest.fixture
def target(aws: DynamoDBServiceResource) -> Table:
    return create_table(aws, "other")


def saved(table: Table) -> list[Kept]:
    return list(candles_of(table, lambda _: None))


def by_key(kept: list[Kept]) -> dict[tuple[str, str, str, int], Candle]:
    return {(each.kind, each.symbol, each.interval, each.candle.open_ms): each.candle for each in kept}


def brought_back(table: Table, kept: list[Kept], now_ms: int = NOW_MS) -> Any:
    return restore(table, kept, lambda _: None, now_ms=now_ms, sleep=lambda _: None)


def test_a_backup_has_every_candle_and_nothing_else(source: Table) -> None:
    kept = saved(source)
    assert len(kept) == len(by_key(kept)) == 130 + 60 + 3 + 500 + 300
    assert by_key(kept)[OWN, BTC, "1d", NOW_MS - DAY_MS] == candle(NOW_MS - DAY_MS, ticks=None)


def test_another_table_gets_them_back_to_the_last_digit(source: Table, target: Table) -> None:
    kept = saved(source)
    restored = brought_back(target, kept)
    assert restored.written == {OWN: 193, PAST: 800}
    assert (restored.there, restored.expired) == (0, 0)
    assert by_key(saved(target)) == by_key(kept)
    items = {(i["pk"], i["sk"]): i for i in source.scan()["Items"] if str(i["pk"]).startswith(("CANDLE", "PAST"))}
    assert {(i["pk"], i["sk"]): i for i in target.scan()["Items"] if i["pk"] != "TRENDS"} == items


def test_a_second_restore_changes_nothing(source: Table, target: Table) -> None:
    kept = saved(source)
    brought_back(target, kept)
    before = target.scan()["Items"]
    again = brought_back(target, kept)
    assert again.written == {OWN: 0, PAST: 0}
    assert again.there == len(kept)
    assert target.scan()["Items"] == before


@pytest.mark.parametrize("open_ms", [NOW_MS - MINUTE, NOW_MS - 100 * MINUTE])
def test_a_stored_candle_stays_as_it_is(source: Table, target: Table, open_ms: int) -> None:
    newer = candle(open_ms, "1.5", 1)
    CandlesTable(target).write([(BTC, "1m", newer)])
    CandleBlocksTable(target).add(BTC, "1h", [candle(NOW_MS - HOUR, "2.5", 0)])
    restored = brought_back(target, saved(source))
    assert restored.there == 2
    assert by_key(saved(target))[OWN, BTC, "1m", open_ms] == newer
    assert by_key(saved(target))[PAST, BTC, "1h", NOW_MS - HOUR] == candle(NOW_MS - HOUR, "2.5", 0)


def test_a_candle_that_an_ingest_writes_meanwhile_stays(
    source: Table, target: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the restore has looked which candles there are."""
    newest = candle(NOW_MS - MINUTE, "1.5", 1)
    looked = CandlesTable.missing

    def looks(table: CandlesTable, symbol: str, interval: str, candles: list[Candle]) -> list[Candle]:
        found = looked(table, symbol, interval, candles)
        CandlesTable(target).write([(BTC, "1m", newest)])
        return found

    monkeypatch.setattr(CandlesTable, "missing", looks)
    brought_back(target, saved(source))
    assert by_key(saved(target))[OWN, BTC, "1m", newest.open_ms] == newest


def test_what_has_expired_since_is_left_out(source: Table, target: Table) -> None:
    later = NOW_MS + KEPT_MS["1m"] + 10 * MINUTE
    restored = brought_back(target, saved(source), later)
    assert restored.expired == 130
    assert {each.interval for each in saved(target)} == {"1h", "1d"}


def test_a_restore_fills_the_trends_of_the_last_day(source: Table, target: Table) -> None:
    brought_back(target, saved(source))
    trends = TrendsTable(target).read()
    assert trends.until_ms == NOW_MS
    assert None not in trends.closes[BTC]
    assert None not in trends.closes[ETH]


def test_progress_ends_with_all_of_it(source: Table, target: Table) -> None:
    read: list[int] = []
    kept = list(candles_of(source, read.append))
    assert read[-1] == source.scan(Select="COUNT")["Count"]
    done: list[int] = []
    restore(target, kept, done.append, now_ms=NOW_MS)
    assert done == sorted(done)
    assert done[-1] == len(kept)


class Throttled:
    """A client's call that is refused a number of times."""

    def __init__(self, real: Any, refusals: int, code: str) -> None:
        self._real = real
        self.refusals = refusals
        self._code = code

    def __call__(self, **request: Any) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "BatchWriteItem")
        return self._real(**request)


@pytest.fixture
def throttle(target: Table, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def refuse(refusals: int, code: str) -> Throttled:
        throttled = Throttled(target.meta.client.batch_write_item, refusals, code)
        monkeypatch.setattr(target.meta.client, "batch_write_item", throttled)
        return throttled

    return refuse  # type: ignore[return-value]


def test_a_throttled_table_gets_them_later(source: Table, target: Table, throttle: Any) -> None:
    kept = saved(source)
    throttle(TRIES - 1, "ProvisionedThroughputExceededException")
    assert brought_back(target, kept).written == {OWN: 193, PAST: 800}
    assert by_key(saved(target)) == by_key(kept)


@pytest.mark.parametrize(
    ("code", "tries"), [("ProvisionedThroughputExceededException", TRIES), ("AccessDeniedException", 1)]
)
def test_a_table_that_goes_on_refusing_ends_the_restore(
    source: Table, target: Table, throttle: Any, code: str, tries: int
) -> None:
    throttled = throttle(100, code)
    with pytest.raises(Exception, match="candles") as ended:
        brought_back(target, saved(source))
    assert isinstance(ended.value.__cause__, ClientError)
    assert throttled.refusals == 100 - tries
