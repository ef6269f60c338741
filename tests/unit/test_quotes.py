"""A quote in CAD is the market times the exchange rate, exactly, and there is none without both."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.assets import catalogue
from shared.quotes import (
    CLOCK_SKEW_MS,
    DAY_MS,
    HOUR_MS,
    RATE_MAX_AGE_MS,
    choose_rate,
    convert,
    quote_all,
    rate_24h_ago,
    tether_rate,
    usd_cad_rates,
)
from shared.values import Quote, Rate, Ticker
from tests.unit.samples import NOW_MS, USD_CAD, prices, ticker

BTC = catalogue()["BTC_CAD"]
books = st.tuples(prices, prices).map(sorted)


def btc(market: Ticker, rate: Rate = USD_CAD, past: str | Decimal = "1.3347", per_unit: str | Decimal = "1") -> Quote:
    return convert(BTC, market, rate, Decimal(past), per_unit=Decimal(per_unit), now_ms=NOW_MS)


def rate(bid: Decimal, ask: Decimal) -> Rate:
    return Rate("kraken:USDCAD", bid, ask, NOW_MS)


@given(book=books, last=prices, opened=prices, rates=books, past=prices, per_unit=st.sampled_from(["1", "24000"]))
def test_a_conversion_is_exact(
    book: list[Decimal], last: Decimal, opened: Decimal, rates: list[Decimal], past: Decimal, per_unit: str
) -> None:
    quote = btc(ticker(bid=book[0], ask=book[1], last=last, open_24h=opened), rate(*rates), past, per_unit)
    units, mid = Fraction(per_unit), (Fraction(rates[0]) + Fraction(rates[1])) / 2
    assert Fraction(quote.bid) == Fraction(book[0]) * units * Fraction(rates[0])
    assert Fraction(quote.ask) == Fraction(book[1]) * units * Fraction(rates[1])
    assert Fraction(quote.spot) == Fraction(last) * units * mid
    was = Fraction(opened) * units * Fraction(past)
    assert Fraction(quote.change) == Fraction(last) * units * mid - was
    assert abs(Fraction(quote.change_pct) - Fraction(quote.change) * 100 / was) <= Fraction(1, 2_000_000)
    assert quote.change_pct.as_tuple().exponent == -6


@given(book=books, rates=books)
def test_a_spread_is_never_negative_after_conversion(book: list[Decimal], rates: list[Decimal]) -> None:
    quote = btc(ticker(bid=book[0], ask=book[1]), rate(*rates))
    assert 0 < quote.bid <= quote.ask


@given(lower=prices, higher=prices, rates=books)
def test_a_higher_price_is_a_higher_quote(lower: Decimal, higher: Decimal, rates: list[Decimal]) -> None:
    low, high = (btc(ticker(bid=p, ask=p, last=p), rate(*rates)) for p in sorted((lower, higher)))
    assert low.bid <= high.bid
    assert low.ask <= high.ask
    assert low.spot <= high.spot
    assert (low.spot == high.spot) is (lower == higher)


@given(rates=books)
def test_the_mid_rate_is_exact(rates: list[Decimal]) -> None:
    assert Fraction(rate(*rates).mid) == (Fraction(rates[0]) + Fraction(rates[1])) / 2


def test_a_shiba_at_twelve_millionths_does_not_become_zero() -> None:
    quote = btc(ticker(last="0.00000932", open_24h=Decimal("0.00000930"), bid=Decimal("0.00000931")))
    assert quote.spot == Decimal("0.000012439404")
    assert quote.bid == Decimal("0.0000124251260")
    assert quote.change == Decimal("0.000000026694")


def test_a_quote_says_where_it_comes_from_and_how_old_it_is() -> None:
    quote = btc(ticker(ts_ms=NOW_MS - 700), tether_rate(USD_CAD))
    assert quote.source == "binance:BTCUSDT x parity:USDTUSD x kraken:USDCAD"
    assert (quote.symbol, quote.ts_ms, quote.seen_ms, quote.stale) == ("BTC_CAD", NOW_MS - 700, NOW_MS, False)


def test_a_quote_is_simulated_when_its_market_or_its_rate_is() -> None:
    assert not btc(ticker()).simulated
    assert btc(ticker(simulated=True)).simulated
    assert btc(ticker(), replace(USD_CAD, simulated=True)).simulated
    assert tether_rate(replace(USD_CAD, simulated=True)).simulated


def test_the_exchange_rates_own_move_counts_in_the_change() -> None:
    quote = btc(ticker(last="100", open_24h=Decimal(100)), past="1.3213")
    assert quote.spot == Decimal("133.47")
    assert quote.change == Decimal("1.34")
    assert quote.change_pct == Decimal("1.014153")  # 1.34 / 132.13 = 1.01415273 %


def test_the_change_is_a_number_where_no_past_price_is_known() -> None:
    quote = btc(ticker(last="100", open_24h=None), past="1.3347")
    assert quote.change == quote.change_pct == 0


def test_a_percentage_is_rounded_half_to_even_at_six_places() -> None:
    assert btc(ticker(last="200000001", open_24h=Decimal(200_000_000))).change_pct == Decimal("0.000000")
    assert btc(ticker(last="200000003", open_24h=Decimal(200_000_000))).change_pct == Decimal("0.000002")


def test_a_coin_that_became_many_is_priced_by_how_many() -> None:
    sky = ticker("SKYUSDT", "0.05", bid=Decimal("0.0499"), ask=Decimal("0.0501"))
    quote = btc(sky, rate(Decimal("1.3346"), Decimal("1.3348")), per_unit="24000")
    assert (quote.bid, quote.spot, quote.ask) == (Decimal("1598.31696"), Decimal("1601.64"), Decimal("1604.96352"))


# The exchange rate


def test_usd_cad_rates_are_taken_by_source_from_among_the_tickers() -> None:
    tickers = [
        ticker(),
        ticker("USDCAD", "1.3347", source="kraken"),
        ticker("FXUSDCAD", "1.3363", source="bank_of_canada", simulated=True),
        ticker("USDCAD", "1.3350", source="er_api"),
    ]
    rates = usd_cad_rates(tickers)
    assert [(name, r.source, r.simulated) for name, r in rates.items()] == [
        ("kraken", "kraken:USDCAD", False),
        ("bank_of_canada", "bank_of_canada:FXUSDCAD", True),
        ("er_api", "er_api:USDCAD", False),
    ]
    assert (rates["kraken"].bid, rates["kraken"].ask) == (tickers[1].bid, tickers[1].ask)


@pytest.mark.parametrize(
    ("ages_ms", "chosen"),
    [
        ({"er_api": 0, "bank_of_canada": 0, "kraken": 0}, "kraken"),
        ({"er_api": 0, "bank_of_canada": 0, "kraken": 120_000}, "kraken"),
        ({"er_api": 0, "bank_of_canada": 0, "kraken": 120_001}, "bank_of_canada"),
        ({"er_api": 0, "bank_of_canada": 5 * DAY_MS}, "bank_of_canada"),
        ({"er_api": 3 * DAY_MS, "bank_of_canada": 5 * DAY_MS + 1}, "er_api"),
        ({"er_api": 3 * DAY_MS + 1, "bank_of_canada": 5 * DAY_MS + 1, "kraken": 120_001}, None),
        ({}, None),
    ],
)
def test_the_live_rate_is_first_then_the_banks_then_the_daily_one_and_none_when_too_old(
    ages_ms: dict[str, int], chosen: str | None
) -> None:
    rates = {name: replace(USD_CAD, source=name, ts_ms=NOW_MS - age_ms) for name, age_ms in ages_ms.items()}
    found = choose_rate(rates, NOW_MS)
    assert (found.source if found else None) == chosen


def test_a_rate_of_an_unknown_source_is_not_chosen() -> None:
    assert choose_rate({"nobody": USD_CAD}, NOW_MS) is None
    assert list(RATE_MAX_AGE_MS) == ["kraken", "bank_of_canada", "er_api"]


def test_the_rate_of_24_h_ago_is_the_last_one_within_half_an_hour_of_it() -> None:
    history = [(NOW_MS - hours * HOUR_MS, Decimal(hours)) for hours in (25, 24, 23, 1)]
    assert rate_24h_ago(history, NOW_MS) == 24
    assert rate_24h_ago(history, NOW_MS + HOUR_MS // 2) == 23
    assert rate_24h_ago(history[:1], NOW_MS) == 25


def test_there_is_no_rate_of_24_h_ago_before_the_feed_is_that_old_or_after_it_slept_longer() -> None:
    assert rate_24h_ago([], NOW_MS) is None
    assert rate_24h_ago([(NOW_MS - 23 * HOUR_MS, Decimal(1))], NOW_MS) is None
    assert rate_24h_ago([(NOW_MS - 72 * HOUR_MS, Decimal(1))], NOW_MS) is None


# All assets


def test_without_a_rate_there_are_no_quotes() -> None:
    assert quote_all([ticker()], None, None, NOW_MS) == {}


def test_an_asset_without_a_live_market_has_no_quote() -> None:
    assert list(quote_all([ticker("ETHUSDT"), ticker("BTCUSDT")], USD_CAD, None, NOW_MS)) == ["BTC_CAD", "ETH_CAD"]


@pytest.mark.parametrize(
    ("markets", "source"),
    [
        (["MATICUSDT", "POLUSDT"], "binance:POLUSDT"),
        (["MATICUSDT"], "binance:MATICUSDT"),
    ],
)
def test_the_first_live_market_of_an_asset_prices_it(markets: list[str], source: str) -> None:
    quotes = quote_all([ticker(market) for market in markets], USD_CAD, None, NOW_MS)
    assert list(quotes) == ["MATIC_CAD"]
    assert quotes["MATIC_CAD"].source.startswith(source)


def test_maker_is_priced_from_24000_sky_when_its_own_market_is_gone() -> None:
    assert quote_all([ticker("SKYUSDT", "0.05")], USD_CAD, None, NOW_MS)["MKR_CAD"].spot == Decimal("1601.64")
    both = quote_all([ticker("SKYUSDT", "0.05"), ticker("MKRUSDT", "1300")], USD_CAD, None, NOW_MS)
    assert both["MKR_CAD"].spot == Decimal("1735.11")


def test_a_market_of_that_name_at_another_source_does_not_count() -> None:
    assert quote_all([ticker(source="kraken")], USD_CAD, None, NOW_MS) == {}


def test_without_a_past_rate_the_present_one_stands_for_it() -> None:
    (quote,) = quote_all([ticker(last="100")], USD_CAD, None, NOW_MS).values()
    assert quote.change == 0
    (quote,) = quote_all([ticker(last="100")], USD_CAD, Decimal("1.3213"), NOW_MS).values()
    assert quote.change == Decimal("1.34")


@given(rates=books)
def test_without_a_past_rate_an_unchanged_price_has_not_changed(rates: list[Decimal]) -> None:
    (quote,) = quote_all([ticker()], rate(*rates), None, NOW_MS).values()
    assert quote.change == 0


def test_a_rate_from_the_future_is_no_rate() -> None:
    """Its time is wrong, and by it the rate would never grow old."""
    ahead = replace(USD_CAD, ts_ms=NOW_MS + CLOCK_SKEW_MS)
    assert choose_rate({"kraken": ahead}, NOW_MS) == ahead
    assert choose_rate({"kraken": replace(ahead, ts_ms=ahead.ts_ms + 1)}, NOW_MS) is None
