"""A past candle in CAD: its own numbers times the rate of its own time, exactly."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.model.candles import DAY_MS, INTERVAL_MS, Candle
from shared.pricing.past import PastRate, crossed, in_cad, intervals_between

DAY = 20_000 * DAY_MS
HOUR_MS = INTERVAL_MS["1h"]
prices = st.decimals("0.00000001", "1000000", places=8)


def candle(open_ms: int, *four: str) -> Candle:
    opened, high, low, close = (Decimal(text) for text in four)
    return Candle(open_ms, opened, high, low, close)


def flat(open_ms: int, price: str) -> Candle:
    return candle(open_ms, price, price, price, price)


def test_each_price_has_the_rate_of_its_moment() -> None:
    rate = candle(DAY, "1.30", "9", "0.1", "1.40")
    made = in_cad(candle(DAY, "100", "120", "90", "110"), rate)
    assert made == candle(DAY, "130.00", "162.000", "121.500", "154.00")


def test_a_rate_that_moves_more_than_the_price_bounds_the_candle() -> None:
    made = in_cad(flat(DAY, "100"), candle(DAY, "1.30", "1.4", "1.3", "1.40"))
    assert made.low == 130
    assert made.high == 140


def test_a_unit_of_many_coins_is_worth_that_many() -> None:
    made = in_cad(candle(DAY, "0.05", "0.07", "0.02", "0.06"), flat(DAY, "2"), Decimal(24_000))
    assert made == candle(DAY, "2400.00", "3360.00", "960.00", "2880.00")


def test_no_digit_of_a_price_or_its_rate_is_lost() -> None:
    digits = "1.234567890123456789012345678901"
    made = in_cad(flat(DAY, digits), candle(DAY, "1.2", "1.3", "1.1", "1.3"))
    assert made.open == Decimal("1.4814814681481481468148148146812")
    assert (made.high, made.low) == (made.close, made.open)
    rate = PastRate({"1d": [candle(DAY, "1", "2", "1", digits)]})
    middle = rate.at("1h", DAY)
    assert middle
    assert middle.close == Decimal("1.1172839450617283945061728394505")


@given(st.lists(prices, min_size=4, max_size=4), prices, prices)
def test_a_candle_stays_a_candle(four: list[Decimal], opened: Decimal, closed: Decimal) -> None:
    low, first, last, high = sorted(four)
    rate = Candle(DAY, opened, max(opened, closed), min(opened, closed), closed)
    made = in_cad(Candle(DAY, first, high, low, last), rate)
    assert made.low <= min(made.open, made.close) <= max(made.open, made.close) <= made.high
    assert (made.open, made.close) == (first * opened, last * closed)


def test_the_rate_of_the_same_interval_counts() -> None:
    rate = PastRate({"1h": [flat(DAY, "1.30"), flat(DAY + HOUR_MS, "1.31")], "1d": [flat(DAY, "1.5")]})
    assert rate.at("1h", DAY + HOUR_MS) == flat(DAY + HOUR_MS, "1.31")
    moved = candle(DAY, "1.30", "1.33", "1.29", "1.32")
    assert PastRate({"1h": [moved]}).at("1h", DAY) == moved


def test_without_a_trade_in_it_the_last_close_counts() -> None:
    rate = PastRate({"1h": [candle(DAY, "1.30", "1.33", "1.29", "1.32")]})
    assert rate.at("1h", DAY + 3 * HOUR_MS) == flat(DAY + 3 * HOUR_MS, "1.32")
    assert rate.at("1h", DAY + 24 * HOUR_MS) == flat(DAY + 24 * HOUR_MS, "1.32")
    assert rate.at("1h", DAY + 25 * HOUR_MS) is None


def test_before_the_hours_the_middle_of_the_day_counts() -> None:
    hours = [flat(DAY + DAY_MS, "1.31")]
    rate = PastRate({"1h": hours, "1d": [candle(DAY, "1.30", "9", "1", "1.40")]})
    assert rate.at("1h", DAY + 5 * HOUR_MS) == flat(DAY + 5 * HOUR_MS, "1.35")


def test_a_day_without_a_trade_has_the_close_of_the_last_one() -> None:
    rate = PastRate({"1d": [candle(DAY, "1.30", "9", "1", "1.40")]})
    assert rate.at("1h", DAY + 2 * DAY_MS + HOUR_MS) == flat(DAY + 2 * DAY_MS + HOUR_MS, "1.40")


def test_before_the_days_the_banks_last_business_day_counts() -> None:
    bank = [flat(DAY - 9 * DAY_MS, "1.4"), flat(DAY - 4 * DAY_MS, "1.36")]
    rate = PastRate({"1d": [flat(DAY, "1.35")]}, lambda: bank)
    assert rate.at("1d", DAY - DAY_MS) == flat(DAY - DAY_MS, "1.36")
    assert rate.at("1h", DAY - 2 * DAY_MS + HOUR_MS) == flat(DAY - 2 * DAY_MS + HOUR_MS, "1.36")
    assert rate.at("1d", DAY - 12 * DAY_MS) is None


def test_a_rate_through_two_markets_is_their_product() -> None:
    assert crossed([flat(DAY, "1.001"), flat(DAY + DAY_MS, "1")], [flat(DAY, "1.37")]) == [flat(DAY, "1.37137")]


def test_only_whole_intervals_are_wanted() -> None:
    assert list(intervals_between("1h", DAY + 1, DAY + 3 * HOUR_MS + 5)) == [DAY + HOUR_MS, DAY + 2 * HOUR_MS]
    assert list(intervals_between("1h", DAY, DAY + HOUR_MS)) == [DAY]
    assert not intervals_between("1h", DAY, DAY + HOUR_MS - 1)
