"""The rates: the price of a US dollar and of a Tether in CAD, by agreement of the sources.

USDT is not USD: it has its own rate. If no source states that, parity with the dollar replaces it, under the name
`parity`. The rules are the same as for assets (`consensus.py`), with narrower bands: a wrong rate moves every price.
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
CLOCK_SKEW_MS = 300_000  # a rate whose time is further in the future is refused: it would never become old

LIVE_MS = 120_000
SLOW_MS = 240_000  # CoinGecko's own time is up to a minute old, and without a key it is asked once a minute
KRAKEN_USD, IMPLIED_USD, COINGECKO_USD = "kraken:USDCAD", "kraken:implied_USDCAD", "coingecko:USDCAD"
BANK_USD, ER_API_USD = "bank_of_canada:FXUSDCAD", "er_api:USDCAD"
KRAKEN_USDT_CAD, KRAKEN_USDT, COINBASE_USDT = "kraken:USDTCAD", "kraken:USDTUSD", "coinbase:USDT-USD"
COINGECKO_USDT = "coingecko:tether/usd"
# How old a stated rate may be. The daily rates outlast the longest chain of holidays.
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
DAILY_BAND = Decimal("0.025")  # how far the dollar may move from one business day to the next
STABLE_BAND = Decimal("0.005")
WIDEST_RATE = Decimal("0.01")  # a currency market with a wider book gives no rate
FIAT_LEEWAY = Leeway(LIVE_BAND, Decimal("0.0001"), Decimal("0.05"))
STABLE_LEEWAY = Leeway(STABLE_BAND, Decimal("0.0005"), Decimal("0.5"))

# Coins that Kraken quotes in both dollars. Each pair implies the price of one dollar in the other.
IN_BOTH_DOLLARS = (("XBTCAD", "XBTUSD"), ("ETHCAD", "ETHUSD"), ("SOLCAD", "SOLUSD"), ("XRPCAD", "XRPUSD"))
FEWEST_PAIRS = 2

History = tuple[tuple[int, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Currencies:
    """The rates of a tick by currency (`USD`, `USDT`), the memories for the next tick, and by source the factors by
    which the rates would change without it."""

    fx_rates: Mapping[str, Rate]
    memories: Mapping[str, Memory]
    tilts: Tilts


def stated_rates(old: Mapping[str, Rate], tickers: Iterable[Ticker], now_ms: int) -> dict[str, Rate]:
    """The rates as each source last stated them, by source and market: from this tick, or older ones that still hold.

    An answer that serves until its source is asked again keeps the age that it had on arrival.
    """
    usable = {f"{t.source}:{t.market}": t for t in tickers if not t.refused}
    said = [(_rate(name, t), t.answered_ms) for name in MAX_AGE_MS if (t := usable.get(name)) and _is_tight(t)]
    said += [derived for derived in (_implied_by_kraken(usable), _by_coingecko(usable)) if derived]
    known = {name: (rate, now_ms) for name, rate in old.items()} | {rate.source: (rate, at) for rate, at in said}
    return {name: known[name][0] for name in MAX_AGE_MS if name in known and _holds(name, *known[name])}


def currencies(old: Snapshot, stated: Mapping[str, Rate], now_ms: int) -> Currencies:
    """The rate of each currency that has one. While a new rate is held, the previous one serves."""
    with localcontext(EXACT):
        rates, memories = _rates(old, stated, now_ms)
        return Currencies(rates, memories, _tilts(old, stated, rates, now_ms))


def cross(first: Rate, second: Rate) -> Rate:
    """The rate through two markets. Bid and ask cross the spreads of both."""
    with localcontext(EXACT):
        return Rate(
            source=f"{first.source} x {second.source}",
            bid=first.bid * second.bid,
            ask=first.ask * second.ask,
            ts_ms=min(first.ts_ms, second.ts_ms) if first.ts_ms else second.ts_ms,
            simulated=first.simulated or second.simulated,
        )


def a_day_ago(history: History, now_ms: int) -> Decimal | None:
    """The mid rate 24 h ago by the feed's own hourly history, `None` until the history is a day long."""
    wanted_ms = now_ms - DAY_MS
    past = [mid for ts_ms, mid in history if wanted_ms - HOUR_MS <= ts_ms <= wanted_ms + HOUR_MS // 2]
    return past[-1] if past else None


def hourly(history: History, rate: Rate | None, now_ms: int) -> History:
    """The history with this hour's first rate, limited to 25 hours."""
    if rate is None or (history and now_ms // HOUR_MS == history[-1][0] // HOUR_MS):
        return history
    kept = tuple((ts_ms, mid) for ts_ms, mid in history if now_ms - ts_ms <= DAY_MS + HOUR_MS)
    return (*kept, (now_ms, rate.mid))


def with_past(history: History, past: History, now_ms: int) -> History:
    """The history with the hours of the last 25 that it lacks, from another record of the same rate."""
    known = {ts_ms // HOUR_MS for ts_ms, _ in history}
    lacking = [(ts_ms, mid) for ts_ms, mid in past if ts_ms // HOUR_MS not in known and ts_ms <= now_ms]
    return tuple(sorted((*history, *(row for row in lacking if now_ms - row[0] <= DAY_MS + HOUR_MS))))


def _rates(old: Snapshot, stated: Mapping[str, Rate], now_ms: int) -> tuple[dict[str, Rate], dict[str, Memory]]:
    rates: dict[str, Rate] = {}
    memories: dict[str, Memory] = {}
    rate, memories["USD"] = _dollar(old, stated, now_ms)
    if rate:
        rates["USD"] = rate
        rates["USDT"], memories["USDT"] = _tether(old, stated, rate, now_ms)
    return rates, memories


def _tilts(old: Snapshot, stated: Mapping[str, Rate], rates: Mapping[str, Rate], now_ms: int) -> Tilts:
    """The factors for each live source that a rate comes from, if another live source states the dollar. The daily
    rates are too coarse to judge prices by."""
    live = {_source(name) for name in LIVE_USD if name in stated}
    of_rates = {_source(part) for rate in rates.values() for part in rate.source.split(" x ")}
    tilts: dict[str, list[Decimal]] = {}
    for source in sorted(of_rates) if len(live) > 1 else ():
        others, _ = _rates(old, {n: rate for n, rate in stated.items() if _source(n) != source}, now_ms)
        if "USD" in others and others["USD"].source in LIVE_USD:
            tilts[source] = [SHORT.divide(others[name].mid, rate.mid) for name, rate in rates.items()]
    return tilts


def _dollar(old: Snapshot, stated: Mapping[str, Rate], now_ms: int) -> tuple[Rate | None, Memory]:
    """The rate of the US dollar. Two live sources that agree decide alone. Otherwise the daily sources vote too, and of
    two live sources that disagree, the one farther from the others is left out."""
    memory = old.memories.get("USD", Memory())
    served = _served(old, "USD")
    odd_one = _odd_one(stated, served)
    rates = [stated[name] for name in (*LIVE_USD, *DAILY_USD) if name in stated and name != odd_one]
    offers = [_offer(rate, now_ms - rate.ts_ms) for rate in rates]
    votes = every = votes_of(offers, max(MAX_AGE_MS.values()), ())
    live = {source: index for source, index in votes.items() if rates[index].source in LIVE_USD}
    band, excluded = DAILY_BAND, ""
    if len(live) == 2:
        one, other = (offers[index].mid for index in live.values())
        if near(one, other, LIVE_BAND):
            votes, band = live, LIVE_BAND
        elif len(votes) > 2:
            reference = median(offers[index].mid for index in votes.values())
            excluded = max(live, key=lambda source: ratio(offers[live[source]].mid, reference))
            votes = {source: index for source, index in votes.items() if source != excluded}
        else:
            band = LIVE_BAND
    decision = decide(offers, votes, band, served, memory, now_ms, FIAT_LEEWAY, LIVE_MS, {excluded})
    if decision.taken is None and excluded:  # a wrong daily rate must not separate two live ones that almost agree
        decision = decide(offers, every, DAILY_BAND, served, memory, now_ms, FIAT_LEEWAY, LIVE_MS)
    if decision.reason == "persisted" and served is None:  # two that contradict each other, and no past to judge by
        return None, memory
    return _chosen(decision, rates, old.fx_rates.get("USD")), decision.memory


def _odd_one(stated: Mapping[str, Rate], served: Served | None) -> str:
    """If Kraken's dollar market and the rate that its other markets imply contradict each other, the one that is
    farther from the other sources; else empty."""
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
    return _chosen(decision, rates, old.fx_rates.get("USDT")) or parity, decision.memory


def _chosen(decision: Decision, rates: Sequence[Rate], before: Rate | None) -> Rate | None:
    if decision.taken is not None:
        return rates[decision.taken]
    return before if decision.is_held else None


def _served(old: Snapshot, currency: str) -> Served | None:
    rate = old.fx_rates.get(currency)
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


def _implied_by_kraken(usable: Mapping[str, Ticker]) -> tuple[Rate, int] | None:
    """The median of the rates that Kraken's coins imply, those that it trades in both dollars."""
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


def _by_coingecko(usable: Mapping[str, Ticker]) -> tuple[Rate, int] | None:
    """The median of the rates that CoinGecko's coins imply by their prices in both dollars."""
    in_usd = {
        name: ticker for name, ticker in usable.items() if name.startswith("coingecko:") and name.endswith("/usd")
    }
    pairs = [(coin, ticker) for name, ticker in in_usd.items() if (coin := usable.get(name.removesuffix("/usd")))]
    if not pairs:
        return None
    ratios = [SHORT.divide(coin.last, ticker.last) for coin, ticker in pairs]
    return _derived(COINGECKO_USD, ratios, [ticker for pair in pairs for ticker in pair])


def _derived(name: str, ratios: Iterable[Decimal], tickers: Sequence[Ticker]) -> tuple[Rate, int]:
    """The rate, and when the last of its tickers was received."""
    rate = SHORT.plus(median(ratios))
    newest_ms = max(ticker.answered_ms if ticker.has_book else ticker.ts_ms for ticker in tickers)
    simulated = any(ticker.simulated for ticker in tickers)
    return Rate(name, rate, rate, newest_ms, simulated), max(ticker.answered_ms for ticker in tickers)


def _holds(name: str, rate: Rate, at_ms: int) -> bool:
    return -CLOCK_SKEW_MS <= at_ms - rate.ts_ms <= MAX_AGE_MS[name]
