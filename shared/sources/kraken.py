"""Kraken spot: the live USD/CAD market.

https://docs.kraken.com/api/docs/rest-api/get-ticker-information
`a`, `b` and `c` are ask, bid and last trade, price first. No time is given: a ticker has the time of its reception.
"""

from shared.sources.market_row import positive, uncrossed
from shared.sources.upstream import Answer, Source, SourceUnavailable
from shared.values import Ticker

NAME = "kraken"
BASE_URL = "https://api.kraken.com"
PATH = "/0/public/Ticker"

# Kraken answers under its own key, whatever name was asked for.
MARKETS = {"ZUSDZCAD": "USDCAD", "USDCAD": "USDCAD"}


def source() -> Source:
    """Kraken, asked every tick."""
    return Source(NAME, BASE_URL, PATH, lambda: {"pair": "USDCAD"}, parse)


def parse(answer: Answer) -> list[Ticker]:
    """The tickers of the markets that the feed uses.

    Raises:
        SourceUnavailable: an error in the answer, no known market, a dead or crossed one.
    """
    result = answer.payload.get("result") if isinstance(answer.payload, dict) else None
    if not isinstance(result, dict):
        errors = answer.payload.get("error") if isinstance(answer.payload, dict) else None
        raise SourceUnavailable(f"no tickers in the answer: {errors!r:.80}")
    try:
        return [_ticker(MARKETS[key], row, answer) for key, row in result.items() if key in MARKETS]
    except ValueError as error:
        raise SourceUnavailable(f"not a ticker: {error}") from error


def _ticker(market: str, row: object, answer: Answer) -> Ticker:
    if not isinstance(row, dict):
        raise ValueError("a row that is no object")
    first = {key: value[0] for key, value in row.items() if isinstance(value, list) and value}
    return uncrossed(
        Ticker(
            source=NAME,
            market=market,
            bid=positive(first, "b"),
            ask=positive(first, "a"),
            last=positive(first, "c"),
            open_24h=None,  # `o` is today's open at 00:00 UTC, not the price 24 h ago
            ts_ms=answer.received_ms,
            simulated=answer.simulated,
        )
    )
