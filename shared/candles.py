"""Candles of `spot` in CAD: one minute, one hour, one day (UTC). Those in progress travel in the snapshot.

So a candle does not care which ingest saw its ticks: the next one goes on from the stored state, and a tick that is
done again, because its ingest ended before it was stored, closes the same candles again. All functions are pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.wire import EXACT

if TYPE_CHECKING:
    from shared.values import Quote

INTERVAL_MS = {"1m": 60_000, "1h": 3_600_000, "1d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Candle:
    """First, highest, lowest and last price of the interval that began at `open_ms`."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


OpenCandles: TypeAlias = Mapping[str, Mapping[str, Candle]]  # symbol -> interval -> the candle in progress
Closed: TypeAlias = tuple[str, str, Candle]  # symbol, interval, its final candle


def roll(open_candles: OpenCandles, quotes: Mapping[str, "Quote"], now_ms: int) -> tuple[OpenCandles, list[Closed]]:
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


def _with_price(candle: Candle | None, began_ms: int, price: Decimal) -> Candle:
    if candle is None:
        return Candle(began_ms, price, price, price, price)
    if candle.open_ms > began_ms:  # the clock of the ingest before was ahead: what is closed stays closed
        return candle
    return Candle(began_ms, candle.open, max(candle.high, price), min(candle.low, price), price)


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
