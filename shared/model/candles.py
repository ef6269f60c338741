"""Candles of `spot` in CAD: one minute, one hour, one day (UTC)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

INTERVAL_MS = {"1m": 60_000, "1h": 3_600_000, "1d": 86_400_000}
DAY_MS = INTERVAL_MS["1d"]
KEPT_MS = {"1m": 2 * DAY_MS, "1h": 90 * DAY_MS}  # from the interval's end; other candles are kept for good
# How far back candles are fetched from exchanges' histories, in the order in which they are fetched.
BACKFILLED_MS = {"1h": 90 * DAY_MS, "1d": 730 * DAY_MS, "1m": DAY_MS // 3}


@dataclass(frozen=True, slots=True)
class Candle:
    """The first, highest, lowest and last price in CAD of the interval that began at `open_ms`; as an exchange states
    it, in the market's currency.

    `ticks` is how many of the feed's own ticks had a price in it: 0 for a candle from an exchange's history, `None` for
    one that was stored before ticks were counted.
    """

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    ticks: int | None = 0


OpenCandles: TypeAlias = Mapping[str, Mapping[str, Candle]]  # symbol -> interval -> the candle in progress
Closed: TypeAlias = tuple[str, str, Candle]  # symbol, interval, its final candle


def kept_from_ms(interval: str, now_ms: int) -> int:
    """Since when the candles of an interval are kept, by when they began; 0: for good."""
    kept_ms = KEPT_MS.get(interval)
    return 0 if kept_ms is None else max(0, now_ms - kept_ms - INTERVAL_MS[interval] + 1)
