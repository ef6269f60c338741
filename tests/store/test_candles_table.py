"""Candles are stored exactly, and once for any number of writes; expired ones are not read."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle, Closed, OpenCandles
from shared.model.wire import number_text
from shared.pricing.candles import roll
from shared.store import candles_table as module
from shared.store.candles_table import CandlesTable, NotWritten
from tests.samples import SYMBOLS, prices, quote, quotes

MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
MINUTE, HOUR, DAY = (INTERVAL_MS[name] for name in ("1m", "1h", "1d"))
BTC = "BTC_CAD"
LONG = Decimal("0.000000000000000000000000000012345678901234567890123456789012345678901234567890")


def candle(open_ms: int, spot: str | Decimal = "86762.65") -> Candle:
    price = Decimal(spot)
    return Candle(open_ms, price, price + 2, price - 1, price + 1)


def minutes(count: int, symbol: str = BTC) -> list[Closed]:
    return [(symbol, "1m", candle(MIDNIGHT_MS + n * MINUTE)) for n in range(count)]


def opened(candles: list[Candle]) -> list[int]:
    return [(made.open_ms - MIDNIGHT_MS) // MINUTE for made in candles]


@pytest.fixture
def candles_table(quotes_items: Table) -> CandlesTable:
    return CandlesTable(quotes_items, sleep=lambda _: None)


def write_units(item: dict[str, Any]) -> int:
    """Return the write units, one per KB: names and texts by their bytes, a number by at most 21.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    size = sum(len(name) + (len(value) if isinstance(value, str) else 21) for name, value in item.items())
    return -(-size // 1024)


class Refusing:
    """A wrapper of the table's client that accepts a set number of candles in each call, then forwards."""

    def __init__(self, table: Table, monkeypatch: pytest.MonkeyPatch, taken: list[int | Exception]) -> None:
        self.batches: list[int] = []
        self._real: Any = table.meta.client.batch_write_item
        self._taken = taken
        self._name = table.name
        monkeypatch.setattr(table.meta.client, "batch_write_item", self)

    def __call__(self, RequestItems: dict[str, list[Any]]) -> Any:  # noqa: N803 - boto3's name
        puts = RequestItems[self._name]
        self.batches.append(len(puts))
        taken = self._taken.pop(0) if self._taken else len(puts)
        if isinstance(taken, Exception):
            raise taken
        if taken:
            self._real(RequestItems={self._name: puts[:taken]})
        return {"UnprocessedItems": {self._name: puts[taken:]} if puts[taken:] else {}}


# Write, read


@pytest.mark.parametrize("interval", INTERVAL_MS)
@pytest.mark.parametrize("spot", [Decimal(1), Decimal("1E+30"), LONG, Decimal("86762.650")])
def test_a_candle_is_read_as_it_was_written(candles_table: CandlesTable, interval: str, spot: Decimal) -> None:
    written = Candle(MIDNIGHT_MS, spot, spot * 2, spot / 2, spot)
    candles_table.write([(BTC, interval, written)])
    assert candles_table.read(BTC, interval, 1, now_ms=MIDNIGHT_MS) == [written]


@pytest.mark.parametrize("ticks", [0, 1, 17_280, None])
def test_a_candle_keeps_its_ticks(candles_table: CandlesTable, quotes_items: Table, ticks: int | None) -> None:
    written = replace(candle(MIDNIGHT_MS), ticks=ticks)
    candles_table.write([(BTC, "1m", written)])
    assert candles_table.read(BTC, "1m", 1, now_ms=MIDNIGHT_MS) == [written]
    [item] = quotes_items.scan()["Items"]
    assert item.get("n") == ticks
    assert ("n" in item) == (ticks is not None)


@given(prices)
def test_the_stored_text_is_the_price_to_the_last_digit(price: Decimal) -> None:
    assert Decimal(number_text(price)) == price


def test_candles_of_a_symbol_and_interval_come_oldest_first(candles_table: CandlesTable) -> None:
    hour = ("BTC_CAD", "1h", candle(MIDNIGHT_MS, "1"))
    candles_table.write([*reversed(minutes(3)), *minutes(2, "ETH_CAD"), hour])
    assert candles_table.read(BTC, "1m", 500, now_ms=MIDNIGHT_MS) == [made for *_, made in minutes(3)]
    assert candles_table.read(BTC, "1h", 500, now_ms=MIDNIGHT_MS) == [hour[2]]
    assert candles_table.read(BTC, "1d", 500, now_ms=MIDNIGHT_MS) == []


def test_pages_of_candles_meet_without_a_gap(candles_table: CandlesTable) -> None:
    """A read returns the newest candles before a time."""
    candles_table.write(minutes(10))
    pages = [candles_table.read(BTC, "1m", 4, now_ms=MIDNIGHT_MS)]
    while pages[-1]:
        pages.append(candles_table.read(BTC, "1m", 4, now_ms=MIDNIGHT_MS, before_ms=pages[-1][0].open_ms))
    assert list(map(opened, pages)) == [[6, 7, 8, 9], [2, 3, 4, 5], [0, 1], []]
    assert opened(candles_table.read(BTC, "1m", 1, now_ms=MIDNIGHT_MS, before_ms=MIDNIGHT_MS + 1)) == [0]


@pytest.mark.parametrize("before_ms", [0, 10**15])
def test_a_time_out_of_range_is_not_an_error(candles_table: CandlesTable, before_ms: int) -> None:
    candles_table.write(minutes(1))
    assert len(candles_table.read(BTC, "1m", 5, now_ms=MIDNIGHT_MS, before_ms=before_ms)) == (before_ms > 0)


def test_a_read_is_one_query_of_at_most_500(candles_table: CandlesTable) -> None:
    candles_table.write(minutes(510))
    assert opened(candles_table.read(BTC, "1m", 10_000, now_ms=MIDNIGHT_MS)) == list(range(10, 510))


@pytest.mark.parametrize(("interval", "kept"), [("1m", 2 * DAY), ("1h", 90 * DAY)])
def test_minutes_expire_after_2_days_and_hours_after_90(
    candles_table: CandlesTable, quotes_items: Table, interval: str, kept: int
) -> None:
    length_ms = INTERVAL_MS[interval]
    candles_table.write([(BTC, interval, candle(MIDNIGHT_MS + n * length_ms)) for n in range(3)])
    gone_ms = MIDNIGHT_MS + length_ms + kept
    first, *_ = sorted(quotes_items.scan()["Items"], key=lambda item: str(item["sk"]))
    assert first["expires_at"] == gone_ms // 1000
    assert len(candles_table.read(BTC, interval, 2, now_ms=gone_ms - 1)) == 2
    assert len(candles_table.read(BTC, interval, 500, now_ms=gone_ms - 1)) == 3
    assert len(candles_table.read(BTC, interval, 500, now_ms=gone_ms)) == 2
    assert candles_table.read(BTC, interval, 500, now_ms=gone_ms, before_ms=MIDNIGHT_MS + 1) == []


def test_days_are_kept(candles_table: CandlesTable, quotes_items: Table) -> None:
    candles_table.write([(BTC, "1d", candle(MIDNIGHT_MS))])
    assert "expires_at" not in quotes_items.scan()["Items"][0]
    assert len(candles_table.read(BTC, "1d", 500, now_ms=MIDNIGHT_MS + 9_999 * DAY)) == 1


# Many at once, repeated, and refused


def test_a_candle_written_again_is_one_and_the_last_wins(candles_table: CandlesTable, quotes_items: Table) -> None:
    later = [(BTC, "1m", candle(MIDNIGHT_MS, "2"))]
    candles_table.write(minutes(1) + minutes(1) + later)
    candles_table.write(later)
    assert quotes_items.scan()["Count"] == 1
    assert candles_table.read(BTC, "1m", 5, now_ms=MIDNIGHT_MS) == [later[0][2]]


def test_a_candle_that_is_stored_is_not_replaced_by_another(candles_table: CandlesTable) -> None:
    first, other = candle(MIDNIGHT_MS), candle(MIDNIGHT_MS, "1")
    assert [candles_table.add(BTC, "1m", each) for each in (first, other, first)] == [True, False, False]
    assert candles_table.read(BTC, "1m", 9, now_ms=MIDNIGHT_MS) == [first]
    assert candles_table.add(BTC, "1m", candle(MIDNIGHT_MS + MINUTE))


def test_a_throttled_candle_is_told(
    candles_table: CandlesTable, quotes_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttle(**_request: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")

    monkeypatch.setattr(quotes_items, "put_item", throttle)
    with pytest.raises(ClientError, match="Throttling"):
        candles_table.add(BTC, "1m", candle(MIDNIGHT_MS))


def test_the_first_moment_that_is_kept_is_read(candles_table: CandlesTable) -> None:
    first = candle(0)
    candles_table.write([(BTC, "1d", first)])
    assert candles_table.read(BTC, "1d", 9, now_ms=MIDNIGHT_MS, before_ms=1) == [first]
    assert candles_table.read(BTC, "1d", 9, now_ms=MIDNIGHT_MS, before_ms=0) == []


def test_only_what_is_not_stored_is_missing(candles_table: CandlesTable, quotes_items: Table) -> None:
    """However many pages the series has, and whatever else is stored."""
    some = [made for _, _, made in minutes(60)]
    stored = some[3:5] + some[20:58]
    candles_table.write([(BTC, "1m", each) for each in stored])
    for each in stored[2:]:  # 100 KB each, so a page has ten
        key = {"pk": f"CANDLE#1m#{BTC}", "sk": f"{each.open_ms:013d}"}
        quotes_items.update_item(Key=key, UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": "x" * 10**5})
    quotes_items.put_item(Item={"pk": f"CANDLE#1m#{BTC}", "sk": f"{some[10].open_ms:013d}x"})
    assert candles_table.missing(BTC, "1m", reversed(some)) == [each for each in some if each not in stored]
    assert candles_table.missing(BTC, "1h", some[3:4]) == some[3:4]
    assert candles_table.missing(BTC, "1m", []) == []


def test_nothing_to_write_asks_nothing(
    candles_table: CandlesTable, quotes_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Refusing(quotes_items, monkeypatch, [])
    candles_table.write([])
    assert client.batches == []


def test_75_candles_are_three_batches_and_75_write_units(
    candles_table: CandlesTable,
    quotes_items: Table,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = Refusing(quotes_items, monkeypatch, [])
    candles_table.write([(symbol, "1m", candle(MIDNIGHT_MS)) for symbol in SYMBOLS])
    units = [write_units(item) for item in quotes_items.scan()["Items"]]
    with capsys.disabled():
        print(f"\n75 candles: {sum(units)} write units")
    assert client.batches == [25, 25, 25]
    assert units == [1] * len(catalogue())


@given(st.lists(prices, min_size=4, max_size=4), st.lists(prices, min_size=2, max_size=2))
def test_no_candle_costs_two_write_units(ohlc: list[Decimal], rates: list[Decimal]) -> None:
    """It holds even for products of the longest numbers that the feed accepts."""
    opened, high, low, close = (price * rates[0] * rates[1] for price in ohlc)
    made = Candle(MIDNIGHT_MS, opened, high, low, close, ticks=17_280)
    assert write_units(module._item("SUPER_CAD", "1m", made)) == 1


def test_each_candle_of_a_day_is_one_write_unit(capsys: pytest.CaptureFixture[str]) -> None:
    candles: OpenCandles = {}
    items = []
    for now_ms in range(MIDNIGHT_MS, MIDNIGHT_MS + DAY + 1, 20_000):
        fresh = {BTC: replace(quote(), spot=Decimal(now_ms % 7_919).scaleb(-3), seen_ms=now_ms)}
        candles, closed = roll(candles, fresh, now_ms)
        items += [module._item(*over) for over in closed]
    units = sum(map(write_units, items))
    with capsys.disabled():
        print(f"\na day: {units} write units per symbol, {units * len(quotes())} in all")
    assert units == sum(DAY // length_ms for length_ms in INTERVAL_MS.values())


def test_refused_candles_are_resent_after_growing_random_pauses(
    quotes_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    pauses: list[float] = []
    client = Refusing(quotes_items, monkeypatch, [20, 0, 10, 5])
    table = CandlesTable(quotes_items, sleep=pauses.append)
    table.write(minutes(60))
    assert client.batches == [25, 25, 10, 25, 5, 20]
    assert pauses == [0.1, 0.2]
    assert len(table.read(BTC, "1m", 500, now_ms=MIDNIGHT_MS)) == 60


def test_after_a_few_tries_unwritten_candles_are_returned(
    candles_table: CandlesTable, quotes_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[tuple[float, float]] = []
    monkeypatch.setattr("random.uniform", lambda *between: pauses.append(between))
    client = Refusing(quotes_items, monkeypatch, [7, 0, 0, 0])
    with pytest.raises(NotWritten, match="3 candles") as raised:
        candles_table.write(minutes(10))
    assert pauses == [(0, 0.1), (0, 0.2), (0, 0.4)]
    assert client.batches == [10, 3, 3, 3]
    assert raised.value.left == minutes(10)[7:]
    assert len(candles_table.read(BTC, "1m", 500, now_ms=MIDNIGHT_MS)) == 7


def test_an_error_of_the_table_returns_all_unwritten_candles(
    candles_table: CandlesTable, quotes_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled = ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchWriteItem")
    Refusing(quotes_items, monkeypatch, [20, throttled])
    with pytest.raises(NotWritten) as raised:
        candles_table.write(minutes(60))
    assert raised.value.left == minutes(60)[20:]
    assert raised.value.__cause__ is throttled
