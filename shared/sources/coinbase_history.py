"""Coinbase Exchange: candles of a market.

https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles
At most 300 candles, the newest first; a request for more is refused. Intervals without a trade have none. An answer may
have candles from before `start`. The limit is 10 requests a second for an IP address:
https://docs.cdp.coinbase.com/exchange/rest-api/rate-limits
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from shared.model.candles import INTERVAL_MS, Candle
from shared.sources import coinbase
from shared.sources.candle_rows import candles_in
from shared.sources.history import History, Wanted
from shared.sources.upstream import Answer

MOST = 300
EVERY_MS = 150
MAX_BODY_BYTES = 100_000  # 300 rows take 25 KB
COLUMNS = ("time", "low", "high", "open", "close")
UNKNOWN = 404


def history() -> History:
    """Coinbase's candles, for as long as the market exists."""
    return History(
        coinbase.NAME,
        coinbase.BASE_URL,
        lambda wanted: f"/products/{wanted.market}/candles",
        _params,
        parse,
        lambda status, _payload: status == UNKNOWN,
        most=dict.fromkeys(INTERVAL_MS, MOST),
        reach={},
        every_ms=EVERY_MS,
        max_body_bytes=MAX_BODY_BYTES,
    )


def parse(answer: Answer, wanted: Wanted) -> list[Candle]:
    """The wanted candles, oldest first.

    Raises:
        SourceUnavailable: the answer is not a list of rows.
    """
    return candles_in(answer.payload, COLUMNS, 1000, wanted)


def _params(wanted: Wanted) -> Mapping[str, str]:
    return {
        "granularity": str(INTERVAL_MS[wanted.interval] // 1000),
        "start": _iso(wanted.from_ms),
        "end": _iso(wanted.until_ms - 1000),  # inclusive
    }


def _iso(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
