"""Candles in progress whose beginning the feed has not seen, or has lost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.model.candles import INTERVAL_MS, Candle, OpenCandles

Beginnings = Mapping[tuple[str, str], Candle]  # (symbol, interval) -> the beginning of its candle in progress


def with_beginnings(open_candles: OpenCandles, beginnings: Beginnings, from_ms: int) -> OpenCandles:
    """The candles in progress, each with the part that the feed has not seen, as the exchange states it.

    The feed has seen nothing from `from_ms` until it started. A candle that began later opens with the exchange's
    price; one that began earlier keeps its own open. Doing it again changes nothing.
    """
    return {
        symbol: {
            interval: _completed(own, beginnings.get((symbol, interval)), from_ms) for interval, own in candles.items()
        }
        for symbol, candles in open_candles.items()
    }


def _completed(own: Candle, beginning: Candle | None, from_ms: int) -> Candle:
    # A candle whose ticks are unknown was begun by an earlier version, which may have seen all of it.
    if beginning is None or beginning.open_ms != own.open_ms or own.ticks is None:
        return own
    opened = beginning.open if own.open_ms >= from_ms else own.open
    return replace(own, open=opened, high=max(own.high, beginning.high), low=min(own.low, beginning.low))


def with_earlier(open_candles: OpenCandles, earlier: Beginnings, now_ms: int) -> OpenCandles:
    """The candles in progress, each after its beginning that the feed has seen and lost. A beginning of an interval
    that is over changes nothing. Not to be done twice: ticks are added."""
    after = {symbol: dict(candles) for symbol, candles in open_candles.items()}
    for (symbol, interval), beginning in earlier.items():
        open_ms = now_ms // INTERVAL_MS[interval] * INTERVAL_MS[interval]
        own = after.get(symbol, {}).get(interval)
        if beginning.open_ms != open_ms or (own and own.open_ms != open_ms):
            continue
        after.setdefault(symbol, {})[interval] = joined([beginning, own], open_ms) if own else beginning
    return after


def joined(candles: Sequence[Candle], open_ms: int) -> Candle:
    """One candle from `open_ms` of one or several that follow each other, oldest first."""
    ticks = [candle.ticks for candle in candles]
    return Candle(
        open_ms,
        candles[0].open,
        max(candle.high for candle in candles),
        min(candle.low for candle in candles),
        candles[-1].close,
        None if None in ticks else sum(each or 0 for each in ticks),
    )
