"""Backfilled minutes of the recorded crash of May 2021 are the file's own, times the rate, to the last digit."""

import csv
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import BACKFILLED_MS
from tests.backfill.asking import Waits
from tests.backfill.stage import Stage
from tests.recordings import recording
from tools.simulator.candles import CandleReplay
from tools.simulator.server import exchange_in_thread

RECORDING = "klines/binance_1m_2021-05-11T20_2021-05-13T08.csv"
USD_CAD = Decimal("1.2096")  # of 2021-05-12
FOUR_HOURS_AFTER = datetime(2021, 5, 13, 2, tzinfo=UTC)
MINUTE_MS = 60_000
MARKETS = {"BTC_CAD": "BTCUSDT", "DOGE_CAD": "DOGEUSDT"}


def minutes_of(market: str) -> dict[int, list[Decimal]]:
    """Return the prices of the file by the time of their minute."""
    with recording(RECORDING).open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"] == market]
    return {
        int(row["open_time_ms"]): [Decimal(row[name]) * USD_CAD for name in ("open", "high", "low", "close")]
        for row in rows
    }


@pytest.mark.parametrize("symbol", MARKETS)
def test_minutes_equal_the_files_through_the_crash(quotes_items: Table, symbol: str) -> None:
    file = minutes_of(MARKETS[symbol])
    clock = Waits()
    clock.now_ms = int(FOUR_HOURS_AFTER.timestamp()) * 1000
    replay = CandleReplay.load(recording(RECORDING), usd_cad=USD_CAD, speed=Decimal(1), start=FOUR_HOURS_AFTER)
    with exchange_in_thread(replay, clock_ms=lambda: clock.now_ms) as exchange:
        stage = Stage(quotes_items, exchange, clock)
        now_ms = clock.now_ms
        assert stage.backfill().fetch_minutes(symbol, now_ms) == "whole"
    stored = stage.history.read(symbol, "1m", 500, now_ms=now_ms)
    assert len(stored) == BACKFILLED_MS["1m"] // MINUTE_MS
    # The replay's present minute is the clock's: it may have begun a minute beside the file's own time.
    last = [stored[-1].open, stored[-1].high, stored[-1].low, stored[-1].close]
    shifts = {stored[-1].open_ms - at for at, prices in file.items() if prices == last}
    (shift,) = {shift for shift in shifts if abs(shift) <= 2 * MINUTE_MS}
    for candle in stored:
        assert [candle.open, candle.high, candle.low, candle.close] == file[candle.open_ms - shift]
    assert max(candle.high for candle in stored) > Decimal("1.08") * min(candle.low for candle in stored)
