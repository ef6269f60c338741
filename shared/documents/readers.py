"""Those who read prices over HTTP are an audience: the ingest runs for as long as they read."""

from collections.abc import Callable

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.requests.wake import wake_ingest_if_none_runs
from shared.store.quotes_table import READERS_STAY_MS, QuotesTable

logger = Logger(child=True)

JOIN_EVERY_MS = READERS_STAY_MS // 3
LOOK_EVERY_MS = 2_000  # while the feed is late


class Readers:
    """Tells the feed that somebody reads. `wake_ingest` starts an ingest when none runs."""

    def __init__(self, quotes: QuotesTable, wake_ingest: Callable[[], None], longest_ms: int) -> None:
        self._quotes = quotes
        self._wake_ingest = wake_ingest
        self._longest_ms = longest_ms
        self._joined_ms = 0

    def heard(self, now_ms: int, *, is_late: bool) -> None:
        """Count a reader, and start an ingest if none runs: a write in twenty seconds of a process, or in two while the
        feed is late. If that fails, the next reader does it; this one is answered all the same."""
        if abs(now_ms - self._joined_ms) < (LOOK_EVERY_MS if is_late else JOIN_EVERY_MS):
            return
        try:
            self._quotes.join_readers(now_ms)
            wake_ingest_if_none_runs(self._quotes, now_ms, self._longest_ms, self._wake_ingest)
        except (ClientError, BotoCoreError):
            logger.warning("a reader could not be counted", exc_info=True)
        else:
            self._joined_ms = now_ms
