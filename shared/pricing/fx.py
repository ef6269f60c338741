"""What a US dollar and a Tether cost in CAD: which sources say so, which of them to believe, what it was a day ago.

USDT is not USD: it has its own rate, and parity with the dollar is the last resort and named so.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext

from shared.values import Rate, Ticker
from shared.wire import EXACT

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CLOCK_SKEW_MS = 300_000  # a rate from later than that is no rate: its time is wrong, so it would never grow old

# The sources of each rate, the first choice first, each with the age past which it is no rate any more. Kraken's are
# live markets; the daily ones stand over a long weekend.
LIVE_MS = 120_000
MAX_AGE_MS = {
    "kraken:USDCAD": LIVE_MS,
    "bank_of_canada:FXUSDCAD": 5 * DAY_MS,
    "er_api:USDCAD": 3 * DAY_MS,
    "kraken:USDTCAD": LIVE_MS,
    "kraken:USDTUSD": LIVE_MS,
}
USD_CAD = ("kraken:USDCAD", "bank_of_canada:FXUSDCAD", "er_api:USDCAD")
PARITY = Rate("parity:USDTUSD", Decimal(1), Decimal(1), 0)

# One that is half as much again, or half, in one step is an error until another source says the same.
JUMP_UP, JUMP_DOWN = Decimal("1.5"), Decimal("0.5")

History = tuple[tuple[int, Decimal], ...]


def jumped(now: Decimal, before: Decimal) -> bool:
    """Whether the one is more than 50 % away from the other."""
    return not before * JUMP_DOWN <= now <= before * JUMP_UP


def agree(one: Decimal, other: Decimal) -> bool:
    """Whether two sources mean the same: neither is more than 50 % away from the other."""
    return not jumped(one, other) and not jumped(other, one)


def believable_rates(old: Mapping[str, Rate], tickers: Iterable[Ticker], now_ms: int) -> dict[str, Rate]:
    """The old rates, replaced by those among the tickers that can be believed, by source and market."""
    fresh = {
        f"{t.source}:{t.market}": Rate(f"{t.source}:{t.market}", t.bid, t.ask, t.ts_ms, t.simulated)
        for t in tickers
        if f"{t.source}:{t.market}" in MAX_AGE_MS
    }
    known = {**old, **fresh}
    rates = {name: rate for name, rate in old.items() if name in MAX_AGE_MS}
    for name in MAX_AGE_MS:  # USD/CAD before USDT/CAD, which is held against it
        if name in fresh and _believable(fresh[name], name, old.get(name), known, rates, now_ms):
            rates[name] = fresh[name]
    return rates


def usd_cad(rates: Mapping[str, Rate], now_ms: int) -> Rate | None:
    """The first USD/CAD rate that is not too old; `None` when there is none."""
    return next((rate for name in USD_CAD if (rate := _current(rates, name, now_ms))), None)


def usdt_cad(rates: Mapping[str, Rate], now_ms: int) -> Rate | None:
    """USDT/CAD: its own market, else by the US dollar, else at parity with it; `None` without USD/CAD."""
    if direct := _current(rates, "kraken:USDTCAD", now_ms):
        return direct
    dollar = usd_cad(rates, now_ms)
    return cross(_current(rates, "kraken:USDTUSD", now_ms) or PARITY, dollar) if dollar else None


def cross(first: Rate, second: Rate) -> Rate:
    """The rate through two markets: bid and ask cross the spread of both."""
    with localcontext(EXACT):
        return Rate(
            source=f"{first.source} x {second.source}",
            bid=first.bid * second.bid,
            ask=first.ask * second.ask,
            ts_ms=second.ts_ms,
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


def _current(rates: Mapping[str, Rate], name: str, now_ms: int) -> Rate | None:
    rate = rates.get(name)
    return rate if rate and -CLOCK_SKEW_MS <= now_ms - rate.ts_ms <= MAX_AGE_MS[name] else None


def _believable(
    rate: Rate, name: str, before: Rate | None, known: Mapping[str, Rate], rates: Mapping[str, Rate], now_ms: int
) -> bool:
    """Near what it was, or near what another source says; the first of all is held against the others, if any."""
    if before and _ancient(before, name, now_ms):
        before = None
    if before and not jumped(rate.mid, before.mid):
        return True
    if name in USD_CAD:
        others = [
            known[other].mid
            for other in USD_CAD
            if other != name and other in known and not _ancient(known[other], other, now_ms)
        ]
        return any(not jumped(rate.mid, other) for other in others) or (not others and before is None)
    peer = PARITY if name == "kraken:USDTUSD" else usd_cad(rates, now_ms)
    return before is None and (peer is None or not jumped(rate.mid, peer.mid))


def _ancient(rate: Rate, name: str, now_ms: int) -> bool:
    """Whether it is too old to hold another one back."""
    return now_ms - rate.ts_ms > max(HOUR_MS, MAX_AGE_MS[name])
