"""The price of each asset: its markets in the catalogue's order, in CAD, and the first that can be believed.

All arithmetic is exact but for `change_pct`, a quotient with six decimal places. `docs/prices.md` has the formulas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from shared.assets import Asset, Market, catalogue
from shared.pricing.fx import HOUR_MS, a_day_ago, agree, jumped, usd_cad, usdt_cad
from shared.values import Quote, Rate, Snapshot, Ticker
from shared.wire import EXACT

PERCENT_STEP = Decimal("0.000001")
LIQUID_SPREAD = Decimal("0.01")  # a direct market with a wider one stands behind the crosses
FORGET_AFTER_MS = HOUR_MS  # a price that nobody has confirmed for so long holds no other one back


@dataclass(frozen=True, slots=True)
class Priced:
    """The quotes that can be believed, and the symbols of which a price was held back."""

    quotes: Mapping[str, Quote]
    held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency that markets are quoted in: what it costs in CAD now, and cost 24 h ago where that is known."""

    rate: Rate
    mid_24h_ago: Decimal | None


def price_all(old: Snapshot, tickers: Iterable[Ticker], rates: Mapping[str, Rate], now_ms: int) -> Priced:
    """A quote per asset that has a live market. Without a rate for a market's currency that market has no price."""
    by_market = {(ticker.source, ticker.market): ticker for ticker in tickers}
    currencies = _currencies(old, rates, now_ms)
    quotes: dict[str, Quote] = {}
    held: list[str] = []
    for symbol, asset in catalogue().items():
        candidates = _candidates(asset, by_market, currencies, now_ms)
        chosen = choose(candidates, _recent(old.quotes.get(symbol), now_ms))
        if chosen:
            quotes[symbol] = chosen
        if candidates and chosen is not candidates[0]:
            held.append(symbol)
    return Priced(quotes, tuple(held))


def choose(candidates: list[Quote], before: Quote | None) -> Quote | None:
    """The first candidate that is no jump of over 50 % from the price before, or that another source confirms.

    With nothing before, a price must not stand alone against another source's. An unconfirmed one is held back.
    """
    for quote in candidates:
        others = [other for other in candidates if _source(other) != _source(quote)]
        confirmed = any(agree(quote.spot, other.spot) for other in others)
        if confirmed or (not jumped(quote.spot, before.spot) if before else not others):
            return quote
    return None


def convert(asset: Asset, market: Market, ticker: Ticker, currency: Currency, now_ms: int) -> Quote:
    """A market's ticker as a quote in CAD.

    Bid and ask cross the spread of both markets, `spot` is the last trade at the mid rate. The 24 h change
    compares two values in CAD, so the exchange rate's own move counts: `spot - open_24h x rate 24 h ago`.
    """
    rate = currency.rate
    with localcontext(EXACT):
        spot = ticker.last * market.per_unit * rate.mid
        rate_24h_ago = currency.mid_24h_ago or rate.mid
        opened = None if ticker.open_24h is None else ticker.open_24h * market.per_unit * rate_24h_ago
    quote = Quote(
        symbol=asset.symbol,
        bid=_product(ticker.bid, market.per_unit, rate.bid),
        ask=_product(ticker.ask, market.per_unit, rate.ask),
        spot=spot,
        change=Decimal(0),
        change_pct=Decimal(0),
        source=f"{ticker.source}:{ticker.market}" + (f" x {rate.source}" if rate.source else ""),
        ts_ms=ticker.ts_ms,
        seen_ms=now_ms,
        simulated=ticker.simulated or rate.simulated,
    )
    return quote if opened is None else since(quote, opened)


def since(quote: Quote, opened: Decimal) -> Quote:
    """The quote with its change since it was at `opened` CAD."""
    with localcontext(EXACT):
        change = quote.spot - opened
        percent = (change * 100 / opened).quantize(PERCENT_STEP) if opened else Decimal(0)
    return replace(quote, change=change, change_pct=percent)


def _currencies(old: Snapshot, rates: Mapping[str, Rate], now_ms: int) -> dict[str, Currency]:
    dollar, tether = usd_cad(rates, now_ms), usdt_cad(rates, now_ms)
    currencies = {"CAD": Currency(Rate("", Decimal(1), Decimal(1), now_ms), Decimal(1))}
    if dollar:
        currencies["USD"] = Currency(dollar, a_day_ago(old.usd_cad_history, now_ms))
    if tether:
        currencies["USDT"] = Currency(tether, a_day_ago(old.usdt_cad_history, now_ms))
    return currencies


def _candidates(
    asset: Asset, by_market: Mapping[tuple[str, str], Ticker], currencies: Mapping[str, Currency], now_ms: int
) -> list[Quote]:
    """The asset's live markets as quotes in the catalogue's order, wide direct ones last. One whose source does not
    tell the price of 24 h ago takes it from the next market that does."""
    live = [
        (market, ticker)
        for market in asset.markets
        if market.quote in currencies and (ticker := by_market.get((market.source, market.name)))
    ]
    live.sort(key=lambda pair: pair[0].quote == "CAD" and _wide(pair[1]))
    quotes = [convert(asset, market, ticker, currencies[market.quote], now_ms) for market, ticker in live]
    with localcontext(EXACT):
        opens = [(q.spot, q.spot - q.change) for q, (_, t) in zip(quotes, live, strict=True) if t.open_24h is not None]
    currency = currencies.get(asset.code)
    if currency and currency.mid_24h_ago:  # USDT: its change is that of the rate itself
        opens.append((currency.rate.mid, currency.mid_24h_ago))
    return [
        quote if ticker.open_24h is not None else _since_another(quote, opens)
        for quote, (_, ticker) in zip(quotes, live, strict=True)
    ]


def _since_another(quote: Quote, opens: Iterable[tuple[Decimal, Decimal]]) -> Quote:
    """The quote with its change since another market opened, of those (spot, opened) the first whose price is near."""
    opened = next((opened for spot, opened in opens if not jumped(quote.spot, spot)), None)
    return quote if opened is None else since(quote, opened)


def _wide(ticker: Ticker) -> bool:
    with localcontext(EXACT):
        return ticker.ask - ticker.bid > LIQUID_SPREAD * ticker.ask


def _recent(quote: Quote | None, now_ms: int) -> Quote | None:
    return quote if quote and now_ms - quote.seen_ms <= FORGET_AFTER_MS else None


def _product(*factors: Decimal) -> Decimal:
    with localcontext(EXACT):
        product = Decimal(1)
        for factor in factors:
            product *= factor
        return product


def _source(quote: Quote) -> str:
    return quote.source.partition(":")[0]
