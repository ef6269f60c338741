"""What a US dollar and a Tether cost in CAD, by agreement of those who say so.

USDT is not USD: it has a rate of its own, and parity with the dollar stands in only where nobody states it, under its
name. The rules are those of assets (`consensus.py`) with narrower bands: a wrong rate moves every price at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from shared.model.values import Memory, Rate, Snapshot, Ticker
from shared.model.wire import EXACT
from shared.pricing.consensus import (
    SHORT,
    Decision,
    Leeway,
    Offer,
    Served,
    Tilts,
    decide,
    median,
    near,
    ratio,
    votes_of,
)
from shared.pricing.rules import spread

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CLOCK_SKEW_MS = 300_000  # a rate from later than that is no rate: its time is wrong, so it would never grow old

LIVE_MS = 120_000
SLOW_MS = 240_000  # CoinGecko's own time is up to a minute old, and it is asked once a minute
KRAKEN_USD, IMPLIED_USD, COINGECKO_USD = "kraken:USDCAD", "kraken:implied_USDCAD", "coingecko:USDCAD"
BANK_USD, ER_API_USD = "bank_of_canada:FXUSDCAD", "er_api:USDCAD"
KRAKEN_USDT_CAD, KRAKEN_USDT, COINBASE_USDT = "kraken:USDTCAD", "kraken:USDTUSD", "coinbase:USDT-USD"
COINGECKO_USDT = "coingecko:tether/usd"
# How old a statement may be. The daily ones stand over the longest chain of holidays.
MAX_AGE_MS = {
    KRAKEN_USD: LIVE_MS,
    IMPLIED_USD: LIVE_MS,
    COINGECKO_USD: SLOW_MS,
    BANK_USD: 6 * DAY_MS,
    ER_API_USD: 3 * DAY_MS,
    KRAKEN_USDT_CAD: LIVE_MS,
    KRAKEN_USDT: LIVE_MS,
    COINBASE_USDT: LIVE_MS,
    COINGECKO_USDT: SLOW_MS,
}
LIVE_USD = (KRAKEN_USD, IMPLIED_USD, COINGECKO_USD)  # in order of preference
DAILY_USD = (BANK_USD, ER_API_USD)
PARITY = "parity:USDTUSD"

LIVE_BAND = Decimal("0.01")
DAILY_BAND = Decimal("0.025")  # what a dollar may move from one business day to the next
STABLE_BAND = Decimal("0.005")
WIDEST_RATE = Decimal("0.01")  # a currency market with a wider book is no rate
FIAT_LEEWAY = Leeway(LIVE_BAND, Decimal("0.0001"), Decimal("0.05"))
STABLE_LEEWAY = Leeway(STABLE_BAND, Decimal("0.0005"), Decimal("0.5"))

# Kraken's markets that are quoted in both dollars: together they say what one is worth in the other.
IN_BOTH_DOLLARS = (("XBTCAD", "XBTUSD"), ("ETHCAD", "ETHUSD"), ("SOLCAD", "SOLUSD"), ("XRPCAD", "XRPUSD"))
FEWEST_PAIRS = 2

History = tuple[tuple[int, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Currencies:
    """The rates of a tick by currency (`USD`, `USDT`), what is remembered for the next one, and how far off the rates
    are from what they would be without each source that they are of."""

    rates: Mapping[str, Rate]
    memories: Mapping[str, Memory]
    tilts: Tilts


def stated_rates(old: Mapping[str, Rate], tickers: Iterable[Ticker], now_ms: int) -> dict[str, Rate]:
    """What each source last said of a currency, by source and market: now, or a while ago where that still holds."""
    usable = {f"{t.source}:{t.market}": t for t in tickers if not t.refused}
    said = {name: _rate(name, usable[name]) for name in MAX_AGE_MS if name in usable and _is_tight(usable[name])}
    for derived in (_implied_by_kraken(usable), _by_coingecko(usable)):
        if derived:
            said[derived.source] = derived
    known = {**old, **said}
    return {name: known[name] for name in MAX_AGE_MS if name in known and _holds(known[name], name, now_ms)}


def currencies(old: Snapshot, stated: Mapping[str, Rate], now_ms: int) -> Currencies:
    """The rate of each currency that has one. A rate that is held back leaves the one before in its place."""
    with localcontext(EXACT):
        rates, memories = _rates(old, stated, now_ms)
        return Currencies(rates, memories, _tilts(old, stated, rates, now_ms))


def cross(first: Rate, second: Rate) -> Rate:
    """The rate through two markets: bid and ask cross the spread of both."""
    with localcontext(EXACT):
        return Rate(
            source=f"{first.source} x {second.source}",
            bid=first.bid * second.bid,
            ask=first.ask * second.ask,
            ts_ms=min(first.ts_ms, second.ts_ms) if first.ts_ms else second.ts_ms,
            simulated=first.simulated or second.simulated,
        )


def a_day_ago(history: History, now_ms: int) -> Decimal | None:
    """The mid rate of 24 h ago from the feed's own hourly record, `None` until that reaches back so far."""
    wanted_ms = now_ms - DAY_MS
    past = [mid for ts_ms, mid in history if wanted_ms - HOUR_MS <= ts_ms <= wanted_ms + HOUR_MS // 2]
    return past[-1] if past else None


def hourly(history: History, rate: Rate | None, now_ms: int) -> History:
    """The record with this hour's first rate, 25 hours long."""
    if rate is None or (history and now_ms // HOUR_MS == history[-1][0] // HOUR_MS):
        return history
    kept = tuple((ts_ms, mid) for ts_ms, mid in history if now_ms - ts_ms <= DAY_MS + HOUR_MS)
    return (*kept, (now_ms, rate.mid))


def _rates(old: Snapshot, stated: Mapping[str, Rate], now_ms: int) -> tuple[dict[str, Rate], dict[str, Memory]]:
    rates: dict[str, Rate] = {}
    memories: dict[str, Memory] = {}
    rate, memories["USD"] = _dollar(old, stated, now_ms)
    if rate:
        rates["USD"] = rate
        rates["USDT"], memories["USDT"] = _tether(old, stated, rate, now_ms)
    return rates, memories


def _tilts(old: Snapshot, stated: Mapping[str, Rate], rates: Mapping[str, Rate], now_ms: int) -> Tilts:
    """Of each live source that a rate is of, where another live one tells the dollar. The daily rates are too coarse to
    judge prices by."""
    live = {_source(name) for name in LIVE_USD if name in stated}
    of_rates = {_source(part) for rate in rates.values() for part in rate.source.split(" x ")}
    tilts: dict[str, list[Decimal]] = {}
    for source in sorted(of_rates) if len(live) > 1 else ():
        others, _ = _rates(old, {n: rate for n, rate in stated.items() if _source(n) != source}, now_ms)
        if "USD" in others and others["USD"].source in LIVE_USD:
            tilts[source] = [SHORT.divide(others[name].mid, rate.mid) for name, rate in rates.items()]
    return tilts


def _dollar(old: Snapshot, stated: Mapping[str, Rate], now_ms: int) -> tuple[Rate | None, Memory]:
    """Two live sources that agree need nobody else. Otherwise the daily ones vote, too, and of two live ones that
    disagree the one that is farther from all others is left out."""
    memory = old.memories.get("USD", Memory())
    served = _served(old, "USD")
    odd_one = _odd_one(stated, served)
    rates = [stated[name] for name in (*LIVE_USD, *DAILY_USD) if name in stated and name != odd_one]
    offers = [_offer(rate, now_ms - rate.ts_ms) for rate in rates]
    votes = every = votes_of(offers, max(MAX_AGE_MS.values()), ())
    live = {source: index for source, index in votes.items() if rates[index].source in LIVE_USD}
    band, barred = DAILY_BAND, ""
    if len(live) == 2:
        one, other = (offers[index].mid for index in live.values())
        if near(one, other, LIVE_BAND):
            votes, band = live, LIVE_BAND
        elif len(votes) > 2:
            reference = median(offers[index].mid for index in votes.values())
            barred = max(live, key=lambda source: ratio(offers[live[source]].mid, reference))
            votes = {source: index for source, index in votes.items() if source != barred}
        else:
            band = LIVE_BAND
    decision = decide(offers, votes, band, served, memory, now_ms, FIAT_LEEWAY, LIVE_MS, {barred})
    if decision.taken is None and barred:  # a daily rate that is wrong must not stand between two that almost agree
        decision = decide(offers, every, DAILY_BAND, served, memory, now_ms, FIAT_LEEWAY, LIVE_MS)
    if decision.reason == "persisted" and served is None:  # two that contradict each other, and no past to judge by
        return None, memory
    return _chosen(decision, rates, old.currencies.get("USD")), decision.memory


def _odd_one(stated: Mapping[str, Rate], served: Served | None) -> str:
    """Of Kraken's own market and what its other markets imply, the one that is farther from what others say, where the
    two contradict each other; else nothing."""
    ours = [stated[name].mid for name in (KRAKEN_USD, IMPLIED_USD) if name in stated]
    if len(ours) < 2 or near(ours[0], ours[1], LIVE_BAND):
        return ""
    others = [stated[name].mid for name in (COINGECKO_USD, *DAILY_USD) if name in stated]
    if not others and served is None:
        return ""
    reference = median(others) if others else served.price if served else ours[0]
    return KRAKEN_USD if ratio(ours[0], reference) > ratio(ours[1], reference) else IMPLIED_USD


def _tether(old: Snapshot, stated: Mapping[str, Rate], dollar: Rate, now_ms: int) -> tuple[Rate, Memory]:
    parity = cross(Rate(PARITY, Decimal(1), Decimal(1), 0), dollar)
    said = [stated[name] for name in (KRAKEN_USDT_CAD, KRAKEN_USDT, COINBASE_USDT, COINGECKO_USDT) if name in stated]
    rates = [rate if rate.source == KRAKEN_USDT_CAD else cross(rate, dollar) for rate in said]
    offers = [_offer(rate, now_ms - own.ts_ms) for rate, own in zip(rates, said, strict=True)]
    votes = votes_of(offers, max(MAX_AGE_MS.values()), ())
    served = _served(old, "USDT") or Served(parity.mid, now_ms)
    memory = old.memories.get("USDT", Memory())
    decision = decide(offers, votes, STABLE_BAND, served, memory, now_ms, STABLE_LEEWAY, LIVE_MS)
    return _chosen(decision, rates, old.currencies.get("USDT")) or parity, decision.memory


def _chosen(decision: Decision, rates: Sequence[Rate], before: Rate | None) -> Rate | None:
    if decision.taken is not None:
        return rates[decision.taken]
    return before if decision.is_held else None


def _served(old: Snapshot, currency: str) -> Served | None:
    rate = old.currencies.get(currency)
    return Served(rate.mid, old.ts_ms) if rate else None


def _offer(rate: Rate, age_ms: int) -> Offer:
    return Offer(_source(rate.source), rate.bid, rate.ask, rate.mid, rate.mid, max(0, age_ms))


def _source(rate_name: str) -> str:
    return rate_name.partition(":")[0]


def _rate(name: str, ticker: Ticker) -> Rate:
    ts_ms = ticker.answered_ms if ticker.has_book else ticker.ts_ms
    return Rate(name, ticker.bid, ticker.ask, ts_ms, ticker.simulated)


def _is_tight(ticker: Ticker) -> bool:
    return spread(ticker.bid, ticker.ask) <= WIDEST_RATE


def _implied_by_kraken(usable: Mapping[str, Ticker]) -> Rate | None:
    """The median of what the coins that Kraken trades in both dollars say one is worth in the other."""
    pairs = [
        (in_cad, in_usd)
        for cad, usd in IN_BOTH_DOLLARS
        if (in_cad := usable.get(f"kraken:{cad}")) and (in_usd := usable.get(f"kraken:{usd}"))
        if _is_tight(in_cad) and _is_tight(in_usd)
    ]
    if len(pairs) < FEWEST_PAIRS:
        return None
    ratios = [SHORT.divide(in_cad.bid + in_cad.ask, in_usd.bid + in_usd.ask) for in_cad, in_usd in pairs]
    return _derived(IMPLIED_USD, ratios, [ticker for pair in pairs for ticker in pair])


def _by_coingecko(usable: Mapping[str, Ticker]) -> Rate | None:
    """The median over CoinGecko's coins of their prices in the two dollars."""
    in_usd = {
        name: ticker for name, ticker in usable.items() if name.startswith("coingecko:") and name.endswith("/usd")
    }
    pairs = [(coin, ticker) for name, ticker in in_usd.items() if (coin := usable.get(name.removesuffix("/usd")))]
    if not pairs:
        return None
    ratios = [SHORT.divide(coin.last, ticker.last) for coin, ticker in pairs]
    return _derived(COINGECKO_USD, ratios, [ticker for pair in pairs for ticker in pair])


def _derived(name: str, ratios: Iterable[Decimal], tickers: Sequence[Ticker]) -> Rate:
    rate = SHORT.plus(median(ratios))
    newest_ms = max(ticker.answered_ms if ticker.has_book else ticker.ts_ms for ticker in tickers)
    return Rate(name, rate, rate, newest_ms, any(ticker.simulated for ticker in tickers))


def _holds(rate: Rate, name: str, now_ms: int) -> bool:
    return -CLOCK_SKEW_MS <= now_ms - rate.ts_ms <= MAX_AGE_MS[name]
