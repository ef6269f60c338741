"""A candle in progress gets the part of its interval that the feed has not seen."""

from dataclasses import replace
from decimal import Decimal

from shared.model.candles import DAY_MS, Candle
from shared.pricing.opening import joined, with_beginnings, with_earlier

DAY = 20_000 * DAY_MS
BTC = "BTC_CAD"


def candle(opened: int, high: int, low: int, close: int, ticks: int | None = 7) -> Candle:
    return Candle(DAY, Decimal(opened), Decimal(high), Decimal(low), Decimal(close), ticks)


SAID = {(BTC, "1d"): candle(50, 120, 40, 100, ticks=0)}


def completed(own: Candle, from_ms: int = 0) -> Candle:
    return with_beginnings({BTC: {"1d": own}}, SAID, from_ms)[BTC]["1d"]


def test_a_candle_begun_in_the_middle_opens_with_the_exchange() -> None:
    assert completed(candle(100, 105, 90, 101)) == candle(50, 120, 40, 101)
    assert completed(candle(100, 105, 90, 101), from_ms=DAY) == candle(50, 120, 40, 101)


def test_doing_it_again_changes_nothing() -> None:
    once = completed(candle(100, 130, 30, 101))
    assert once == candle(50, 130, 30, 101)
    assert completed(once) == once


def test_a_candle_from_before_the_hole_keeps_its_open() -> None:
    assert completed(candle(60, 105, 90, 101), from_ms=DAY + 1) == candle(60, 120, 40, 101)


def test_another_interval_or_an_unknown_past_changes_nothing() -> None:
    later = replace(candle(5, 5, 5, 5), open_ms=DAY + DAY_MS)
    assert completed(later) == later
    old = candle(100, 105, 90, 101, ticks=None)
    assert completed(old) == old
    assert with_beginnings({"ETH_CAD": {"1d": old}}, SAID, 0) == {"ETH_CAD": {"1d": old}}


def earlier(own: Candle | None, beginning: Candle, now_ms: int = DAY + 5) -> Candle | None:
    candles = {BTC: {"1d": own}} if own else {}
    return with_earlier(candles, {(BTC, "1d"): beginning}, now_ms).get(BTC, {}).get("1d")


def test_a_lost_beginning_comes_before_what_came_since() -> None:
    assert earlier(candle(100, 105, 90, 101, 3), candle(50, 120, 95, 99, 7)) == candle(50, 120, 90, 101, 10)
    assert earlier(None, candle(50, 120, 95, 99)) == candle(50, 120, 95, 99)


def test_a_lost_beginning_with_unknown_ticks_makes_them_unknown() -> None:
    assert earlier(candle(100, 105, 90, 101), candle(50, 120, 95, 99, None)) == candle(50, 120, 90, 101, None)


def test_the_beginning_of_a_day_that_is_over_changes_nothing() -> None:
    own = replace(candle(100, 105, 90, 101), open_ms=DAY + DAY_MS)
    assert earlier(own, candle(50, 120, 95, 99), DAY + DAY_MS) == own
    assert earlier(None, candle(50, 120, 95, 99), DAY + DAY_MS) is None
    ahead = replace(own, open_ms=DAY + DAY_MS)  # the clock of the ingest before was ahead
    assert earlier(ahead, candle(50, 120, 95, 99)) == ahead


def test_a_beginning_that_is_over_hides_no_other_beginning() -> None:
    over, lost = replace(candle(1, 1, 1, 1), open_ms=DAY - DAY_MS), candle(50, 120, 95, 99)
    beginnings = {("ETH_CAD", "1d"): over, (BTC, "1d"): lost}
    assert with_earlier({}, beginnings, DAY + 5) == {BTC: {"1d": lost}}


def test_several_candles_are_one_from_first_open_to_last_close() -> None:
    parts = [candle(50, 60, 45, 55, 3), candle(55, 120, 54, 70, 0), candle(70, 80, 40, 77, 4)]
    assert joined(parts, DAY) == candle(50, 120, 40, 77, 7)
    assert joined(parts[:1], DAY) == parts[0]
