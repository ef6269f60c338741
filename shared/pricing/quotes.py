"""The price of every asset in a tick: the votes, the decision, and a quote from the market that was taken.

All arithmetic is exact except quotients: `change_pct`, the price 24 h ago if another market states it, and numbers that
are only compared. `docs/prices.md` has the formulas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from types import MappingProxyType

from shared.model.assets import Asset, catalogue
from shared.model.explanation import Explanation
from shared.model.values import Memory, Quote, Rate, Snapshot, Suspicion, Ticker
from shared.model.wire import EXACT
from shared.pricing.change import change_since, opened
from shared.pricing.consensus import Decision, Served, Tilts, decide, near, votes_of
from shared.pricing.explain import explanation
from shared.pricing.markets import MarketNow, currencies_at, markets_now
from shared.pricing.suspects import AssetOffers, suspects


@dataclass(frozen=True, slots=True)
class Priced:
    """The quotes of a tick, the symbols whose price is held, and the explanations.

    `memories` (by symbol) and `suspects` are for the next tick.
    """

    quotes: Mapping[str, Quote]
    held: tuple[str, ...]
    memories: Mapping[str, Memory]
    suspects: Mapping[str, Suspicion]
    explanations: Mapping[str, Explanation]


def price_all(
    old: Snapshot,
    tickers: Iterable[Ticker],
    fx_rates: Mapping[str, Rate],
    now_ms: int,
    fresh_ms: int,
    tilts: Tilts = MappingProxyType({}),
) -> Priced:
    """A quote for each asset that has a price. `fx_rates` are the rates of USD and USDT; a market without its rate has
    no price. `fresh_ms` is the age up to which a vote is fresh. `tilts` come with the rates.

    Raises:
        AssertionError: the decision took a market without an offer, which is a bug.
    """
    by_market = {(ticker.source, ticker.market): ticker for ticker in tickers}
    with localcontext(EXACT):
        currencies = currencies_at(old, fx_rates, now_ms)
        found = {s: markets_now(asset, by_market, currencies, now_ms) for s, asset in catalogue().items()}
        offers = {symbol: [now.offer for now in offering if now.offer] for symbol, (offering, _) in found.items()}
        offered = [AssetOffers(offers[symbol], asset.band) for symbol, asset in catalogue().items()]
        suspected = suspects(old.suspects, offered, fresh_ms, now_ms)
        quotes: dict[str, Quote] = {}
        held: list[str] = []
        memories: dict[str, Memory] = {}
        explanations: dict[str, Explanation] = {}
        for symbol, asset in catalogue().items():
            offering, without_offer = found[symbol]
            before = old.quotes.get(symbol)
            decision = decide(
                offers[symbol],
                votes_of(offers[symbol], fresh_ms, suspected),
                asset.band,
                Served(before.spot, before.seen_ms) if before else None,
                old.memories.get(symbol, Memory()),
                now_ms,
                silence_ms=fresh_ms,
                excluded=suspected,
                tilts=tilts,
            )
            memories[symbol] = decision.memory
            if decision.is_held:
                held.append(symbol)
            explained = explanation(asset, offering, without_offer, decision, list(suspected), now_ms)
            if decision.taken is not None:
                before_24h = opened(asset, offering[decision.taken], offering, currencies)
                quotes[symbol] = _quote(asset, decision, offering, before_24h.price, now_ms)
                explained = replace(explained, change_at_current_rate=before_24h.at_current_rate)
            explanations[symbol] = explained
    return Priced(quotes, tuple(held), memories, suspected, explanations)


def _quote(
    asset: Asset, decision: Decision, offering: list[MarketNow], price_24h_ago: Decimal | None, now_ms: int
) -> Quote:
    """The quote from the market that was taken. Bid and ask cross the spreads of the market and of the currency; `spot`
    is the last trade at the mid rate."""
    taken = offering[decision.taken or 0]
    ticker, offer, currency = taken.ticker, taken.offer, taken.currency
    if ticker is None or offer is None or currency is None:
        raise AssertionError("a market without an offer was taken")
    change, change_pct = change_since(offer.spot, price_24h_ago)
    rate = currency.rate
    return Quote(
        symbol=asset.symbol,
        bid=offer.bid,
        ask=offer.ask,
        spot=offer.spot,
        change=change,
        change_pct=change_pct,
        source=f"{ticker.source}:{ticker.market}" + (f" x {rate.source}" if rate.source else ""),
        ts_ms=ticker.ts_ms,
        seen_ms=_confirmed_ms(asset, taken, decision, offering, now_ms),
        simulated=ticker.simulated or rate.simulated,
        sources=decision.sources,
    )


def _confirmed_ms(asset: Asset, taken: MarketNow, decision: Decision, offering: list[MarketNow], now_ms: int) -> int:
    """When a source last confirmed the price. An older answer that still serves counts as confirmed now only if no
    other source has the asset."""
    if all(market.source == taken.market.source for market in asset.markets):
        return now_ms
    agreeing = [
        now.ticker.answered_ms
        for index, now in enumerate(offering)
        if now.ticker and now.offer and taken.offer
        if now is taken or (index in decision.votes and near(now.offer.mid, taken.offer.spot, asset.band))
    ]
    return min(max(agreeing), now_ms)
