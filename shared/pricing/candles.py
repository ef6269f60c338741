"""A tick's prices go into the candles in progress, and those whose interval is over are closed. Pure.

The candles in progress travel in the snapshot. So a candle does not care which ingest saw its ticks: the next one goes
on from the stored state. A tick that is done again, because its ingest ended before it was stored, closes the same
candles again.
"""

from collections.abc import Mapping
from decimal import Decimal

from shared.model.candles import INTERVAL_MS, Candle, Closed, OpenCandles
from shared.model.values import Quote


def roll(open_candles: OpenCandles, quotes: Mapping[str, Quote], now_ms: int) -> tuple[OpenCandles, list[Closed]]:
    """The candles in progress after a tick, and those whose interval is over by then.

    A price counts in the intervals in progress in which a source confirmed it (`seen_ms`): one that is stale, or only
    kept from before the interval began, opens no candle. An interval without a price has none.
    """
    after: dict[str, dict[str, Candle]] = {}
    closed: list[Closed] = []
    for symbol in dict.fromkeys((*open_candles, *quotes)):
        quote = quotes.get(symbol)
        candles: dict[str, Candle] = {}
        for interval, length_ms in INTERVAL_MS.items():
            began_ms = now_ms // length_ms * length_ms
            candle = open_candles.get(symbol, {}).get(interval)
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
        return Candle(began_ms, price, price, price, price)
    if candle.open_ms > began_ms:  # the clock of the ingest before was ahead: what is closed stays closed
        return candle
    return Candle(began_ms, candle.open, max(candle.high, price), min(candle.low, price), price)
