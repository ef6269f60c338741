"""Minutes in which nobody listened have a single tick, so no range: a chart that shows them gets the market's own."""

from collections.abc import Callable, Iterable

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.model.candles import BACKFILLED_MS, Candle

logger = Logger(child=True)

ASKED_EVERY_MS = 180_000
PAUSE_MS = 2_000


class MinutesBackfill:
    """`invoke` is called with a symbol, at most once in three minutes. It is `None` without a backfill."""

    def __init__(self, invoke: Callable[[str], None] | None) -> None:
        self._invoke = invoke
        self._asked_ms: dict[str, int] = {}
        self._last_ms = 0

    def look(self, symbol: str, closed: Iterable[Candle], now_ms: int) -> None:
        """Ask for a symbol's minutes if any of the last hours has a single tick. If that fails, the next request asks
        again; this one is answered all the same."""
        if self._invoke is None or now_ms - self._asked_ms.get(symbol, 0) < ASKED_EVERY_MS:
            return
        if now_ms - self._last_ms < PAUSE_MS:
            return  # one run at a time works on minutes
        if any(candle.ticks == 1 and candle.open_ms >= now_ms - BACKFILLED_MS["1m"] for candle in closed):
            self._last_ms = now_ms
            try:
                self._invoke(symbol)
            except (ClientError, BotoCoreError):
                logger.warning("could not invoke backfill", exc_info=True)
            else:
                self._asked_ms[symbol] = now_ms
