"""Adds a tick's prices to the candles in progress and closes candles whose interval is over. Pure.

The candles in progress travel in the snapshot, so the next ingest continues them from the stored state. A tick that is
repeated, because its ingest ended before the write, closes the same candles again.
"""

from collections.abc import Mapping
from decimal import Decimal

from shared.model.candles import INTERVAL_MS, Candle, Closed, OpenCandles
from shared.model.values import Quote

MOST_AHEAD_MS = INTERVAL_MS["1m"]


def roll(open_candles: OpenCandles, quotes: Mapping[str, Quote], now_ms: int) -> tuple[OpenCandles, list[Closed]]:
    """The candles in progress after a tick, and the candles that it closes.

    A price counts in an interval if a source confirmed it there (`seen_ms`): a stale price, or one kept from before
    the interval, opens no candle. An interval without a price has no candle. A candle that begins more than a minute
    from now was begun by a clock that was wrong, and is left out.
    """
    after: dict[str, dict[str, Candle]] = {}
    closed: list[Closed] = []
    for symbol in dict.fromkeys((*open_candles, *quotes)):
        quote = quotes.get(symbol)
        candles: dict[str, Candle] = {}
        for interval, length_ms in INTERVAL_MS.items():
            began_ms = now_ms // length_ms * length_ms
            candle = open_candles.get(symbol, {}).get(interval)
            if candle is not None and candle.open_ms > now_ms + MOST_AHEAD_MS:
                candle = None
            if candle is not None and candle.open_ms < began_ms:
                closed.append((symbol, interval, candle))
                candle = None
            if quote is not None and not quote.stale and quote.seen_ms >= began_ms:
                candle = _with_price(candle, began_ms, quote.spot)
            if candle is not None:
                candles[interval] = candle
        if candles:
            after[symbol] = candles
    return after, closed


def _with_price(candle: Candle | None, began_ms: int, price: Decimal) -> Candle:
    if candle is None:
        return Candle(began_ms, price, price, price, price, ticks=1)
    if candle.open_ms > began_ms:  # the previous ingest's clock was a little ahead: a closed candle stays closed
        return candle
    ticks = None if candle.ticks is None else candle.ticks + 1
    return Candle(began_ms, candle.open, max(candle.high, price), min(candle.low, price), price, ticks)
