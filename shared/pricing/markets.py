"""An asset's markets in CAD: which have an offer now, and why the others do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.model.assets import Asset, Market
from shared.model.values import Rate, Snapshot, Ticker
from shared.pricing.consensus import Offer
from shared.pricing.fx import a_day_ago
from shared.pricing.rules import spread

LIQUID_SPREAD = Decimal("0.01")  # a direct market in CAD with a wider spread comes after the crosses
NO_ANSWER, NO_RATE = "no_answer", "no_rate"

Tickers = Mapping[tuple[str, str], Ticker]


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency that markets are quoted in: its rate now, and its mid rate 24 h ago (`None`: unknown)."""

    rate: Rate
    mid_24h_ago: Decimal | None


@dataclass(frozen=True, slots=True)
class MarketNow:
    """A market of an asset in this tick, with its ticker, currency and offer, if it has them.

    `per_unit` is how many of the market's coins one unit of the asset is. Without an offer, `refused` says why.
    """

    market: Market
    per_unit: Decimal
    ticker: Ticker | None = None
    currency: Currency | None = None
    offer: Offer | None = None
    refused: str = ""


def currencies_at(old: Snapshot, fx_rates: Mapping[str, Rate], now_ms: int) -> dict[str, Currency]:
    """CAD, and each currency that has a rate."""
    histories = {"USD": old.usd_cad_history, "USDT": old.usdt_cad_history}
    parity = Currency(Rate("", Decimal(1), Decimal(1), now_ms), Decimal(1))
    return {"CAD": parity} | {
        name: Currency(rate, a_day_ago(histories[name], now_ms)) for name, rate in fx_rates.items()
    }


def markets_now(
    asset: Asset, tickers: Tickers, currencies: Mapping[str, Currency], now_ms: int
) -> tuple[list[MarketNow], list[MarketNow]]:
    """The asset's markets with an offer, in order of preference, and those without one.

    The order is the catalogue's, but a direct market in CAD with a wide spread comes after the crosses.
    """
    every = [_market_now(market, tickers, currencies, now_ms) for market in asset.markets]
    offering = [each for each in every if each.offer]
    offering.sort(key=_is_wide_and_direct)
    return offering, [each for each in every if not each.offer]


def _market_now(market: Market, tickers: Tickers, currencies: Mapping[str, Currency], now_ms: int) -> MarketNow:
    ticker = tickers.get((market.source, market.name))
    per_unit = market.per_unit_at(now_ms)
    if ticker is None:
        return MarketNow(market, per_unit, refused=NO_ANSWER)
    currency = currencies.get(market.quote)
    if ticker.refused or currency is None:
        return MarketNow(market, per_unit, ticker, currency, refused=ticker.refused or NO_RATE)
    rate = currency.rate
    spot = ticker.last * per_unit * rate.mid
    mid = (ticker.bid + ticker.ask) / 2 * per_unit * rate.mid if ticker.has_book else spot
    since_ms = ticker.answered_ms if ticker.has_book else ticker.ts_ms
    offer = Offer(
        source=market.source,
        bid=ticker.bid * per_unit * rate.bid,
        ask=ticker.ask * per_unit * rate.ask,
        spot=spot,
        mid=mid,
        age_ms=max(0, now_ms - since_ms),
    )
    return MarketNow(market, per_unit, ticker, currency, offer)


def _is_wide_and_direct(now: MarketNow) -> bool:
    ticker = now.ticker
    return now.market.quote == "CAD" and ticker is not None and spread(ticker.bid, ticker.ask) > LIQUID_SPREAD
