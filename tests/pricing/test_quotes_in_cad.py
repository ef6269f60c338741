"""A quote in CAD is exactly the market's price times the exchange rates, from ticker to frame."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.assets import catalogue
from shared.model.values import Quote, Rate, Snapshot, Ticker
from shared.model.wire import dumps, loads
from shared.pricing.consensus import SHORT
from shared.pricing.fx import DAY_MS, cross
from shared.pricing.quotes import price_all
from shared.protocol import quote_fields
from tests.samples import NOW_MS, prices, quote, rate, ticker

NUMBERS = ("bid", "ask", "spot", "change", "change_pct")
books = st.tuples(prices, prices).map(sorted)
signed = st.builds(lambda price, sign: price * sign, prices, st.sampled_from([-1, 0, 1]))
dollars = st.decimals("0.8", "1.2", places=30)


def priced(
    *tickers: Ticker, rates: Mapping[str, Rate], usd: Decimal | None = None, usdt: Decimal | None = None
) -> Mapping[str, Quote]:
    """Return the quotes with these rates, and with the currencies' prices 24 h ago if given."""
    day_ago_ms = NOW_MS - DAY_MS
    old = Snapshot(
        usd_cad_history=() if usd is None else ((day_ago_ms, usd),),
        usdt_cad_history=() if usdt is None else ((day_ago_ms, usdt),),
    )
    return price_all(old, tickers, currencies(rates), NOW_MS, 15_000).quotes


def currencies(rates: Mapping[str, Rate]) -> dict[str, Rate]:
    """Return the dollar and the Tether by these rates; without its own rate the Tether goes through the dollar."""
    dollar = next((rate for name, rate in rates.items() if name.endswith("USDCAD")), None)
    tether = rates.get("kraken:USDTCAD")
    if dollar and not tether:
        tether = cross(rates.get("kraken:USDTUSD", rate("parity:USDTUSD", "1")), dollar)
    return {name: known for name, known in (("USD", dollar), ("USDT", tether)) if known}


def direct(usdt: str = "1.3347") -> dict[str, Rate]:
    return {"kraken:USDTCAD": rate("kraken:USDTCAD", usdt)}


@given(book=books, last=prices, opened=prices, tether=books, dollar=books, past=prices, maker=st.booleans())
def test_a_conversion_through_two_rates_is_exact(
    book: list[Decimal],
    last: Decimal,
    opened: Decimal,
    tether: list[Decimal],
    dollar: list[Decimal],
    past: Decimal,
    maker: bool,
) -> None:
    rates = {"kraken:USDTUSD": rate("kraken:USDTUSD", *tether), "kraken:USDCAD": rate("kraken:USDCAD", *dollar)}
    market = ticker("SKYUSDT" if maker else "BTCUSDT", bid=book[0], ask=book[1], last=last, open_24h=opened)
    (quote,) = priced(market, rates=rates, usdt=past).values()
    units = Fraction(catalogue()["MKR_CAD"].markets[1].per_unit_at(NOW_MS)) if maker else 1
    bid, ask = (Fraction(t) * Fraction(d) for t, d in zip(tether, dollar, strict=True))
    assert Fraction(quote.bid) == Fraction(book[0]) * units * bid
    assert Fraction(quote.ask) == Fraction(book[1]) * units * ask
    assert Fraction(quote.spot) == Fraction(last) * units * (bid + ask) / 2
    was = Fraction(opened) * units * Fraction(past)
    assert Fraction(quote.change) == Fraction(quote.spot) - was
    assert abs(Fraction(quote.change_pct) - Fraction(quote.change) * 100 / was) <= Fraction(1, 2_000_000)
    assert quote.change_pct.as_tuple().exponent == -6


@given(last=prices, opened=prices, tether=dollars, past=prices)
def test_an_opening_of_another_market_gives_its_relative_move(
    last: Decimal, opened: Decimal, tether: Decimal, past: Decimal
) -> None:
    own = ticker("XBTCAD", last, source="kraken", open_24h=None)
    other = ticker("BTCUSDT", SHORT.divide(last, tether), open_24h=opened)
    quote = priced(own, other, rates=direct(str(tether)), usdt=past)["BTC_CAD"]
    assert (quote.source, quote.spot) == ("kraken:XBTCAD", last)
    was = Fraction(last) * Fraction(opened) * Fraction(past) / (Fraction(other.last) * Fraction(tether))
    assert abs(Fraction(quote.change) - (Fraction(last) - was)) <= was / 10**14


@given(book=books, tether=books, dollar=books)
def test_no_spread_becomes_negative_in_a_conversion(
    book: list[Decimal], tether: list[Decimal], dollar: list[Decimal]
) -> None:
    rates = {"kraken:USDTUSD": rate("kraken:USDTUSD", *tether), "kraken:USDCAD": rate("kraken:USDCAD", *dollar)}
    (quote,) = priced(ticker(bid=book[0], ask=book[1]), rates=rates).values()
    assert 0 < quote.bid <= quote.ask


@given(lower=prices, higher=prices, tether=books, dollar=books)
def test_a_higher_price_is_a_higher_quote(
    lower: Decimal, higher: Decimal, tether: list[Decimal], dollar: list[Decimal]
) -> None:
    rates = {"kraken:USDTUSD": rate("kraken:USDTUSD", *tether), "kraken:USDCAD": rate("kraken:USDCAD", *dollar)}
    low, high = (priced(ticker(bid=p, ask=p, last=p), rates=rates)["BTC_CAD"] for p in sorted((lower, higher)))
    for one, other in ((low.bid, high.bid), (low.ask, high.ask), (low.spot, high.spot)):
        assert one <= other
        assert (one == other) is (lower == higher)


@given(dollar=books)
def test_without_a_past_rate_an_unchanged_price_has_not_changed(dollar: list[Decimal]) -> None:
    (quote,) = priced(ticker(), rates={"kraken:USDCAD": rate("kraken:USDCAD", *dollar)}).values()
    assert quote.change == quote.change_pct == 0


def test_a_shiba_at_twelve_millionths_does_not_become_zero() -> None:
    market = ticker("SHIBUSDT", "0.00000932", open_24h=Decimal("0.00000930"), bid=Decimal("0.00000931"))
    (quote,) = priced(market, rates={"kraken:USDTCAD": rate("kraken:USDTCAD", "1.3346", "1.3348")}).values()
    assert quote.spot == Decimal("0.000012439404")
    assert quote.bid == Decimal("0.0000124251260")
    assert quote.change == Decimal("0.000000026694")


def test_mkr_is_priced_through_sky_times_24000_less_the_penalty() -> None:
    sky = ticker("SKYUSDT", "0.05", bid=Decimal("0.0499"), ask=Decimal("0.0501"), open_24h=Decimal("0.04"))
    (quote,) = priced(sky, rates={"kraken:USDTCAD": rate("kraken:USDTCAD", "1.3346", "1.3348")}).values()
    assert (quote.symbol, quote.source) == ("MKR_CAD", "binance:SKYUSDT x kraken:USDTCAD")
    assert (quote.bid, quote.spot, quote.ask) == (Decimal("1598.31696"), Decimal("1601.64"), Decimal("1604.96352"))
    assert (quote.change, quote.change_pct) == (Decimal("320.328"), Decimal(25))
    (through_the_dollar,) = priced(ticker("SKYUSD", "0.05", source="kraken"), rates={"kraken:USDCAD": rate()}).values()
    assert through_the_dollar.spot == Decimal("1601.64")


# The change


def test_the_change_takes_the_exchange_rate_of_24_h_ago() -> None:
    rates = {"kraken:USDCAD": rate("kraken:USDCAD", "1.35"), "kraken:USDTCAD": rate("kraken:USDTCAD", "1.34")}
    past = {"usd": Decimal("1.30"), "usdt": Decimal("1.32")}
    by_usdt = priced(ticker(last="100"), rates=rates, **past)["BTC_CAD"]
    assert (by_usdt.change, by_usdt.change_pct) == (Decimal(2), Decimal("1.515152"))
    by_usd = priced(ticker("XBTUSD", "100", source="kraken"), rates=rates, **past)["BTC_CAD"]
    assert (by_usd.change, by_usd.change_pct) == (Decimal(5), Decimal("3.846154"))
    in_cad = priced(ticker("XBTCAD", "100", source="kraken", open_24h=Decimal(80)), rates=rates, **past)["BTC_CAD"]
    assert (in_cad.change, in_cad.change_pct) == (Decimal(20), Decimal(25))


def test_a_market_without_an_opening_takes_the_next_ones_move() -> None:
    """A constant premium is then no change."""
    own = ticker("XBTCAD", "131", source="kraken", open_24h=None)
    second = ticker("BTCUSDT", "100", open_24h=Decimal(90))
    third = ticker("XBTUSD", "100", source="kraken", open_24h=Decimal(10))
    rates = {"kraken:USDTCAD": rate("kraken:USDTCAD", "1.30"), "kraken:USDCAD": rate("kraken:USDCAD", "1.30")}
    told = priced(third, second, own, rates=rates, usdt=Decimal("1.30"))["BTC_CAD"]
    assert (told.source, told.change) == ("kraken:XBTCAD", Decimal("13.1"))
    unmoved = replace(second, open_24h=Decimal(100))
    assert priced(own, unmoved, rates=rates, usdt=Decimal("1.30"))["BTC_CAD"].change == 0
    without = replace(second, open_24h=None)
    assert priced(third, without, own, rates=rates, usd=Decimal("1.30"))["BTC_CAD"].change == Decimal("117.9")


def test_the_market_that_serves_keeps_its_own_opening() -> None:
    own = ticker("XBTCAD", "130", source="kraken", open_24h=Decimal(120))
    assert priced(own, ticker("BTCUSDT", "100", open_24h=Decimal(90)), rates=direct("1.30"))["BTC_CAD"].change == 10


def test_an_opening_of_a_disbelieved_market_is_not_used() -> None:
    wrong = ticker("BTCUSDT", "100000", open_24h=Decimal(90_000))
    own = ticker("XBTUSD", "100", source="kraken", open_24h=None)
    third = ticker("BTC-USD", "100", source="coinbase", open_24h=Decimal(80))
    rates = direct("1.25") | {"kraken:USDCAD": rate("kraken:USDCAD", "1.25")}
    assert priced(wrong, own, third, rates=rates)["BTC_CAD"].change == 25
    old = Snapshot(quotes={"BTC_CAD": quote(spot="125")})
    alone = price_all(old, [wrong, own], currencies(rates), NOW_MS, 15_000).quotes["BTC_CAD"]
    assert (alone.source, alone.change) == ("kraken:XBTUSD x kraken:USDCAD", Decimal(0))


@pytest.mark.parametrize(
    ("markets", "source", "change"),
    [
        ([("kraken", "USDTCAD", "1.3349")], "kraken:USDTCAD", "0.0049"),
        ([("kraken", "USDTUSD", "0.9990")], "kraken:USDTUSD x kraken:USDCAD", "0.00495047194546"),
        ([("coingecko", "tether", "1.36")], "coingecko:tether", "0.00499213424227"),
    ],
)
def test_the_change_of_usdt_is_the_relative_move_of_its_rate(
    markets: list[tuple[str, str, str]], source: str, change: str
) -> None:
    tickers = [ticker(name, last, source=at, open_24h=None) for at, name, last in markets]
    rates = direct("1.3349") | {"kraken:USDCAD": rate("kraken:USDCAD", "1.35")}
    quote = priced(*tickers, rates=rates, usd=Decimal("1.20"), usdt=Decimal("1.33"))["USDT_CAD"]
    assert (quote.source, quote.change) == (source, Decimal(change))


@pytest.mark.parametrize("opened", [None, Decimal(0)])
def test_the_change_is_never_null(opened: Decimal | None) -> None:
    rates = direct("1") | {"kraken:USDCAD": rate("kraken:USDCAD", "1")}
    for symbol, asset in catalogue().items():
        for market in asset.markets:
            alone = ticker(market.name, "1", source=market.source, open_24h=opened)
            quote = priced(alone, rates=rates)[symbol]
            assert quote.change == 0
            assert quote.change_pct == 0


def test_a_percentage_is_rounded_half_to_even_at_six_places() -> None:
    for last, percent in (("200000001", "0.000000"), ("200000003", "0.000002")):
        (quote,) = priced(ticker(last=last, open_24h=Decimal(200_000_000)), rates=direct()).values()
        assert quote.change_pct == Decimal(percent)


# On the wire


def assert_exact_on_the_wire(quote: Quote) -> None:
    text = dumps(quote_fields(quote))
    data: dict[str, Any] = loads(text)
    for name in NUMBERS:
        assert Decimal(data[name]) == getattr(quote, name)
        (digits,) = re.findall(rf'"{name}":([^,]+),', text)
        assert re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", digits)


@given(book=books, spot=prices, change=signed, percent=signed)
def test_every_number_on_the_wire_reads_back_unchanged(
    book: list[Decimal], spot: Decimal, change: Decimal, percent: Decimal
) -> None:
    assert_exact_on_the_wire(quote(bid=book[0], ask=book[1], change=change, change_pct=percent, spot=str(spot)))


@given(book=books, last=prices, opened=prices, tether=books, dollar=books)
def test_every_number_of_a_conversion_reads_back_from_the_wire(
    book: list[Decimal], last: Decimal, opened: Decimal, tether: list[Decimal], dollar: list[Decimal]
) -> None:
    rates = {"kraken:USDTUSD": rate("kraken:USDTUSD", *tether), "kraken:USDCAD": rate("kraken:USDCAD", *dollar)}
    market = ticker(bid=book[0], ask=book[1], last=last, open_24h=opened)
    assert_exact_on_the_wire(priced(market, rates=rates)["BTC_CAD"])
