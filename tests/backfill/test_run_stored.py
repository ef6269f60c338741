"""What a backfill stores that nothing disturbs: every asset to its depth, at the prices of the markets."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from moto import mock_aws

from shared.backfill import run as module
from shared.model.candles import BACKFILLED_MS, INTERVAL_MS
from shared.model.trends import HOURS
from shared.store.trends_table import TrendsTable
from tests.backfill.stage import ALMOST, FEW, NOW_MS, Stage, asked, candles, few, ohlc, staged
from tests.tables import create_table, dynamodb


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One run for all tests: they only read."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setattr(module, "catalogue", few)
        with staged(create_table(dynamodb(), "quotes"), NOW_MS) as made:
            made.jobs.start(0, NOW_MS)
            assert made.backfill().run() == "whole"
            yield made


def test_no_limit_of_a_source_is_exceeded(stage: Stage) -> None:
    assert {status for _, status in stage.exchange.statuses_since_reset} == {200}


def test_every_asset_gets_its_depth(stage: Stage) -> None:
    for symbol in ("BTC_CAD", "LTC_CAD", "FTM_CAD"):
        for interval, depth_ms in BACKFILLED_MS.items():
            found = candles(stage, symbol, interval)
            length_ms = INTERVAL_MS[interval]
            newest_ms = NOW_MS // length_ms * length_ms - length_ms
            assert found[-1].open_ms == newest_ms
            times = {candle.open_ms for candle in found}
            wanted = range(newest_ms, NOW_MS - depth_ms, -length_ms)
            assert len(times & set(wanted)) / len(wanted) > (0.98 if symbol != "FTM_CAD" else ALMOST)
    assert len(candles(stage, "ETHW_CAD", "1h")) > ALMOST * 90 * 24
    assert all(candle.ticks == 0 for candle in candles(stage, "BTC_CAD", "1h"))
    trends = TrendsTable(stage.items).read()
    assert {symbol: len([c for c in row if c]) for symbol, row in trends.closes.items()} == dict.fromkeys(FEW, HOURS)


def test_hours_equal_the_market_times_the_rate_of_the_hour(stage: Stage) -> None:
    stage.clock.now_ms += 5_000
    klines = asked(stage, f"/api/v3/klines?symbol=LTCUSDT&interval=1h&limit=500&endTime={NOW_MS}")
    rates = ohlc(stage, "USDTCAD", 60)
    stored = {candle.open_ms: candle for candle in candles(stage, "LTC_CAD", "1h")}
    compared = 0
    for row in klines[:-1]:
        opened, high, low, close = (Decimal(text) for text in row[1:5])
        rate_open, _, _, rate_close = rates[row[0]]
        middle = (rate_open + rate_close) / 2
        first, last = opened * rate_open, close * rate_close
        expected = (first, max(high * middle, first, last), min(low * middle, first, last), last)
        made = stored[row[0]]
        assert (made.open, made.high, made.low, made.close) == expected
        compared += 1
    assert compared > 490


def test_a_direct_market_needs_no_rate(stage: Stage) -> None:
    direct = ohlc(stage, "XBTCAD", 1440)
    stored = {candle.open_ms: candle for candle in candles(stage, "BTC_CAD", "1d")}
    both = [open_ms for open_ms in direct if open_ms in stored]
    assert len(both) > 700
    assert all([stored[t].open, stored[t].high, stored[t].low, stored[t].close] == direct[t] for t in both)


def test_a_series_goes_on_over_a_rename(stage: Stage) -> None:
    days = candles(stage, "FTM_CAD", "1d")
    renamed_ms = 1_736_726_400_000  # 2025-01-13
    assert days[0].open_ms < renamed_ms < days[-1].open_ms
    before = [day for day in days if day.open_ms < renamed_ms][-1]
    after = next(day for day in days if day.open_ms >= renamed_ms)
    assert Decimal("0.5") < after.open / before.close < 2
