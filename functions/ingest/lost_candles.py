"""Candles in progress that were lost with a broken snapshot: the closed ones of the hour and the day begin them.

Only the minute in which the snapshot broke begins again.
"""

from dataclasses import replace

from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.values import Snapshot
from shared.pricing.opening import Beginnings, joined, with_earlier
from shared.store.candles_table import CandlesTable

SYMBOLS_A_TICK = 25  # two reads each


class LostCandles:
    """Reads the closed candles of some symbols after each tick, so that no price waits for them."""

    def __init__(self, candles: CandlesTable) -> None:
        self._candles = candles
        self._left: list[str] = []
        self._lost_ms = 0
        self._found: Beginnings = {}

    def begin(self, snapshot: Snapshot, now_ms: int) -> None:
        """Before the first tick of a run: whether the stored snapshot has lost its candles."""
        self._left = [] if snapshot.candles else list(catalogue())
        self._lost_ms = now_ms
        self._found = {}

    def completed(self, snapshot: Snapshot, now_ms: int) -> Snapshot:
        """The snapshot with the beginnings that the last `read` has found."""
        if not self._found:
            return snapshot
        return replace(snapshot, candles=with_earlier(snapshot.candles, self._found, now_ms))

    def read(self) -> None:
        """After a tick: what was found is in its snapshot; read the next symbols.

        Raises:
            ClientError: DynamoDB refuses; the next call reads the same symbols.
            BotoCoreError: DynamoDB does not answer; the next call reads the same symbols.
        """
        self._found = {}
        symbols = self._left[:SYMBOLS_A_TICK]
        found = {(symbol, interval): c for symbol in symbols for interval, c in self._beginnings(symbol).items()}
        self._found, self._left = found, self._left[SYMBOLS_A_TICK:]

    def _beginnings(self, symbol: str) -> dict[str, Candle]:
        """The hour and the day up to the minute in which they were lost."""
        minute_ms, hour_ms, day_ms = (
            self._lost_ms // INTERVAL_MS[each] * INTERVAL_MS[each] for each in ("1m", "1h", "1d")
        )
        minutes = self._closed(symbol, "1m", hour_ms, minute_ms)
        hours = self._closed(symbol, "1h", day_ms, hour_ms)
        found = {"1h": (minutes, hour_ms), "1d": ([*hours, *minutes], day_ms)}
        return {interval: joined(closed, open_ms) for interval, (closed, open_ms) in found.items() if closed}

    def _closed(self, symbol: str, interval: str, from_ms: int, until_ms: int) -> list[Candle]:
        most = (until_ms - from_ms) // INTERVAL_MS[interval]
        if not most:
            return []
        read = self._candles.read(symbol, interval, most, now_ms=self._lost_ms, before_ms=until_ms)
        return [candle for candle in read if candle.open_ms >= from_ms]
