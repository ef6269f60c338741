"""Candles that were in progress when the feed started: their beginning comes from the exchange. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from shared.model.candles import Candle, OpenCandles

Beginnings = Mapping[tuple[str, str], Candle]  # (symbol, interval) -> the exchange's candle in progress


def with_beginnings(open_candles: OpenCandles, beginnings: Beginnings, from_ms: int) -> OpenCandles:
    """The candles in progress, each with the part of its interval that the feed has not seen.

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
