"""The path of one price before the simulated market began: random, and known to any day, hour, minute and second.

It is made from the long to the short. A path of days runs backwards from the market's beginning, so that it ends where
the market begins. Each day has a lowest and a highest value; its hours go from its first value to its last one and turn
back at these two; and so do the minutes of an hour. So a day holds its hours, an hour its minutes, and each costs about
the same as any other. https://en.wikipedia.org/wiki/Brownian_bridge
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from hashlib import shake_128
from math import isqrt
from struct import unpack_from

from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS

# Fixed point: a path is a whole number of billionths of what it moves in a day (one standard deviation).
UNIT = 1_000_000_000
# The thousandths that a day keeps of the distance from where the market begins: years move 13 times as far as a day.
KEPT = 997
# How often a day, an hour and a minute are halved: into pieces of 11 minutes, 14 seconds and 8 seconds.
HALVINGS = {DAY_MS: 7, HOUR_MS: 8, MINUTE_MS: 3}
SHARES = 256
# -2 ln(u) for evenly spread u: with it the extremes of a random path between two values are drawn exactly.
EXPONENTIAL = [int(-2 * (Decimal(2 * at + 1) / (2 * SHARES)).ln() * 1_000) for at in range(SHARES)]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the path: its times in Unix ms, its values at both ends, and its lowest and highest value."""

    begins_ms: int
    ends_ms: int
    first: int
    last: int
    low: int
    high: int


class PastPath:
    """The path that ends with 0 at `ends_ms`. It depends only on the seed, that time, and the time it is asked for."""

    def __init__(self, seed: str, ends_ms: int) -> None:
        self._seed = seed
        self._ends_ms = ends_ms
        # The values at the beginnings of days, backwards from the end.
        self._days = [0]
        # Small ones: candles are asked for one after another.
        self._day = lru_cache(maxsize=32)(self._day_at)
        self._parts = lru_cache(maxsize=8)(self._parts_of)
        self._drawn = lru_cache(maxsize=32)(self._draw)

    def at(self, time_ms: int) -> int:
        """Return the value at a time before the end."""
        day = self._day(time_ms // DAY_MS)
        if time_ms == day.begins_ms:
            return day.first
        hour = self._parts(day, DAY_MS, HOUR_MS)[(time_ms - day.begins_ms) // HOUR_MS]
        if time_ms % MINUTE_MS == 0:
            return self._value(hour, HOUR_MS, time_ms)
        # This minute alone, narrower than among all minutes of its hour if one of the hour's extremes is in it.
        first = self._value(hour, HOUR_MS, time_ms // MINUTE_MS * MINUTE_MS)
        minute = self._part(hour, HOUR_MS, MINUTE_MS, (time_ms - hour.begins_ms) // MINUTE_MS, first)
        return self._value(minute, MINUTE_MS, time_ms)

    def stretch(self, time_ms: int, interval_ms: int) -> Stretch:
        """Return the minute, hour or day (UTC) that holds a time before the end; the last one ends with the path."""
        found = self._day(time_ms // DAY_MS)
        for longer_ms, shorter_ms in ((DAY_MS, HOUR_MS), (HOUR_MS, MINUTE_MS)):
            if interval_ms < longer_ms:
                found = self._parts(found, longer_ms, shorter_ms)[(time_ms - found.begins_ms) // shorter_ms]
        return found

    def _day_at(self, number: int) -> Stretch:
        newest = (self._ends_ms - 1) // DAY_MS
        back = newest - number
        while len(self._days) <= back + 1:
            begins_ms = (newest - len(self._days) + 1) * DAY_MS
            root = _root(min(self._ends_ms, begins_ms + DAY_MS) - begins_ms)
            moved = _deviate(self._drawn(begins_ms, "day", 8), 0) * root // UNIT
            self._days.append(self._days[-1] * KEPT // 1_000 - moved)
        first, last = self._days[back + 1], self._days[back]
        begins_ms, ends_ms = number * DAY_MS, min(self._ends_ms, (number + 1) * DAY_MS)
        drawn = self._drawn(begins_ms, "extremes of day", 2)
        return Stretch(begins_ms, ends_ms, first, last, *_extremes(first, last, ends_ms - begins_ms, *drawn))

    def _parts_of(self, whole: Stretch, longer_ms: int, shorter_ms: int) -> list[Stretch]:
        """Return all parts of a stretch. Where the path comes nearest to the whole's extremes it reaches them."""
        count = -(-(whole.ends_ms - whole.begins_ms) // shorter_ms)
        parts: list[Stretch] = []
        for number in range(count):
            parts.append(self._part(whole, longer_ms, shorter_ms, number, parts[-1].last if parts else whole.first))
        lows, highs = [part.low for part in parts], [part.high for part in parts]
        lowest, highest = lows.index(min(lows)), highs.index(max(highs))
        parts[lowest] = replace(parts[lowest], low=whole.low)
        parts[highest] = replace(parts[highest], high=whole.high)
        return parts

    def _part(self, whole: Stretch, longer_ms: int, shorter_ms: int, number: int, first: int) -> Stretch:
        begins_ms = whole.begins_ms + number * shorter_ms
        ends_ms = min(begins_ms + shorter_ms, whole.ends_ms)
        last = self._value(whole, longer_ms, ends_ms)
        drawn = self._drawn(whole.begins_ms, f"extremes in {longer_ms}", 120)[2 * number : 2 * number + 2]
        low, high = _extremes(first, last, ends_ms - begins_ms, *drawn)
        return Stretch(begins_ms, ends_ms, first, last, max(low, whole.low), min(high, whole.high))

    def _value(self, whole: Stretch, interval_ms: int, time_ms: int) -> int:
        """Return the value at a time in a stretch: Levy's construction, which turns back at the stretch's extremes."""
        length, into = whole.ends_ms - whole.begins_ms, time_ms - whole.begins_ms
        halvings = HALVINGS[interval_ms]
        drawn = self._drawn(whole.begins_ms, f"in {interval_ms}", 8 << halvings)
        value = whole.first + (whole.last - whole.first) * into // length
        root = _root(length)
        for level in range(halvings):
            piece, at = divmod(into << level, length)
            if not at:
                break
            moved = _deviate(drawn, (1 << level) - 1 + piece) * root // UNIT
            value += moved * min(at, length - at) // length
            root = root * 70_711 // 100_000
        if value > whole.high:
            return max(whole.low, 2 * whole.high - value)
        return min(whole.high, 2 * whole.low - value) if value < whole.low else value

    def _draw(self, begins_ms: int, what: str, count: int) -> bytes:
        return shake_128(f"{self._seed}/{begins_ms}/{what}".encode()).digest(count)


def _extremes(first: int, last: int, length_ms: int, below: int, above: int) -> tuple[int, int]:
    """Return the lowest and highest value of a random path between two values, at two shares of their distribution.

    https://en.wikipedia.org/wiki/Reflection_principle_(Wiener_process)
    """
    square, variance = (last - first) ** 2, UNIT * UNIT * length_ms // DAY_MS
    low, high = (isqrt(square + variance * EXPONENTIAL[share] // 1_000) for share in (below, above))
    return (first + last - low) // 2, (first + last + high) // 2


def _deviate(drawn: bytes, number: int) -> int:
    """Return roughly a standard normal deviate in billionths: the sum of four uniform numbers of 16 bits."""
    total: int = sum(unpack_from("<4H", drawn, 8 * number)) - 2 * 0xFFFF
    return total * UNIT * 1_000 // (0xFFFF * 577)


@lru_cache(maxsize=1_000)
def _root(length_ms: int) -> int:
    """Return the root of a time's part of a day: how far the path moves in it."""
    return isqrt(UNIT * UNIT * length_ms // DAY_MS)
