"""NDAX, a Canadian exchange: its markets in CAD with one request.

`GET /v1/ticker` answers with an object by market (`BTC_CAD`), without a time and without the price 24 h ago.
https://ndaxlimited.github.io/ndax-documentation/
"""

from collections.abc import Mapping

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.sources.market_row import number
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "ndax"
BASE_URL = "https://core.ndax.io"
PATH = "/v1/ticker"
POLL_EVERY_MS = 10_000  # no limit is documented
HOLD_MS = 30_000
MAX_BODY_BYTES = 100_000  # all markets take 20 to 30 KB


def source() -> Source:
    """NDAX, asked every ten seconds."""
    return Source(NAME, BASE_URL, PATH, dict, parse, POLL_EVERY_MS, HOLD_MS, max_body_bytes=MAX_BODY_BYTES)


def parse(answer: Answer) -> list[Ticker]:
    """The catalogue's markets that are not frozen.

    Raises:
        SourceUnavailable: the answer is not an object of markets.
    """
    if not isinstance(answer.payload, dict):
        raise SourceUnavailable("not an object of markets")
    rows = ((name, answer.payload.get(name)) for name in market_names(NAME))
    return [ticker for name, row in rows if (ticker := _ticker(name, row, answer))]


def _ticker(market: str, row: object, answer: Answer) -> Ticker | None:
    if not isinstance(row, Mapping) or row.get("isFrozen") not in (0, "0"):
        return None
    try:
        return Ticker(
            source=NAME,
            market=market,
            bid=number(row, "highestBid"),
            ask=number(row, "lowestAsk"),
            last=number(row, "last"),
            open_24h=None,
            ts_ms=answer.received_ms,
            answered_ms=answer.received_ms,
            simulated=answer.simulated,
            activity_24h=number(row, "baseVolume"),
        )
    except ValueError:
        return None
