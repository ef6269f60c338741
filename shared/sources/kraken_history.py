"""Kraken spot: candles of a market, the exchange rates included.

https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
Kraken has the newest 720 candles of each interval, whatever `since` says; the last row is the interval in progress.
A row has eight columns; the first is the time in Unix seconds. Requests are at least a second apart:
https://support.kraken.com/hc/en-us/articles/206548367
"""

from collections.abc import Mapping

from shared.model.candles import INTERVAL_MS, Candle
from shared.sources import kraken
from shared.sources.candle_rows import candles_in
from shared.sources.history import History, Wanted
from shared.sources.upstream import Answer

PATH = "/0/public/OHLC"
REACH = 720
EVERY_MS = 1_000
MAX_BODY_BYTES = 150_000  # 721 rows take 65 KB
COLUMNS = ("time", "open", "high", "low", "close")


def history() -> History:
    """Kraken's OHLC. It says that a pair is unknown with status 200: then there are no candles."""
    return History(
        kraken.NAME,
        kraken.BASE_URL,
        lambda _wanted: PATH,
        _params,
        parse,
        lambda _status, _payload: False,
        most=dict.fromkeys(INTERVAL_MS, REACH),
        reach=dict.fromkeys(INTERVAL_MS, REACH),
        every_ms=EVERY_MS,
        max_body_bytes=MAX_BODY_BYTES,
    )


def parse(answer: Answer, wanted: Wanted) -> list[Candle]:
    """The wanted candles, oldest first; none if Kraken does not know the pair.

    Raises:
        SourceUnavailable: the answer has another error, or no rows of this market.
    """
    errors = kraken.errors_in(answer.payload)
    if errors == {kraken.UNKNOWN_PAIR}:
        return []
    if errors:
        raise kraken.unavailable(errors)
    return candles_in(kraken.result_in(answer.payload).get(wanted.market), COLUMNS, 1000, wanted)


def _params(wanted: Wanted) -> Mapping[str, str]:
    return {
        "pair": wanted.market,
        "interval": str(INTERVAL_MS[wanted.interval] // 60_000),
        "since": str(wanted.from_ms // 1000 - 1),  # exclusive
    }
