"""The trends of a day: hours move out, known closes stay, and the feed's own closes replace those of an exchange."""

from decimal import Decimal

from shared.model.candles import Candle
from shared.model.trends import HOUR_MS, HOURS, Trends

BEGAN_MS = 480_000 * HOUR_MS


def candle(hour: int, close: str, ticks: int = 0) -> Candle:
    price = Decimal(close)
    return Candle(BEGAN_MS + hour * HOUR_MS, price, price, price, price, ticks)


def test_the_newest_candle_is_the_last_close() -> None:
    trends = Trends().with_candles([("BTC_CAD", candle(0, "1")), ("BTC_CAD", candle(2, "3"))])
    assert trends.until_ms == BEGAN_MS + 3 * HOUR_MS
    assert trends.closes["BTC_CAD"][-3:] == (Decimal(1), None, Decimal(3))
    assert len(trends.closes["BTC_CAD"]) == HOURS


def test_a_new_hour_moves_every_symbol() -> None:
    before = Trends().with_candles([("BTC_CAD", candle(0, "1")), ("ETH_CAD", candle(0, "2"))])
    after = before.with_candles([("BTC_CAD", candle(1, "5"))])
    assert after.closes["BTC_CAD"][-2:] == (Decimal(1), Decimal(5))
    assert after.closes["ETH_CAD"][-2:] == (Decimal(2), None)


def test_an_hour_of_a_day_ago_moves_out() -> None:
    before = Trends().with_candles([("BTC_CAD", candle(0, "1"))])
    after = before.with_candles([("BTC_CAD", candle(HOURS, "9"))])
    assert after.closes["BTC_CAD"] == (*[None] * (HOURS - 1), Decimal(9))


def test_a_candle_before_the_day_is_left_out() -> None:
    trends = Trends().with_candles([("BTC_CAD", candle(HOURS, "9")), ("BTC_CAD", candle(0, "1"))])
    assert trends.closes["BTC_CAD"] == (*[None] * (HOURS - 1), Decimal(9))


def test_an_exchanges_close_does_not_replace_one_of_the_feed() -> None:
    own = Trends().with_candles([("BTC_CAD", candle(0, "1", ticks=7))])
    assert own.with_candles([("BTC_CAD", candle(0, "2"))]).closes == own.closes
    assert own.with_candles([("BTC_CAD", candle(0, "2", ticks=3))]).closes["BTC_CAD"][-1] == 2


def test_closes_have_five_digits() -> None:
    trends = Trends().with_candles([("SHIB_CAD", candle(0, "0.0000124394049"))])
    assert trends.closes["SHIB_CAD"][-1] == Decimal("0.000012439")
