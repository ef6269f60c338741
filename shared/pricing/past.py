"""Past candles in CAD: an exchange's candle times the rate of its own time. Pure; docs/prices.md has the rule."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, localcontext
from functools import cache

from shared.model.candles import DAY_MS, INTERVAL_MS, Candle
from shared.model.wire import EXACT

# How long after the last trade of a rate in an interval its close still counts.
CARRIED_MS = {"1m": DAY_MS // 24, "1h": DAY_MS, "1d": 6 * DAY_MS}
LONGEST_CLOSED_MS = 6 * DAY_MS  # the Bank of Canada's longest chain of holidays


def in_cad(candle: Candle, rate: Candle, per_unit: Decimal = Decimal(1)) -> Candle:
    """The candle in CAD: its open, high, low and close times the rate's open, middle, middle and close.

    The middle is that of the rate's open and close. Where the rate moves more than the price, the open or the close
    may lie outside of the high and the low that result; they are then the high or the low. `per_unit` is how many of
    the market's coins one unit of the asset is.
    """
    with localcontext(EXACT):
        middle = (rate.open + rate.close) / 2
        opened, closed = candle.open * rate.open * per_unit, candle.close * rate.close * per_unit
        high, low = candle.high * middle * per_unit, candle.low * middle * per_unit
        return Candle(candle.open_ms, opened, max(high, opened, closed), min(low, opened, closed), closed)


class PastRate:
    """What a currency was worth in CAD: by minute, hour and day, and before all of these by a daily rate.

    `of_interval` has the rate's candles, oldest first. `daily` returns what a bank publishes on business days, and is
    called when that is needed.
    """

    def __init__(
        self, of_interval: Mapping[str, Iterable[Candle]], daily: Callable[[], Iterable[Candle]] = tuple[Candle]
    ) -> None:
        self._series = {interval: _Series(candles) for interval, candles in of_interval.items()}
        self._daily = cache(lambda: _Series(daily()))

    def at(self, interval: str, open_ms: int) -> Candle | None:
        """The rate's candle of that interval. Without one: the close of the last one before it; else the middle of its
        day; else the bank's rate of the last business day. `None` if nothing is known.
        """
        exact = self._last(interval, open_ms, CARRIED_MS[interval])
        if exact:
            return exact if exact.open_ms == open_ms else _flat(open_ms, exact.close)
        day_ms = open_ms // DAY_MS * DAY_MS
        day = self._last("1d", day_ms, CARRIED_MS["1d"])
        if day:
            with localcontext(EXACT):
                return _flat(open_ms, (day.open + day.close) / 2 if day.open_ms == day_ms else day.close)
        published = self._daily().last_until(day_ms, LONGEST_CLOSED_MS)
        return _flat(open_ms, published.close) if published else None

    def _last(self, interval: str, open_ms: int, within_ms: int) -> Candle | None:
        series = self._series.get(interval)
        return series.last_until(open_ms, within_ms) if series else None


class _Series:
    """Candles by time."""

    def __init__(self, candles: Iterable[Candle]) -> None:
        self._candles = list(candles)
        self._times = [candle.open_ms for candle in self._candles]

    def last_until(self, open_ms: int, within_ms: int) -> Candle | None:
        """The candle that began at this time, or the last one before it, if not longer ago than that."""
        at = bisect_right(self._times, open_ms) - 1
        return self._candles[at] if at >= 0 and open_ms - self._times[at] <= within_ms else None


def crossed(first: Iterable[Candle], second: Iterable[Candle]) -> list[Candle]:
    """The candles of a rate through two markets: those of the times that both have."""
    others = {candle.open_ms: candle for candle in second}
    return [in_cad(candle, others[candle.open_ms]) for candle in first if candle.open_ms in others]


def intervals_between(interval: str, from_ms: int, until_ms: int) -> range:
    """The times at which an interval begins, from `from_ms` on and so that it is over by `until_ms`."""
    length_ms = INTERVAL_MS[interval]
    return range(-(-from_ms // length_ms) * length_ms, until_ms - length_ms + 1, length_ms)


def _flat(open_ms: int, price: Decimal) -> Candle:
    return Candle(open_ms, price, price, price, price)
