"""Coinbase Exchange: all its markets with one request, the last trade of each.

https://docs.cdp.coinbase.com/exchange/reference/exchangerestapi_getproductstats, without a product for all of them.
No time is given: a ticker has the time of its reception.
"""

from shared.assets import market_names
from shared.sources.market_row import positive
from shared.sources.upstream import Answer, Source, SourceUnavailable
from shared.values import Ticker

NAME = "coinbase"
BASE_URL = "https://api.exchange.coinbase.com"
PATH = "/products/stats"
POLL_EVERY_MS = 10_000
HOLD_MS = 30_000


def source() -> Source:
    """Coinbase, asked every ten seconds."""
    return Source(NAME, BASE_URL, PATH, dict, parse, POLL_EVERY_MS, HOLD_MS)


def parse(answer: Answer) -> list[Ticker]:
    """The live markets of the catalogue, without a spread: the answer holds no book. One that had no volume in 24 h is
    dead.

    Raises:
        SourceUnavailable: not an object of products, or none of them usable.
    """
    if not isinstance(answer.payload, dict):
        raise SourceUnavailable("not an object of products")
    rows = ((name, answer.payload.get(name)) for name in market_names(NAME))
    tickers = [ticker for name, row in rows if (ticker := _ticker(name, row, answer))]
    if not tickers:
        raise SourceUnavailable("no live market among the products")
    return tickers


def _ticker(market: str, row: object, answer: Answer) -> Ticker | None:
    stats = row.get("stats_24hour") if isinstance(row, dict) else None
    if not isinstance(stats, dict):
        return None
    try:
        positive(stats, "volume")
        last = positive(stats, "last")
        return Ticker(
            NAME,
            market,
            last,
            last,
            last,
            positive(stats, "open"),
            answer.received_ms,
            answer.received_ms,
            answer.simulated,
            has_book=False,
        )
    except ValueError:
        return None
