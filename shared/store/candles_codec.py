"""Packs the candles in progress for the stored snapshot."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation, localcontext
from itertools import chain, repeat
from typing import Any

from shared.model.candles import INTERVAL_MS, Candle, OpenCandles
from shared.model.wire import EXACT


def pack_open(open_candles: OpenCandles) -> list[list[Any]]:
    """The candles in progress as JSON: per symbol `[symbol, exponent, [interval, number, close, open, high, low], ..]`.

    `number` counts intervals since 1970. Prices are whole multiples of 10^exponent. All but the row's first close are
    differences from that close, which is exact and, compressed, a sixth smaller than the prices.
    """
    return [_packed(symbol, candles) for symbol, candles in open_candles.items() if candles]


def pack_ticks(open_candles: OpenCandles) -> list[list[int | None]]:
    """The ticks of the same candles, in the same order. They are apart, so that an older version reads the rows."""
    return [[candle.ticks for candle in candles.values()] for candles in open_candles.values() if candles]


def unpack_open(rows: Iterable[Any], ticks: Iterable[Any] = ()) -> OpenCandles:
    """The candles that `pack_open` and `pack_ticks` packed. Intervals that a newer version added are skipped. A candle
    that was stored without its ticks has `None`.

    Raises:
        ValueError: the rows are not packed candles.
    """
    try:
        counted = zip(rows, chain(ticks, repeat(())), strict=False)
        return {symbol: _unpacked(exponent, candles, counts) for (symbol, exponent, *candles), counts in counted}
    except (TypeError, InvalidOperation) as error:
        raise ValueError("not packed candles") from error


def _packed(symbol: str, candles: Mapping[str, Candle]) -> list[Any]:
    with localcontext(EXACT):
        prices = {name: [price.normalize() for price in _prices(candle)] for name, candle in candles.items()}
        exponent = min(int(price.as_tuple().exponent) for row in prices.values() for price in row)
        numbers = {name: [int(price.scaleb(-exponent)) for price in row] for name, row in prices.items()}
    row: list[Any] = [symbol, exponent]
    base = 0
    for name, candle in candles.items():
        differences = (number - base for number in numbers[name])
        row.append([name, candle.open_ms // INTERVAL_MS[name], *differences])
        base = base or numbers[name][0]
    return row


def _unpacked(exponent: int, candles: Iterable[Any], ticks: Iterable[int | None]) -> dict[str, Candle]:
    unpacked = {}
    base = 0
    with localcontext(EXACT):
        for (name, number_of, *numbers), counted in zip(candles, chain(ticks, repeat(None)), strict=False):
            close, opened, high, low = (Decimal(base + number).scaleb(exponent) for number in numbers)
            if name in INTERVAL_MS:
                unpacked[name] = Candle(number_of * INTERVAL_MS[name], opened, high, low, close, counted)
            base = base or numbers[0]
    return unpacked


def _prices(candle: Candle) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return candle.close, candle.open, candle.high, candle.low
