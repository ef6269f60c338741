"""From tickers to the feed's state: the exchange rate, the conversion to CAD, the next snapshot, what changed in it.

All functions are pure and all arithmetic is exact but for `change_pct`, a quotient, which has six decimal places.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from shared.assets import Asset, catalogue
from shared.values import Quote, Rate, Snapshot, SourceState, Ticker
from shared.wire import EXACT

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CLOCK_SKEW_MS = 300_000  # a rate from later than that is no rate: its time is wrong, so it would never grow old
PERCENT_STEP = Decimal("0.000001")
DROP_AFTER_MS = DAY_MS  # a price that nobody confirmed for a day is no longer a price, not even a stale one

# USD/CAD: the live market first, then the central bank's business day rate, then a daily one. Each with the age
# past which it is no rate any more: the daily ones stand over a long weekend.
USD_CAD_MARKETS = {"USDCAD", "FXUSDCAD"}
RATE_MAX_AGE_MS = {"kraken": 120_000, "bank_of_canada": 5 * DAY_MS, "er_api": 3 * DAY_MS}


def usd_cad_rates(tickers: Iterable[Ticker]) -> dict[str, Rate]:
    """The USD/CAD rates among the tickers, by source."""
    return {
        ticker.source: Rate(f"{ticker.source}:{ticker.market}", ticker.bid, ticker.ask, ticker.ts_ms, ticker.simulated)
        for ticker in tickers
        if ticker.market in USD_CAD_MARKETS
    }


def choose_rate(rates: Mapping[str, Rate], now_ms: int) -> Rate | None:
    """The first USD/CAD rate, in the order above, that is not too old; `None` when there is none."""
    for source, max_age_ms in RATE_MAX_AGE_MS.items():
        rate = rates.get(source)
        if rate is not None and -CLOCK_SKEW_MS <= now_ms - rate.ts_ms <= max_age_ms:
            return rate
    return None


def tether_rate(usd_cad: Rate) -> Rate:
    """USDT/CAD taken at parity with the US dollar, and named so: no market of its own is among the sources yet."""
    return replace(usd_cad, source=f"parity:USDTUSD x {usd_cad.source}")


def convert(
    asset: Asset, ticker: Ticker, rate: Rate, rate_24h_ago: Decimal, *, per_unit: Decimal = Decimal(1), now_ms: int
) -> Quote:
    """A market's ticker as a quote in CAD.

    Bid and ask cross the spread of both markets, `spot` is the last trade at the mid rate. The 24 h change
    compares two values in CAD, so the exchange rate's own move counts: `spot - open_24h x rate_24h_ago`.
    """
    with localcontext(EXACT):
        spot = ticker.last * per_unit * rate.mid
        opened = (ticker.last if ticker.open_24h is None else ticker.open_24h) * per_unit * rate_24h_ago
        change = spot - opened
        return Quote(
            symbol=asset.symbol,
            bid=ticker.bid * per_unit * rate.bid,
            ask=ticker.ask * per_unit * rate.ask,
            spot=spot,
            change=change,
            change_pct=(change * 100 / opened).quantize(PERCENT_STEP) if opened else Decimal(0),
            source=f"{ticker.source}:{ticker.market} x {rate.source}",
            ts_ms=ticker.ts_ms,
            seen_ms=now_ms,
            simulated=ticker.simulated or rate.simulated,
        )


def quote_all(
    tickers: Iterable[Ticker], rate: Rate | None, rate_24h_ago: Decimal | None, now_ms: int
) -> dict[str, Quote]:
    """A quote per asset that has a live market, by symbol. Without a rate there is none: a guess is a wrong price."""
    if rate is None:
        return {}
    by_market = {(ticker.source, ticker.market): ticker for ticker in tickers}
    tether = tether_rate(rate)
    quotes = {}
    for symbol, asset in catalogue().items():
        live = (
            (by_market[source, market.name], market.per_unit)
            for source, markets in asset.markets.items()
            for market in markets
            if (source, market.name) in by_market
        )
        if first := next(live, None):
            ticker, per_unit = first
            quotes[symbol] = convert(asset, ticker, tether, rate_24h_ago or rate.mid, per_unit=per_unit, now_ms=now_ms)
    return quotes


def advance(
    old: Snapshot,
    fresh: Mapping[str, Quote],
    rates: Mapping[str, Rate],
    sources: Mapping[str, SourceState],
    *,
    now_ms: int,
    stale_after_ms: int,
) -> Snapshot:
    """The snapshot after `old`. A quote whose state did not change keeps its `seq`; one that was not confirmed is
    kept, marked stale once that is `stale_after_ms` ago, and dropped after a day."""
    seq = old.seq + 1
    quotes: dict[str, Quote] = {}
    unavailable: dict[str, int] = {}
    for symbol in catalogue():
        before = old.quotes.get(symbol)
        quote = fresh.get(symbol) or _unconfirmed(before, now_ms, stale_after_ms)
        if quote is None:
            unavailable[symbol] = old.unavailable.get(symbol, seq)
        else:
            quotes[symbol] = replace(quote, seq=before.seq if before and _same_state(before, quote) else seq)
    return Snapshot(
        seq=seq,
        ts_ms=now_ms,
        quotes=quotes,
        unavailable=unavailable,
        rates=rates,
        usd_cad_history=_hourly(old.usd_cad_history, choose_rate(rates, now_ms), now_ms),
        sources=sources,
    )


def rate_24h_ago(history: Iterable[tuple[int, Decimal]], now_ms: int) -> Decimal | None:
    """The USD/CAD mid of 24 h ago from the feed's own hourly record, `None` until that reaches back so far."""
    wanted_ms = now_ms - DAY_MS
    past = [mid for ts_ms, mid in history if wanted_ms - HOUR_MS <= ts_ms <= wanted_ms + HOUR_MS // 2]
    return past[-1] if past else None


@dataclass(frozen=True, slots=True)
class Delta:
    """What a client has to hear after a tick: the quotes that changed, and symbols that lost their price."""

    old: Snapshot
    new: Snapshot

    @property
    def quotes(self) -> dict[str, Quote]:
        return {symbol: quote for symbol, quote in self.new.quotes.items() if quote.seq > self.old.seq}

    @property
    def unavailable(self) -> list[str]:
        return [symbol for symbol, seq in self.new.unavailable.items() if seq > self.old.seq]

    def __bool__(self) -> bool:
        return bool(self.quotes or self.unavailable)


def view_seq(snapshot: Snapshot, symbols: Iterable[str]) -> int:
    """The last tick in which any of these symbols changed: what a client that sees only them has last heard of."""
    return max((_changed_in(snapshot, symbol) for symbol in symbols), default=0)


def _changed_in(snapshot: Snapshot, symbol: str) -> int:
    quote = snapshot.quotes.get(symbol)
    return quote.seq if quote else snapshot.unavailable.get(symbol, 0)


def _same_state(a: Quote, b: Quote) -> bool:
    """Whether a client would see no difference; that a source confirmed a price once more is none."""
    return replace(a, seq=0, ts_ms=0, seen_ms=0) == replace(b, seq=0, ts_ms=0, seen_ms=0)


def _unconfirmed(quote: Quote | None, now_ms: int, stale_after_ms: int) -> Quote | None:
    if quote is None or now_ms - quote.seen_ms > DROP_AFTER_MS:
        return None
    return replace(quote, stale=now_ms - quote.seen_ms > stale_after_ms)


def _hourly(
    history: tuple[tuple[int, Decimal], ...], rate: Rate | None, now_ms: int
) -> tuple[tuple[int, Decimal], ...]:
    if rate is None or (history and now_ms // HOUR_MS == history[-1][0] // HOUR_MS):
        return history
    kept = tuple((ts_ms, mid) for ts_ms, mid in history if now_ms - ts_ms <= DAY_MS + HOUR_MS)
    return (*kept, (now_ms, rate.mid))
