"""Candles that were lost with a broken snapshot go on from the closed ones of their hour and day."""

from decimal import Decimal

import pytest
from botocore.exceptions import EndpointConnectionError
from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest.lost_candles import SYMBOLS_A_TICK, LostCandles
from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.values import Snapshot
from shared.store.candles_table import CandlesTable

MINUTE_MS, HOUR_MS, DAY_MS = INTERVAL_MS.values()
DAY_0 = 20_000 * DAY_MS
LOST_MS = DAY_0 + 2 * HOUR_MS + 3 * MINUTE_MS + 20_000
FIRST, *_, LAST = catalogue()


def candle(open_ms: int, price: int, ticks: int | None = 12) -> Candle:
    """Return a candle that moves by 2 around a price."""
    return of(open_ms, price, price + 2, price - 2, price + 1, ticks)


def of(open_ms: int, opened: int, high: int, low: int, close: int, ticks: int | None) -> Candle:
    return Candle(open_ms, Decimal(opened), Decimal(high), Decimal(low), Decimal(close), ticks)


@pytest.fixture
def table(quotes_items: Table) -> CandlesTable:
    """A symbol's closed candles. The first minute belongs to the hour before, the first hour to the day before."""
    made = CandlesTable(quotes_items)
    hour_ms = DAY_0 + 2 * HOUR_MS
    minutes = {hour_ms - MINUTE_MS: 1, hour_ms: 100, hour_ms + MINUTE_MS: 110, hour_ms + 2 * MINUTE_MS: 105}
    hours = {DAY_0 - HOUR_MS: 1, DAY_0: 50, DAY_0 + HOUR_MS: 200}
    made.write((LAST, "1m", candle(at, price)) for at, price in minutes.items())
    made.write((LAST, "1h", candle(at, price, ticks=720)) for at, price in hours.items())
    return made


def completed(lost: LostCandles, snapshot: Snapshot, now_ms: int) -> Snapshot:
    """Return the snapshot after as many ticks as all symbols take."""
    for _ in range(len(catalogue()) // SYMBOLS_A_TICK + 2):
        lost.read()
        snapshot = lost.completed(snapshot, now_ms)
    return snapshot


def test_the_hour_and_the_day_go_on(table: CandlesTable) -> None:
    lost = LostCandles(table)
    lost.begin(Snapshot(seq=9), LOST_MS)
    own = {
        "1m": candle(LOST_MS // MINUTE_MS * MINUTE_MS, 300, ticks=1),
        "1h": candle(DAY_0 + 2 * HOUR_MS, 300, ticks=1),
        "1d": candle(DAY_0, 300, ticks=1),
    }
    after = completed(lost, Snapshot(seq=10, candles={LAST: own, FIRST: own}), LOST_MS).candles
    assert after[FIRST] == own
    assert after[LAST] == {
        "1m": own["1m"],
        "1h": of(DAY_0 + 2 * HOUR_MS, 100, 302, 98, 301, 3 * 12 + 1),
        "1d": of(DAY_0, 50, 302, 48, 301, 2 * 720 + 3 * 12 + 1),
    }


def test_no_more_is_read_than_the_hour_and_the_day_can_hold(
    table: CandlesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    read = CandlesTable.read

    def watched(table: CandlesTable, symbol: str, interval: str, limit: int, **rest: int) -> list[Candle]:
        asked.append((interval, limit))
        return read(table, symbol, interval, limit, **rest)

    monkeypatch.setattr(CandlesTable, "read", watched)
    lost = LostCandles(table)
    lost.begin(Snapshot(seq=9), LOST_MS)
    lost.read()
    assert asked == [("1m", 3), ("1h", 2)] * SYMBOLS_A_TICK


def test_a_minute_that_the_new_run_closed_counts_once(table: CandlesTable) -> None:
    """It is in the run's own hour."""
    lost = LostCandles(table)
    lost.begin(Snapshot(seq=9), LOST_MS)
    table.write([(LAST, "1m", candle(LOST_MS // MINUTE_MS * MINUTE_MS, 900))])
    later_ms = LOST_MS + MINUTE_MS
    hour = completed(lost, Snapshot(seq=10), later_ms).candles[LAST]["1h"]
    assert hour == of(DAY_0 + 2 * HOUR_MS, 100, 112, 98, 106, 36)


def test_a_symbol_without_a_price_keeps_its_hour(table: CandlesTable) -> None:
    lost = LostCandles(table)
    lost.begin(Snapshot(seq=9), LOST_MS)
    after = completed(lost, Snapshot(seq=10), LOST_MS).candles
    assert after.keys() == {LAST}
    assert after[LAST]["1h"] == of(DAY_0 + 2 * HOUR_MS, 100, 112, 98, 106, 36)


def test_a_snapshot_with_candles_has_lost_none(table: CandlesTable) -> None:
    lost = LostCandles(table)
    known = Snapshot(seq=9, candles={LAST: {"1d": candle(DAY_0, 300, ticks=1)}})
    lost.begin(known, LOST_MS)
    assert completed(lost, known, LOST_MS) is known


def test_symbols_that_dynamodb_does_not_give_are_read_later(
    table: CandlesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: object, **_named: object) -> list[Candle]:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    lost = LostCandles(table)
    lost.begin(Snapshot(seq=9), LOST_MS)
    with monkeypatch.context() as patch:
        patch.setattr(table, "read", away)
        for _ in range(10):
            with pytest.raises(EndpointConnectionError):
                lost.read()
    assert completed(lost, Snapshot(seq=10), LOST_MS).candles[LAST]["1h"].ticks == 36
