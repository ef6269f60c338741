"""The rules that a ticker from any source has to keep to be a price. Parsers only read.

docs/prices.md says why each rule is there, in "Refused tickers".
"""

from dataclasses import replace
from decimal import Decimal, localcontext

from shared.model.values import Ticker
from shared.model.wire import EXACT

WIDEST_BOOK = Decimal("0.2")  # as a fraction of its mid; no active market shows more
CLOCK_SKEW_MS = 300_000  # a time further in the future is wrong, and would never become old


def judged(ticker: Ticker, now_ms: int, max_age_ms: int) -> Ticker:
    """The ticker with `refused` set to the rule that it breaks, if any, and with a last trade that fits its book.

    `max_age_ms` is how old the source's own time may be. A last trade outside the book is older than the book, so the
    nearer side replaces it and `old_last` is set.
    """
    reason = _reason(ticker, now_ms, max_age_ms)
    if reason:
        return replace(ticker, refused=reason)
    last = min(max(ticker.last, ticker.bid), ticker.ask)
    return ticker if last == ticker.last else replace(ticker, last=last, old_last=True)


def spread(bid: Decimal, ask: Decimal) -> Decimal:
    """The width of a book as a fraction of its mid."""
    with localcontext(EXACT) as context:
        context.prec = 12
        return (ask - bid) * 2 / (ask + bid)


def _reason(ticker: Ticker, now_ms: int, max_age_ms: int) -> str:
    if min(ticker.bid, ticker.ask, ticker.last) <= 0:
        return "not_positive"
    if ticker.activity_24h is not None and ticker.activity_24h <= 0:
        return "no_trades"
    if ticker.bid > ticker.ask:
        return "crossed"
    if spread(ticker.bid, ticker.ask) > WIDEST_BOOK:
        return "wide"
    if not -CLOCK_SKEW_MS <= now_ms - ticker.ts_ms <= max_age_ms:
        return "old"
    return ""
