"""The market that serves an asset: the first in the catalogue's order that its sources agree on."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.model.assets import Asset, catalogue
from shared.model.values import Memory, Quote, Rate, Snapshot, Suspicion, Ticker
from shared.pricing.quotes import Priced, price_all
from tests.samples import NOW_MS, SYMBOLS, quote, rate, ticker

AT_PAR = {"USD": rate("kraken:USDCAD", "1"), "USDT": rate("kraken:USDTCAD", "1")}
BEFORE = quote(spot="100", seen_ms=NOW_MS - 5_000)
FRESH_MS = 15_000


def price(
    *tickers: Ticker,
    before: Quote | None = None,
    confirmed: str | None = None,
    held: str | None = None,
    held_ms: int = 0,
    suspects: Mapping[str, int] | None = None,
    rates: Mapping[str, Rate] = AT_PAR,
    now_ms: int = NOW_MS,
) -> Priced:
    """Return the prices of a tick in which every currency costs 1 CAD by default.

    `confirmed` is what two sources said 5 s ago, `held` the price held since `held_ms`.
    """
    memory = Memory(Decimal(confirmed), NOW_MS - 5_000) if confirmed else Memory()
    if held:
        memory = replace(memory, held=Decimal(held), held_ms=held_ms, said_ms=NOW_MS - 5_000)
    doubts = {source: Suspicion(ticks, NOW_MS) for source, ticks in (suspects or {}).items()}
    symbol = before.symbol if before else "BTC_CAD"
    old = Snapshot(quotes={symbol: before} if before else {}, memories={symbol: memory}, suspects=doubts)
    return price_all(old, tickers, rates, now_ms, FRESH_MS)


def at(name: str, last: str | Decimal = "100", age_s: int = 0) -> Ticker:
    """Return a ticker by its source and market, e.g. `kraken:XBTUSD`."""
    source, _, market = name.partition(":")
    said_ms = NOW_MS - age_s * 1_000
    return ticker(market, last, source=source, ts_ms=said_ms, answered_ms=said_ms)


def all_markets(asset: Asset) -> list[Ticker]:
    """Return every market of the asset at 100 CAD."""
    return [at(f"{m.source}:{m.name}", Decimal(100) / m.per_unit_at(NOW_MS)) for m in asset.markets]


def source_of(priced: Priced, symbol: str = "BTC_CAD") -> str | None:
    """Return the market that served, without its rates."""
    found = priced.quotes.get(symbol)
    return found.source.split(" ")[0] if found else None


def reasons(priced: Priced, symbol: str = "BTC_CAD") -> dict[str, str]:
    """Return the reason of each market that answered."""
    candidates = priced.explanations[symbol].candidates
    return {f"{c.source}:{c.market}": c.reason for c in candidates if c.price is not None}


# The order


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_first_market_with_an_answer_serves(symbol: str) -> None:
    asset = catalogue()[symbol]
    for first, market in enumerate(asset.markets):
        priced = price(*reversed(all_markets(asset)[first:]))
        assert source_of(priced, symbol) == f"{market.source}:{market.name}"
        assert symbol not in priced.held


@pytest.mark.parametrize(
    ("bid", "served"), [("99.1", "kraken:XBTCAD"), ("99", "kraken:XBTCAD"), ("98.9", "binance:BTCUSDT")]
)
def test_a_cad_market_serves_if_its_spread_is_at_most_1_percent(bid: str, served: str) -> None:
    """Otherwise the cross serves."""
    direct = replace(at("kraken:XBTCAD", "99.5"), bid=Decimal(bid), ask=Decimal(bid) * Decimal("1.01"))
    assert source_of(price(at("binance:BTCUSDT", "99.5"), direct)) == (served if bid != "98.9" else "kraken:XBTCAD")
    exact = replace(direct, bid=Decimal("99.5") * Decimal("0.995"), ask=Decimal("99.5") * Decimal("1.005"))
    assert source_of(price(at("binance:BTCUSDT", "99.5"), exact)) == "kraken:XBTCAD"
    wide = replace(direct, ask=Decimal(bid) * Decimal("1.012"))
    assert source_of(price(at("binance:BTCUSDT", "99.5"), wide)) == "binance:BTCUSDT"


def test_a_market_of_that_name_at_another_source_does_not_count() -> None:
    assert not price(at("kraken:BTCUSDT")).quotes


def test_an_asset_without_a_live_market_has_no_quote() -> None:
    """It does not count as held either."""
    priced = price(at("binance:ETHUSDT"), at("binance:BTCUSDT"))
    assert (list(priced.quotes), priced.held) == (["BTC_CAD", "ETH_CAD"], ())


def test_a_market_without_a_rate_for_its_currency_has_no_price() -> None:
    markets = [at("kraken:XBTCAD"), at("binance:ETHUSDT"), at("kraken:LTCUSD")]
    assert list(price(*markets, rates={}).quotes) == ["BTC_CAD"]
    assert reasons(price(*markets, rates={}), "LTC_CAD") == {"kraken:LTCUSD": "no_rate"}
    assert list(price(*markets, rates={"USDT": AT_PAR["USDT"]}).quotes) == ["BTC_CAD", "ETH_CAD"]


def test_an_invalid_ticker_does_not_serve_and_explain_says_why() -> None:
    priced = price(replace(at("binance:BTCUSDT"), refused="crossed"), at("kraken:XBTUSD"))
    assert source_of(priced) == "kraken:XBTUSD"
    assert reasons(priced) == {"kraken:XBTUSD": "alone", "binance:BTCUSDT": "crossed"}


def test_a_quote_names_its_rates_and_when_it_was_confirmed() -> None:
    market = replace(at("binance:BTCUSDT"), ts_ms=NOW_MS - 700)
    made = price(market, now_ms=NOW_MS + 5).quotes["BTC_CAD"]
    assert made.source == "binance:BTCUSDT x kraken:USDTCAD"
    assert (made.ts_ms, made.seen_ms, made.stale) == (NOW_MS - 700, NOW_MS, False)


def test_the_latest_agreeing_answer_confirms_a_quote() -> None:
    """A held answer confirms only where no other source has the asset."""
    first, second = at("binance:BTCUSDT", age_s=20), at("coinbase:BTC-USD", age_s=8)
    assert price(first, second).quotes["BTC_CAD"].seen_ms == NOW_MS - 8_000
    assert (
        price(first, at("coinbase:BTC-USD", "150", age_s=8), before=BEFORE).quotes["BTC_CAD"].seen_ms == NOW_MS - 20_000
    )
    lone = replace(at("coingecko:ethereum-pow-iou", age_s=50), has_book=False)
    assert price(lone).quotes["ETHW_CAD"].seen_ms == NOW_MS


def test_a_quote_is_simulated_when_its_market_or_its_rate_is() -> None:
    simulated = {name: replace(known, simulated=True) for name, known in AT_PAR.items()}
    market = at("binance:BTCUSDT")
    assert not price(market).quotes["BTC_CAD"].simulated
    assert price(replace(market, simulated=True)).quotes["BTC_CAD"].simulated
    assert price(market, rates=simulated).quotes["BTC_CAD"].simulated
    assert not price(at("kraken:XBTCAD"), rates=simulated).quotes["BTC_CAD"].simulated


# Three votes or more


@pytest.mark.parametrize("wrong", ["0.1", "50", "97", "104", "120", "100000"])
def test_with_three_sources_a_wrong_one_is_passed_over(wrong: str) -> None:
    for before in (None, BEFORE, replace(BEFORE, spot=Decimal(wrong))):
        priced = price(at("binance:BTCUSDT", wrong), at("kraken:XBTUSD"), at("coinbase:BTC-USD", "101"), before=before)
        assert source_of(priced) == "kraken:XBTUSD"
        assert priced.quotes["BTC_CAD"].sources == 2
        assert reasons(priced)["binance:BTCUSDT"] == "outside_band"
        assert not priced.held


@pytest.mark.parametrize("factor", ["1000", "0.001", "0.4", "1.6"])
def test_a_real_crash_or_rise_seen_by_two_sources_passes(factor: str) -> None:
    now = 100 * Decimal(factor)
    priced = price(at("binance:BTCUSDT", now), at("kraken:XBTUSD", now * Decimal("1.01")), before=BEFORE)
    assert (source_of(priced), priced.quotes["BTC_CAD"].spot, priced.held) == ("binance:BTCUSDT", now, ())


def test_where_no_two_agree_the_most_central_source_serves() -> None:
    """The quote says that no other source agrees."""
    priced = price(at("binance:BTCUSDT", "140"), at("kraken:XBTUSD", "100"), at("coinbase:BTC-USD", "70"))
    assert (source_of(priced), priced.quotes["BTC_CAD"].sources) == ("kraken:XBTUSD", 1)


def test_a_source_has_one_vote_however_many_markets() -> None:
    priced = price(
        at("kraken:XBTCAD", "120"), at("kraken:XBTUSD", "120"), at("binance:BTCUSDT"), at("coinbase:BTC-USD")
    )
    assert (source_of(priced), priced.quotes["BTC_CAD"].sources) == ("binance:BTCUSDT", 2)


def test_a_sources_second_market_serves_if_its_first_is_wrong() -> None:
    priced = price(at("kraken:XBTCAD", "120"), at("kraken:XBTUSD"), at("ndax:BTC_CAD"), at("coinbase:BTC-USD"))
    assert source_of(priced) == "kraken:XBTUSD"


def test_a_near_vote_with_a_wide_book_precedes_a_distant_one() -> None:
    wide = [
        replace(at(name), bid=Decimal("90.7"), ask=Decimal("109.3")) for name in ("binance:BTCUSDT", "kraken:XBTUSD")
    ]
    priced = price(*wide, at("coinbase:BTC-USD", "109.2"))
    assert (source_of(priced), reasons(priced)["binance:BTCUSDT"]) == ("binance:BTCUSDT", "nearest")


def test_a_book_with_wrong_sides_does_not_serve() -> None:
    wide = replace(at("binance:BTCUSDT"), bid=Decimal(95), ask=Decimal(105))
    assert source_of(price(wide, at("kraken:XBTUSD"), at("coinbase:BTC-USD"))) == "kraken:XBTUSD"


def test_old_votes_count_only_where_fewer_than_three_are_fresh() -> None:
    fresh = [at("binance:BTCUSDT", "103"), at("kraken:XBTUSD"), at("ndax:BTC_CAD")]
    old = [at("coinbase:BTC-USD", "103", age_s=16), at("coingecko:bitcoin", "103", age_s=16)]
    assert source_of(price(*fresh, *old)) == "kraken:XBTUSD"
    assert reasons(price(*fresh, *old))["coinbase:BTC-USD"] == "not_fresh"
    assert source_of(price(*fresh[:2], *old)) == "binance:BTCUSDT"


@pytest.mark.parametrize("has_book", [True, False])
def test_a_book_is_as_old_as_its_answer_and_a_trade_as_itself(has_book: bool) -> None:
    fresh = [at("kraken:XBTUSD"), at("ndax:BTC_CAD"), at("coinbase:BTC-USD")]
    traded_before = replace(at("binance:BTCUSDT"), ts_ms=NOW_MS - 60_000, has_book=has_book)
    answered_before = replace(at("binance:BTCUSDT"), answered_ms=NOW_MS - 60_000, has_book=has_book)
    told = [price(*fresh, each).explanations["BTC_CAD"].candidates for each in (traded_before, answered_before)]
    votes = [next(each.vote for each in candidates if each.source == "binance") for candidates in told]
    assert votes == [has_book, not has_book]


def test_an_asset_may_have_a_band_of_its_own() -> None:
    stable = [at("kraken:USDCCAD", "1.015"), at("binance:USDCUSDT", "1"), at("ndax:USDC_CAD", "1")]
    assert source_of(price(*stable), "USDC_CAD") == "binance:USDCUSDT"
    others = [at("kraken:XBTCAD", "101.5"), at("binance:BTCUSDT"), at("ndax:BTC_CAD")]
    assert source_of(price(*others)) == "kraken:XBTCAD"


# Two votes, and one


@pytest.mark.parametrize("wrong", ["97", "103", "120", "1000", "0.1"])
def test_the_past_decides_between_two_that_disagree(wrong: str) -> None:
    two = [at("binance:BTCUSDT", wrong), at("kraken:XBTUSD", "100.5")]
    priced = price(*two, confirmed="100", before=replace(BEFORE, spot=Decimal(wrong)))
    assert (source_of(priced), priced.quotes["BTC_CAD"].sources) == ("kraken:XBTUSD", 1)
    assert reasons(priced)["kraken:XBTUSD"] == "continuous"


def test_two_that_both_leave_the_past_are_held_for_a_minute() -> None:
    """Then the nearer one serves."""
    two = [at("binance:BTCUSDT", "200"), at("kraken:XBTUSD", "150")]
    held = price(*two, confirmed="100", before=BEFORE)
    assert (held.quotes, held.held) == ({}, ("BTC_CAD",))
    assert set(reasons(held).values()) == {"disagreement"}
    assert held.memories["BTC_CAD"].held_ms == NOW_MS
    assert not price(*two, confirmed="100", held="150", held_ms=NOW_MS - 59_999, before=BEFORE).quotes
    persisted = price(*two, confirmed="100", held="150", held_ms=NOW_MS - 60_000, before=BEFORE)
    assert (source_of(persisted), reasons(persisted)["kraken:XBTUSD"]) == ("kraken:XBTUSD", "persisted")
    assert persisted.memories["BTC_CAD"] == Memory(Decimal(150), NOW_MS)


def test_two_that_disagree_without_a_past_are_held_for_a_minute() -> None:
    two = [at("binance:BTCUSDT", "200"), at("kraken:XBTUSD", "150")]
    assert price(*two).held == ("BTC_CAD",)
    assert source_of(price(*two, held="200", held_ms=NOW_MS - 60_000)) == "binance:BTCUSDT"


def test_after_an_hour_of_silence_the_nearer_of_two_serves() -> None:
    two = [at("binance:BTCUSDT", "200"), at("kraken:XBTUSD", "101")]
    old = replace(BEFORE, seen_ms=NOW_MS - 7_200_000)
    held = price(*two, before=old)
    assert held.memories["BTC_CAD"].held == Decimal(101)
    assert source_of(price(*two, before=old, held="101", held_ms=NOW_MS - 60_000)) == "kraken:XBTUSD"


def test_a_held_price_must_be_repeated_for_the_whole_minute() -> None:
    long = NOW_MS - 60_000
    assert price(at("binance:BTCUSDT", "200"), before=BEFORE, held="200", held_ms=long).quotes
    other = price(at("binance:BTCUSDT", "100000"), before=BEFORE, held="200", held_ms=long)
    assert not other.quotes
    assert other.memories["BTC_CAD"].held_ms == NOW_MS
    said_once = at("binance:BTCUSDT", "200", age_s=61)
    assert not price(said_once, before=BEFORE, held="200", held_ms=long).quotes


def test_a_silence_ends_a_hold() -> None:
    memory = Memory(held=Decimal(200), held_ms=NOW_MS - 60_000, said_ms=NOW_MS - 15_001)
    old = Snapshot(quotes={"BTC_CAD": BEFORE}, memories={"BTC_CAD": memory})
    again = price_all(old, [at("binance:BTCUSDT", "200")], AT_PAR, NOW_MS, FRESH_MS)
    assert not again.quotes
    assert price_all(old, [], AT_PAR, NOW_MS, FRESH_MS).memories["BTC_CAD"] == Memory()
    assert price_all(old, [], AT_PAR, NOW_MS, FRESH_MS + 1).memories["BTC_CAD"] == memory


@pytest.mark.parametrize(
    ("now", "passes"), [("110", True), ("110.1", False), ("90.91", True), ("90.9", False), ("1000", False)]
)
def test_one_source_alone_may_move_5_percent_and_1_a_second(now: str, passes: bool) -> None:
    """The bound is the same up and down."""
    priced = price(at("binance:BTCUSDT", now), before=BEFORE)
    assert ("BTC_CAD" in priced.quotes, priced.held) == ((True, ()) if passes else (False, ("BTC_CAD",)))


def test_one_source_alone_never_moves_by_more_than_half() -> None:
    hour_ago = replace(BEFORE, seen_ms=NOW_MS - 3_600_000)
    assert price(at("binance:BTCUSDT", "150"), before=hour_ago).quotes
    assert not price(at("binance:BTCUSDT", "151"), before=hour_ago).quotes
    assert price(at("binance:BTCUSDT", "151"), before=replace(hour_ago, seen_ms=hour_ago.seen_ms - 1)).quotes


def test_one_source_alone_without_a_past_is_believed() -> None:
    priced = price(at("binance:BTCUSDT"))
    assert (source_of(priced), priced.quotes["BTC_CAD"].sources) == ("binance:BTCUSDT", 1)


def test_a_suspect_source_casts_no_vote_and_does_not_serve() -> None:
    both = [at("binance:BTCUSDT"), at("kraken:XBTUSD", "101")]
    priced = price(*both, suspects={"binance": 3})
    assert (source_of(priced), reasons(priced)["binance:BTCUSDT"]) == ("kraken:XBTUSD", "suspect")
    assert price(both[0], suspects={"binance": 3}).quotes == {}
    agreeing = price(both[0], at("kraken:XBTUSD"), at("ndax:BTC_CAD"), suspects={"binance": 3})
    assert source_of(agreeing) == "kraken:XBTUSD"


def test_a_hold_of_one_asset_does_not_affect_another() -> None:
    priced = price(at("binance:BTCUSDT", "1000"), at("binance:ETHUSDT", "5"), before=BEFORE)
    assert (list(priced.quotes), priced.held) == (["ETH_CAD"], ("BTC_CAD",))
