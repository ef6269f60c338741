"""The trends of the last day: the hourly closes of every symbol, for small pictures. `history` has the candles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

from shared.model.candles import INTERVAL_MS, Candle

HOUR_MS = INTERVAL_MS["1h"]
HOURS = 24
DIGITS = Context(prec=5)  # a picture shows no more

Closes = tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class Trends:
    """For each symbol the closes in CAD of the `HOURS` hours that ended by `until_ms`, oldest first, rounded to five
    digits. `None`: the hour has no candle."""

    until_ms: int = 0
    closes: Mapping[str, Closes] = field(default_factory=dict)

    def with_candles(self, candles: Iterable[tuple[str, Candle]]) -> "Trends":
        """The trends with these candles of an hour, by symbol. The newest one decides where they end. A close that is
        known stays, unless the candle has the feed's own ticks."""
        given = [(symbol, candle) for symbol, candle in candles]
        until_ms = max([self.until_ms, *(candle.open_ms + HOUR_MS for _, candle in given)])
        closes = {symbol: self._moved(row, until_ms) for symbol, row in self.closes.items()}
        for symbol, candle in given:
            row = closes.setdefault(symbol, [None] * HOURS)
            at = HOURS - (until_ms - candle.open_ms) // HOUR_MS
            if 0 <= at < HOURS and (row[at] is None or candle.ticks != 0):
                row[at] = DIGITS.plus(candle.close)
        return Trends(until_ms, {symbol: tuple(row) for symbol, row in closes.items()})

    def believed(self, now_ms: int) -> "Trends":
        """The trends, or none if they end after the next hour: a clock that was wrong has moved them, and hours until
        then would not count."""
        return self if self.until_ms <= now_ms + 2 * HOUR_MS else Trends()

    def lacks_any(self, symbol: str, now_ms: int) -> bool:
        """Whether an hour of the day before `now_ms` has no close of this symbol."""
        row = self.closes.get(symbol)
        return row is None or None in row or now_ms - self.until_ms >= HOUR_MS

    def _moved(self, row: Closes, until_ms: int) -> list[Decimal | None]:
        """A symbol's closes for the hours until another time, which is not before `until_ms`."""
        hours = min(HOURS, (until_ms - self.until_ms) // HOUR_MS)
        return [*row[hours:], *[None] * hours]
