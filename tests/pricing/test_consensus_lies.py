"""With three or more sources one liar cannot move a quote beyond the others' prices and the asset's band."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.model.assets import Asset, Market, catalogue
from shared.model.values import Memory, Rate, Snapshot, Ticker
from shared.pricing import fx
from shared.pricing.consensus import SHORT
from shared.pricing.quotes import Priced, price_all
from shared.pricing.rules import judged
from tests.samples import NOW_MS, prices, quote, rate

FRESH_MS = 15_000
DAY_MS = 86_400_000
RATES: Mapping[str, Rate] = {"USD": rate("kraken:USDCAD", "1.37"), "USDT": rate("kraken:USDTCAD", "1.371")}
IN_CAD = {"CAD": Decimal(1), "USD": Decimal("1.37"), "USDT": Decimal("1.371")}


def sources_of(asset: Asset) -> list[str]:
    return list(dict.fromkeys(market.source for market in asset.markets))


WITH_THREE = [asset for asset in catalogue().values() if len(sources_of(asset)) >= 3]
honest = st.integers(-100, 100).map(lambda bips: 1 + Decimal(bips).scaleb(-4))
assets = st.sampled_from(WITH_THREE)
near_one = st.integers(-400, 400).map(lambda bips: 1 + Decimal(bips).scaleb(-4))


def said(market: Market, deviation: Decimal, price: Decimal) -> Ticker:
    """Return a market's ticker with that deviation from the price in CAD and a book half a percent wide."""
    last = price * deviation / IN_CAD[market.quote] / market.per_unit_at(NOW_MS)
    bid, ask = last * Decimal("0.9975"), last * Decimal("1.0025")
    return Ticker(market.source, market.name, bid, ask, last, last, NOW_MS, NOW_MS)


def priced(tickers: list[Ticker], old: Snapshot | None = None) -> Priced:
    checked = [judged(ticker, NOW_MS, DAY_MS) for ticker in tickers]
    return price_all(old or Snapshot(), [t for t in checked if not t.refused], RATES, NOW_MS, FRESH_MS)


@given(
    asset=assets,
    price=st.integers(1, 10**9).map(lambda cents: Decimal(cents).scaleb(-4)),
    deviations=st.lists(honest, min_size=10, max_size=10),
    liar=st.integers(0, 9),
    lie=st.lists(st.tuples(prices, prices, prices), min_size=10, max_size=10),
    before=prices,
    order=st.randoms(),
)
def test_one_source_moves_no_quote_beyond_others_and_the_band(
    asset: Asset,
    price: Decimal,
    deviations: list[Decimal],
    liar: int,
    lie: list[tuple[Decimal, Decimal, Decimal]],
    before: Decimal,
    order: Random,
) -> None:
    sources = sources_of(asset)
    lying = sources[liar % len(sources)]
    tickers, others = [], []
    for market, deviation, (bid, ask, last) in zip(asset.markets, deviations, lie, strict=False):
        ticker = said(market, deviation, price)
        if market.source == lying:
            tickers.append(replace(ticker, bid=bid, ask=ask, last=last))
        else:
            tickers.append(ticker)
            others.append((market, ticker))
    old = Snapshot(
        quotes={asset.symbol: quote(asset.symbol, str(before))}, memories={asset.symbol: Memory(before, NOW_MS - 5_000)}
    )
    order.shuffle(tickers)
    if len(sources) == 3 and not any(t.source == lying and not judged(t, NOW_MS, DAY_MS).refused for t in tickers):
        assume(False)  # two votes remain: continuity decides, and the past here is arbitrary
    told = priced(tickers, old).quotes[asset.symbol]
    in_cad = [(t, IN_CAD[m.quote] * m.per_unit_at(NOW_MS)) for m, t in others]
    lowest, highest = min(t.bid * rate for t, rate in in_cad), max(t.ask * rate for t, rate in in_cad)
    band = 1 + Fraction(asset.band)
    for number in (told.bid, told.ask, told.spot):
        assert Fraction(lowest) / band <= Fraction(number) <= Fraction(highest) * band


@given(
    asset=st.sampled_from([asset for asset in WITH_THREE if "kraken" in sources_of(asset)]),
    factor=near_one,
    dollar=near_one,
    tether=near_one,
)
@example(asset=catalogue()["BTC_CAD"], factor=Decimal("1.025"), dollar=Decimal("1.009"), tether=Decimal("1.009"))
@example(asset=catalogue()["BTC_CAD"], factor=Decimal("0.975"), dollar=Decimal("0.991"), tether=Decimal("0.991"))
def test_a_source_gains_nothing_by_two_lies_at_once(
    asset: Asset, factor: Decimal, dollar: Decimal, tether: Decimal
) -> None:
    """A lie about the rate moves the others' prices in CAD, so two lies together could reach farther than one."""
    said_rates = {
        fx.KRAKEN_USD: dollar * IN_CAD["USD"],
        fx.KRAKEN_USDT_CAD: tether * IN_CAD["USDT"],
        fx.COINGECKO_USD: IN_CAD["USD"],
        fx.COINBASE_USDT: SHORT.divide(IN_CAD["USDT"], IN_CAD["USD"]),
        fx.BANK_USD: IN_CAD["USD"],
        fx.ER_API_USD: IN_CAD["USD"],
    }
    made = fx.currencies(Snapshot(), {n: rate(n, str(mid), ts_ms=NOW_MS) for n, mid in said_rates.items()}, NOW_MS)
    tickers = [said(m, factor if m.source == "kraken" else Decimal(1), Decimal(100)) for m in asset.markets]
    quote = price_all(Snapshot(), tickers, made.fx_rates, NOW_MS, FRESH_MS, made.tilts).quotes[asset.symbol]
    farthest = 100 * (1 + Fraction(asset.band)) * (1 + Fraction(1, 10**9))  # and the rounding of quotients
    assert 100 * 100 / farthest <= Fraction(quote.spot) <= farthest


@given(asset=assets, deviations=st.lists(honest, min_size=10, max_size=10), order=st.randoms())
def test_the_order_in_which_sources_answer_changes_nothing(
    asset: Asset, deviations: list[Decimal], order: Random
) -> None:
    tickers = [
        said(market, deviation, Decimal(100)) for market, deviation in zip(asset.markets, deviations, strict=False)
    ]
    shuffled = list(tickers)
    order.shuffle(shuffled)
    assert priced(shuffled).quotes == priced(tickers).quotes


@given(asset=assets, deviation=honest, wrong=prices)
def test_with_three_votes_the_price_before_does_not_matter(asset: Asset, deviation: Decimal, wrong: Decimal) -> None:
    tickers = [said(market, deviation, Decimal(100)) for market in asset.markets]
    old = Snapshot(
        quotes={asset.symbol: quote(asset.symbol, str(wrong))}, memories={asset.symbol: Memory(wrong, NOW_MS - 5_000)}
    )
    assert priced(tickers, old).quotes == priced(tickers).quotes
