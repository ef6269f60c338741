"""Coinbase Exchange: the last trade of all its markets, with one request.

https://docs.cdp.coinbase.com/exchange/reference/exchangerestapi_getproductstats, without a product for all of them.
The answer has no time, so a ticker has the time of reception.
"""

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.sources.market_row import number, optional
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "coinbase"
BASE_URL = "https://api.exchange.coinbase.com"
PATH = "/products/stats"
POLL_EVERY_MS = 10_000
HOLD_MS = 30_000
MAX_BODY_BYTES = 250_000  # all products take 110 KB


def source() -> Source:
    """Coinbase, asked every ten seconds."""
    return Source(NAME, BASE_URL, PATH, dict, parse, POLL_EVERY_MS, HOLD_MS, max_body_bytes=MAX_BODY_BYTES)


def parse(answer: Answer) -> list[Ticker]:
    """The catalogue's markets, without a book, since the answer has none.

    Raises:
        SourceUnavailable: the answer is not an object of products.
    """
    if not isinstance(answer.payload, dict):
        raise SourceUnavailable("not an object of products")
    rows = ((name, answer.payload.get(name)) for name in market_names(NAME))
    return [ticker for name, row in rows if (ticker := _ticker(name, row, answer))]


def _ticker(market: str, row: object, answer: Answer) -> Ticker | None:
    stats = row.get("stats_24hour") if isinstance(row, dict) else None
    if not isinstance(stats, dict):
        return None
    try:
        last = number(stats, "last")
        return Ticker(
            source=NAME,
            market=market,
            bid=last,
            ask=last,
            last=last,
            open_24h=optional(stats, "open"),
            ts_ms=answer.received_ms,
            answered_ms=answer.received_ms,
            simulated=answer.simulated,
            has_book=False,
            activity_24h=number(stats, "volume"),
        )
    except ValueError:
        return None
