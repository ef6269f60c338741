"""The price of every asset in a tick: votes, the consensus, and a quote from the market that was taken.

All arithmetic is exact but for quotients: `change_pct`, the price of 24 h ago where another market states it, and what
is only compared. `docs/prices.md` has the formulas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import localcontext
from types import MappingProxyType

from shared.model.assets import Asset, catalogue
from shared.model.explanation import Explanation
from shared.model.values import Memory, Quote, Rate, Snapshot, Suspicion, Ticker
from shared.model.wire import EXACT
from shared.pricing.change import change_since, opened
from shared.pricing.consensus import Decision, Served, Tilts, decide, near, votes_of
from shared.pricing.explain import explanation
from shared.pricing.markets import Currency, MarketNow, currencies_at, markets_now
from shared.pricing.suspects import Ballot, suspects


@dataclass(frozen=True, slots=True)
class Priced:
    """The quotes that can be believed, the symbols of which a price was held back, and why each is as it is.

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
    rates: Mapping[str, Rate],
    now_ms: int,
    fresh_ms: int,
    tilts: Tilts = MappingProxyType({}),
) -> Priced:
    """A quote per asset that has a price. `rates` are those of USD and USDT; without one its markets have no price.
    `fresh_ms` is how old a vote may be before others are preferred. `tilts` come with the rates."""
    by_market = {(ticker.source, ticker.market): ticker for ticker in tickers}
    with localcontext(EXACT):
        currencies = currencies_at(old, rates, now_ms)
        found = {s: markets_now(asset, by_market, currencies, now_ms) for s, asset in catalogue().items()}
        offers = {symbol: [now.offer for now in offering if now.offer] for symbol, (offering, _) in found.items()}
        ballots = [Ballot(offers[symbol], asset.band) for symbol, asset in catalogue().items()]
        suspected = suspects(old.suspects, ballots, fresh_ms, now_ms)
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
                barred=suspected,
                tilts=tilts,
            )
            memories[symbol] = decision.memory
            if decision.is_held:
                held.append(symbol)
            if decision.taken is not None:
                quotes[symbol] = _quote(asset, decision, offering, currencies, now_ms)
            explanations[symbol] = explanation(asset, offering, without_offer, decision, list(suspected), now_ms)
    return Priced(quotes, tuple(held), memories, suspected, explanations)


def _quote(
    asset: Asset, decision: Decision, offering: list[MarketNow], currencies: Mapping[str, Currency], now_ms: int
) -> Quote:
    """The market that was taken as a quote. Bid and ask cross the spread of both markets, `spot` is the last trade at
    the mid rate."""
    taken = offering[decision.taken or 0]
    ticker, offer, currency = taken.ticker, taken.offer, taken.currency
    if ticker is None or offer is None or currency is None:
        raise AssertionError("a market without an offer was taken")
    change, change_pct = change_since(offer.spot, opened(asset, taken, offering, currencies))
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
    """When a source last said so. An answer that is held until its source is asked again counts as said now only for
    an asset that nobody else has."""
    if all(market.source == taken.market.source for market in asset.markets):
        return now_ms
    agreeing = [
        now.ticker.answered_ms
        for index, now in enumerate(offering)
        if now.ticker and now.offer and taken.offer
        if now is taken or (index in decision.votes and near(now.offer.mid, taken.offer.spot, asset.band))
    ]
    return min(max(agreeing), now_ms)
