"""Candles of `spot` in CAD: one minute, one hour, one day (UTC)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

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
