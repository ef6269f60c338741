"""Binance spot: candles of a market.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data
A request has weight 2; the limit is 6,000 a minute. A row has twelve columns; the first is the time in Unix ms.
"""

from collections.abc import Mapping

from shared.model.candles import INTERVAL_MS, Candle
from shared.sources import binance
from shared.sources.candle_rows import candles_in
from shared.sources.history import History, Wanted
from shared.sources.upstream import Answer

PATH = "/api/v3/klines"
MOST = 1000
EVERY_MS = 100
MAX_BODY_BYTES = 400_000  # 1,000 rows take 190 KB
COLUMNS = ("time", "open", "high", "low", "close")


def history() -> History:
    """Binance's klines, for as long as the market exists."""
    return History(
        binance.NAME,
        binance.BASE_URL,
        lambda _wanted: PATH,
        _params,
        parse,
        binance.is_unknown,
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
    return candles_in(answer.payload, COLUMNS, 1, wanted)


def _params(wanted: Wanted) -> Mapping[str, str]:
    return {
        "symbol": wanted.market,
        "interval": wanted.interval,
        "startTime": str(wanted.from_ms),
        "endTime": str(wanted.until_ms - 1),  # inclusive
        "limit": str(MOST),
    }
