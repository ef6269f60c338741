"""Packs a block of candles that came from exchanges' histories."""

import zlib
from collections.abc import Iterable
from decimal import Decimal, localcontext

from shared.model.candles import Candle
from shared.model.wire import EXACT, dumps
from shared.store.packed import UNREADABLE, price_of, unzipped


def pack_block(candles: Iterable[Candle], length_ms: int) -> bytes:
    """The candles of an interval of that length, oldest first.

    Compressed JSON: `[exponent, columns]`. Prices are whole multiples of 10^exponent, and each column holds differences
    between neighbours, which are small: of the interval's number, of the opens from the closes before them, of the
    closes from their opens, of the highs above both, and of the lows below both.
    """
    rows = list(candles)
    with localcontext(EXACT):
        prices = [[price.normalize() for price in (row.open, row.high, row.low, row.close)] for row in rows]
        exponent = min((int(price.as_tuple().exponent) for row in prices for price in row), default=0)
        whole = [[int(price.scaleb(-exponent)) for price in row] for row in prices]
    columns: list[list[int]] = [[], [], [], [], []]
    number, before = 0, 0
    for row, (opened, high, low, close) in zip(rows, whole, strict=True):
        here = row.open_ms // length_ms
        steps = (here - number, opened - before, close - opened, high - max(opened, close), min(opened, close) - low)
        for column, step in zip(columns, steps, strict=True):
            column.append(step)
        number, before = here, close
    return zlib.compress(dumps([exponent, *columns]).encode(), 9)


def unpack_block(packed: bytes, length_ms: int) -> list[Candle]:
    """The candles that `pack_block` packed.

    Raises:
        ValueError: this is not a packed block.
    """
    try:
        exponent, numbers, opens, closes, highs, lows = unzipped(packed)
        candles = []
        number, close = 0, 0
        with localcontext(EXACT):
            for step, gap, move, above, below in zip(numbers, opens, closes, highs, lows, strict=True):
                number += step
                if type(number) is not int:
                    raise ValueError("not a whole number of intervals")
                opened = close + gap
                close = opened + move
                four = (opened, max(opened, close) + above, min(opened, close) - below, close)
                first, high, low, last = (price_of(Decimal(price).scaleb(exponent)) for price in four)
                candles.append(Candle(number * length_ms, first, high, low, last))
    except UNREADABLE as error:
        raise ValueError("not a packed block of candles") from error
    else:
        return candles
