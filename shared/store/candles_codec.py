"""The candles in progress as they travel in the snapshot."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from shared.model.candles import INTERVAL_MS, Candle, OpenCandles
from shared.model.wire import EXACT


def pack_open(open_candles: OpenCandles) -> list[list[Any]]:
    """The candles in progress as JSON: per symbol `[symbol, exponent, [interval, number, close, open, high, low], ..]`.

    `number` counts intervals since 1970. Prices are whole multiples of 10^exponent, all but the row's first close as
    differences from it, which is exact and a sixth smaller, compressed, than the prices themselves.
    """
    return [_packed(symbol, candles) for symbol, candles in open_candles.items() if candles]


def unpack_open(rows: Iterable[Any]) -> OpenCandles:
    """The candles that `pack_open` packed. Intervals that a newer version added are passed over.

    Raises:
        ValueError: not such rows.
    """
    try:
        return {symbol: _unpacked(exponent, candles) for symbol, exponent, *candles in rows}
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
        row.append([name, candle.open_ms // INTERVAL_MS[name], *(number - base for number in numbers[name])])
        base = base or numbers[name][0]
    return row


def _unpacked(exponent: int, candles: Iterable[Any]) -> dict[str, Candle]:
    unpacked = {}
    base = 0
    with localcontext(EXACT):
        for name, count, *numbers in candles:
            close, opened, high, low = (Decimal(base + number).scaleb(exponent) for number in numbers)
            if name in INTERVAL_MS:
                unpacked[name] = Candle(count * INTERVAL_MS[name], opened, high, low, close)
            base = base or numbers[0]
    return unpacked


def _prices(candle: Candle) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return candle.close, candle.open, candle.high, candle.low
