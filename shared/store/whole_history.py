"""The closed candles of a symbol: the feed's own, and between and before them those from exchanges' histories."""

from shared.model.candles import Candle, kept_from_ms
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candle_keys import LATEST_MS
from shared.store.candles_table import CandlesTable


class WholeHistory:
    """Reads both kinds of candles as one."""

    def __init__(self, own: CandlesTable, past: CandleBlocksTable) -> None:
        self._own = own
        self._past = past

    def read(
        self, symbol: str, interval: str, limit: int, *, now_ms: int, before_ms: int | None = None
    ) -> list[Candle]:
        """The newest `limit` candles (at most 500) that began before `before_ms`, oldest first.

        The feed's own candle serves, unless it has a single tick and the exchange's own candle is known: one tick has
        no range.
        """
        own = self._own.read(symbol, interval, limit, now_ms=now_ms, before_ms=before_ms)
        from_ms = own[0].open_ms if len(own) == limit else kept_from_ms(interval, now_ms)
        until_ms = LATEST_MS if before_ms is None else before_ms
        past = self._past.read(symbol, interval, limit, from_ms=from_ms, until_ms=until_ms)
        served = {candle.open_ms: candle for candle in own}
        for candle in past:
            if candle.open_ms not in served or served[candle.open_ms].ticks == 1:
                served[candle.open_ms] = candle
        return [served[open_ms] for open_ms in sorted(served)][-limit:]
