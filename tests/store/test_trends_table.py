"""The trends are one item, which two writers share."""

from decimal import Decimal
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import Candle
from shared.model.trends import HOUR_MS, HOURS, Trends
from shared.store.trends_table import KEY, TrendsTable
from tests.samples import SYMBOLS

BEGAN_MS = 480_000 * HOUR_MS


def candle(hour: int, close: str) -> Candle:
    price = Decimal(close)
    return Candle(BEGAN_MS + hour * HOUR_MS, price, price, price, price)


@pytest.fixture
def trends(quotes_items: Table) -> TrendsTable:
    return TrendsTable(quotes_items)


def test_there_are_none_at_first(trends: TrendsTable) -> None:
    assert trends.read() == Trends()


def test_hours_are_added_and_read_exactly(trends: TrendsTable) -> None:
    trends.add([("BTC_CAD", candle(0, "86762")), ("SHIB_CAD", candle(0, "0.000012439"))])
    trends.add([("BTC_CAD", candle(1, "86763"))])
    read = trends.read()
    assert read.until_ms == BEGAN_MS + 2 * HOUR_MS
    assert read.closes["BTC_CAD"][-2:] == (Decimal(86762), Decimal(86763))
    assert read.closes["SHIB_CAD"][-2:] == (Decimal("0.000012439"), None)


def test_a_writer_that_came_between_loses_nothing(trends: TrendsTable, monkeypatch: pytest.MonkeyPatch) -> None:
    put = trends._table.put_item
    calls: list[int] = []

    def put_after_another(**arguments: object) -> object:
        if not calls:
            calls.append(1)
            trends.add([("ETH_CAD", candle(0, "5"))])
        return put(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trends._table, "put_item", put_after_another)
    trends.add([("BTC_CAD", candle(0, "7"))])
    assert {symbol: row[-1] for symbol, row in trends.read().closes.items()} == {"BTC_CAD": 7, "ETH_CAD": 5}


@pytest.mark.parametrize("broken", [{"version": 3}, {"version": "x"}, {}])
def test_what_another_version_wrote_is_as_good_as_none(
    trends: TrendsTable, quotes_items: Table, broken: dict[str, Any]
) -> None:
    quotes_items.put_item(Item={**KEY, "packed": b"nothing", **broken})
    assert trends.read() == Trends()
    trends.add([("BTC_CAD", candle(0, "7"))])
    assert trends.read().closes["BTC_CAD"][-1] == 7


def test_trends_of_a_clock_a_day_ahead_are_not_believed(quotes_items: Table) -> None:
    TrendsTable(quotes_items, lambda: BEGAN_MS + 25 * HOUR_MS).add([("BTC_CAD", candle(24, "99"))])
    right = TrendsTable(quotes_items, lambda: BEGAN_MS + HOUR_MS)
    assert right.read() == Trends()
    right.add([("BTC_CAD", candle(0, "7"))])
    assert right.read().until_ms == BEGAN_MS + HOUR_MS
    assert right.read().closes["BTC_CAD"][-1] == 7


def test_a_clock_that_is_a_little_ahead_loses_no_hour(quotes_items: Table) -> None:
    TrendsTable(quotes_items).add([("BTC_CAD", candle(0, "7"))])
    assert TrendsTable(quotes_items, lambda: BEGAN_MS + HOUR_MS - 5_000).read().closes["BTC_CAD"][-1] == 7


def test_a_day_of_every_symbol_takes_little(trends: TrendsTable, quotes_items: Table) -> None:
    trends.add(
        (symbol, candle(hour, f"{number + 1}.{1000 + 37 * hour * number % 9000}"))
        for number, symbol in enumerate(SYMBOLS)
        for hour in range(HOURS)
    )
    (item,) = quotes_items.scan()["Items"]
    assert len(bytes(item["packed"])) < 8_000  # type: ignore[arg-type]
