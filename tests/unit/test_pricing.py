"""Which of an asset's markets serves: the first in the catalogue's order that has answered and can be believed."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.assets import Asset, catalogue
from shared.pricing.quotes_in_cad import FORGET_AFTER_MS, Priced, choose, price_all
from shared.values import Quote, Rate, Snapshot, Ticker
from tests.unit.samples import NOW_MS, SYMBOLS, quote, rate, ticker

AT_PAR = {name: rate(name, "1") for name in ("kraken:USDCAD", "kraken:USDTCAD")}
BEFORE = quote(spot="100")


def price(
    *tickers: Ticker, before: Quote | None = None, rates: Mapping[str, Rate] = AT_PAR, now_ms: int = NOW_MS
) -> Priced:
    """The prices of a tick; every currency costs 1 CAD unless told."""
    old = Snapshot(quotes={before.symbol: before} if before else {})
    return price_all(old, tickers, rates, now_ms)


def at(name: str, last: str | Decimal = "100") -> Ticker:
    """A ticker by the name of its source and market, e.g. `kraken:XBTUSD`."""
    source, _, market = name.partition(":")
    return ticker(market, last, source=source)


def all_markets(asset: Asset) -> list[Ticker]:
    """Every market of the asset, all of them at 100 CAD."""
    return [at(f"{m.source}:{m.name}", Decimal(100) / m.per_unit) for m in asset.markets]


def source_of(priced: Priced, symbol: str = "BTC_CAD") -> str | None:
    """The market that served, without its rates."""
    found = priced.quotes.get(symbol)
    return found.source.split(" ")[0] if found else None


# The order


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_first_market_in_the_catalogues_order_whose_source_answered_serves(symbol: str) -> None:
    asset = catalogue()[symbol]
    for first, market in enumerate(asset.markets):
        answered = all_markets(asset)[first:]
        priced = price(*reversed(answered))
        assert source_of(priced, symbol) == f"{market.source}:{market.name}"
        assert symbol not in priced.held


@pytest.mark.parametrize(
    ("bid", "served"),
    [("100", "kraken:XBTCAD"), ("99", "kraken:XBTCAD"), ("98.99", "binance:BTCUSDT"), ("50", "binance:BTCUSDT")],
)
def test_the_direct_cad_market_is_preferred_where_its_spread_is_at_most_1_percent_else_the_cross(
    bid: str, served: str
) -> None:
    direct = replace(at("kraken:XBTCAD"), bid=Decimal(bid), ask=Decimal(100))
    priced = price(at("binance:BTCUSDT"), direct)
    assert source_of(priced) == served
    assert not priced.held


def test_a_wide_direct_market_serves_where_there_is_no_other_and_no_cross_is_too_wide() -> None:
    direct, through = (
        replace(at(name), bid=Decimal(90), ask=Decimal(110)) for name in ("kraken:XBTCAD", "binance:BTCUSDT")
    )
    assert source_of(price(direct)) == "kraken:XBTCAD"
    assert source_of(price(through, at("kraken:XBTUSD"))) == "binance:BTCUSDT"


def test_a_market_of_that_name_at_another_source_does_not_count() -> None:
    assert not price(at("kraken:BTCUSDT")).quotes


def test_an_asset_without_a_live_market_has_no_quote_and_is_not_held_back() -> None:
    priced = price(at("binance:ETHUSDT"), at("binance:BTCUSDT"))
    assert (list(priced.quotes), priced.held) == (["BTC_CAD", "ETH_CAD"], ())


def test_a_market_without_a_rate_for_its_currency_has_no_price() -> None:
    markets = [at("kraken:XBTCAD"), at("binance:ETHUSDT"), at("kraken:LTCUSD")]
    assert list(price(*markets, rates={}).quotes) == ["BTC_CAD"]
    by_tether = price(*markets, rates={"kraken:USDTCAD": rate("kraken:USDTCAD")})
    assert list(by_tether.quotes) == ["BTC_CAD", "ETH_CAD"]
    assert list(price(*markets, rates={"kraken:USDCAD": rate()}).quotes) == ["BTC_CAD", "ETH_CAD", "LTC_CAD"]


@pytest.mark.parametrize(
    ("market", "rates", "source"),
    [
        ("kraken:XBTCAD", ["kraken:USDCAD"], "kraken:XBTCAD"),
        ("kraken:XBTUSD", ["kraken:USDTCAD", "er_api:USDCAD"], "kraken:XBTUSD x er_api:USDCAD"),
        ("binance:BTCUSDT", ["kraken:USDTCAD", "kraken:USDCAD"], "binance:BTCUSDT x kraken:USDTCAD"),
        (
            "binance:BTCUSDT", ["kraken:USDTUSD", "kraken:USDCAD"],
            "binance:BTCUSDT x kraken:USDTUSD x kraken:USDCAD",
        ),
        (
            "binance:BTCUSDT", ["bank_of_canada:FXUSDCAD"],
            "binance:BTCUSDT x parity:USDTUSD x bank_of_canada:FXUSDCAD",
        ),
    ],
)  # fmt: skip
def test_a_quote_says_through_which_rates_it_came(market: str, rates: list[str], source: str) -> None:
    assert price(at(market), rates={name: rate(name) for name in rates}).quotes["BTC_CAD"].source == source


def test_a_quote_has_the_time_of_its_market_and_of_this_tick() -> None:
    made = price(replace(at("binance:BTCUSDT"), ts_ms=NOW_MS - 700), now_ms=NOW_MS + 5).quotes["BTC_CAD"]
    assert (made.symbol, made.ts_ms, made.seen_ms, made.stale) == ("BTC_CAD", NOW_MS - 700, NOW_MS + 5, False)


def test_a_quote_is_simulated_when_its_market_or_its_rate_is() -> None:
    simulated = {name: replace(known, simulated=True) for name, known in AT_PAR.items()}
    market = at("binance:BTCUSDT")
    assert not price(market).quotes["BTC_CAD"].simulated
    assert price(replace(market, simulated=True)).quotes["BTC_CAD"].simulated
    assert price(market, rates=simulated).quotes["BTC_CAD"].simulated
    assert not price(at("kraken:XBTCAD"), rates=simulated).quotes["BTC_CAD"].simulated


# What is held back


@pytest.mark.parametrize("wrong", ["100000", "0.1"])
def test_a_price_a_thousand_times_off_is_held_back_and_the_next_market_in_order_serves(wrong: str) -> None:
    alone = price(at("binance:BTCUSDT", wrong), before=BEFORE)
    assert (alone.quotes, alone.held) == ({}, ("BTC_CAD",))
    third = at("coinbase:BTC-USD", "102")
    priced = price(third, at("binance:BTCUSDT", wrong), at("kraken:XBTUSD", "101"), before=BEFORE)
    assert source_of(priced) == "kraken:XBTUSD"
    assert priced.quotes["BTC_CAD"].spot == 101
    assert priced.held == ("BTC_CAD",)


@pytest.mark.parametrize("factor", ["1000", "0.001", "0.4", "1.6"])
def test_a_real_crash_or_rise_seen_by_two_sources_passes(factor: str) -> None:
    now = 100 * Decimal(factor)
    priced = price(at("binance:BTCUSDT", now), at("kraken:XBTUSD", now * Decimal("1.01")), before=BEFORE)
    assert (source_of(priced), priced.quotes["BTC_CAD"].spot, priced.held) == ("binance:BTCUSDT", now, ())


@pytest.mark.parametrize(("now", "passes"), [("150", True), ("150.01", False), ("50", True), ("49.99", False)])
def test_a_move_of_50_percent_passes_alone_and_a_larger_one_does_not(now: str, passes: bool) -> None:
    priced = price(at("binance:BTCUSDT", now), before=BEFORE)
    assert ("BTC_CAD" in priced.quotes, priced.held) == ((True, ()) if passes else (False, ("BTC_CAD",)))


def test_a_price_near_the_one_before_passes_though_another_source_says_otherwise() -> None:
    priced = price(at("binance:BTCUSDT", "101"), at("kraken:XBTUSD", "100000"), before=BEFORE)
    assert (source_of(priced), priced.held) == ("binance:BTCUSDT", ())


def test_two_markets_of_one_source_do_not_confirm_each_other() -> None:
    before = replace(BEFORE, symbol="MATIC_CAD")
    same = [at("binance:POLUSDT", "1000"), at("binance:MATICUSDT", "1000")]
    assert price(*same, before=before).held == ("MATIC_CAD",)
    confirmed = price(*same, at("kraken:POLUSD", "1000"), before=before)
    assert (source_of(confirmed, "MATIC_CAD"), confirmed.held) == ("binance:POLUSDT", ())


def test_with_nothing_before_two_sources_that_disagree_give_no_price_unless_a_third_confirms() -> None:
    two = [at("binance:BTCUSDT", "100000"), at("kraken:XBTUSD")]
    disputed = price(*two)
    assert (disputed.quotes, disputed.held) == ({}, ("BTC_CAD",))
    assert source_of(price(*two, at("coinbase:BTC-USD", "101"))) == "kraken:XBTUSD"
    assert source_of(price(*two, at("coinbase:BTC-USD", "99000"))) == "binance:BTCUSDT"
    assert price(*two, at("coinbase:BTC-USD", "1")).quotes == {}


def test_with_nothing_before_a_price_that_stands_alone_or_is_confirmed_passes() -> None:
    assert source_of(price(at("binance:BTCUSDT"))) == "binance:BTCUSDT"
    assert source_of(price(at("binance:BTCUSDT"), at("kraken:XBTUSD", "101"))) == "binance:BTCUSDT"
    assert choose([], None) is None


def test_a_price_that_nobody_has_confirmed_for_an_hour_holds_no_other_one_back() -> None:
    market = at("binance:BTCUSDT", "1000")
    assert price(market, before=replace(BEFORE, seen_ms=NOW_MS - FORGET_AFTER_MS)).held == ("BTC_CAD",)
    forgotten = replace(BEFORE, seen_ms=NOW_MS - FORGET_AFTER_MS - 1)
    assert price(market, before=forgotten).quotes["BTC_CAD"].spot == 1000
    assert FORGET_AFTER_MS == 3_600_000


def test_what_is_held_back_of_one_asset_does_not_touch_another() -> None:
    priced = price(at("binance:BTCUSDT", "1000"), at("binance:ETHUSDT", "5"), before=BEFORE)
    assert (list(priced.quotes), priced.held) == (["ETH_CAD"], ("BTC_CAD",))


def test_two_sources_that_are_more_than_half_apart_do_not_confirm_each_other_either_way() -> None:
    low, high = quote(spot="100", source="kraken:XBTUSD"), quote(spot="160", source="binance:BTCUSDT")
    assert choose([low, high], None) is None
    assert choose([high, low], None) is None
