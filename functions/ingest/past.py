"""What the ingest does about the time before its ticks: the rates of the last day, candles in progress, the hours for
trends, a backfill.

Prices come first: nothing here delays a tick for longer than its sources may take, and a failure only leaves a line in
the log.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from aws_lambda_powertools import Logger

from functions.ingest.lost_candles import LostCandles
from shared.backfill.recent_rates import HourlyRates, RecentRates
from shared.backfill.start import Starter
from shared.model.candles import DAY_MS, Candle, Closed
from shared.model.values import Snapshot
from shared.pricing.fx import a_day_ago, with_past
from shared.pricing.opening import Beginnings, with_beginnings
from shared.store.backfill_jobs import Job
from shared.store.beginnings_table import BeginningsTable
from shared.store.trends_table import TrendsTable

logger = Logger(child=True)

MOST_PENDING_HOURS = 24 * 100


class Past:
    """`starter` is `None` if the deployment does without a backfill."""

    def __init__(
        self,
        rates: RecentRates,
        lost: LostCandles,
        trends: TrendsTable,
        beginnings: BeginningsTable,
        starter: Starter | None,
    ) -> None:
        self._rates = rates
        self._lost = lost
        self._trends = trends
        self._beginnings = beginnings
        self._starter = starter
        self._begun: Beginnings = {}
        self._known_rates: dict[str, HourlyRates] = {}  # that have come, until they are in a snapshot
        self._pending: list[tuple[str, Candle]] = []  # hours that are not in the trends yet

    def begin(self, snapshot: Snapshot, now_ms: int) -> None:
        """Before the first tick of a run, given the stored snapshot: ask for the rates' last day if the feed has not
        recorded it, and see whether candles were lost or a backfill is due."""
        self._lost.begin(snapshot, now_ms)
        if _lacks_rates(snapshot, now_ms):
            self._rates.ask(now_ms)
        if starter := self._starter:
            self._try("look for a backfill", lambda: starter.look(_last_price_ms(snapshot), now_ms))
            self._try("read the beginnings of candles", lambda: self._read_beginnings(starter.job, now_ms))

    def completed(self, snapshot: Snapshot, timeout_s: float, now_ms: int) -> Snapshot:
        """The snapshot with what the feed has not seen itself: the beginnings of its candles in progress, and the rates
        of the last day, if they have come by now or come in time. A tick that fails gets them again."""
        snapshot = self._lost.completed(snapshot, now_ms)
        if self._begun and self._starter and (job := self._starter.job):
            snapshot = replace(snapshot, candles=with_beginnings(snapshot.candles, self._begun, job.from_ms))
        if not _lacks_rates(snapshot, now_ms):
            return snapshot
        past = self._known_rates = {**self._known_rates, **self._rates.answered(timeout_s)}
        return replace(
            snapshot,
            usd_cad_history=with_past(snapshot.usd_cad_history, past.get("USD", ()), now_ms),
            usdt_cad_history=with_past(snapshot.usdt_cad_history, past.get("USDT", ()), now_ms),
        )

    def ticked(self, closed: Iterable[Closed]) -> None:
        """After a tick: add the hours that it closed to the trends, read candles that were lost, and invoke a backfill
        that is due."""
        self._begun, self._known_rates = {}, {}  # they are in its snapshot
        self._try("read lost candles", self._lost.read)
        self._pending += [(symbol, candle) for symbol, interval, candle in closed if interval == "1h"]
        if self._pending and self._try("write trends", lambda: self._trends.add(self._pending)):
            self._pending = []
        self._pending = self._pending[-MOST_PENDING_HOURS:]
        if starter := self._starter:
            self._try("invoke backfill", starter.invoke)

    def _read_beginnings(self, job: Job | None, now_ms: int) -> None:
        """Once per run, on the day of a job: afterwards no candle of that time is in progress any more."""
        is_of_today = job is not None and job.until_ms // DAY_MS == now_ms // DAY_MS
        self._begun = self._beginnings.read() if is_of_today else {}

    def _try(self, what: str, do: Callable[[], None]) -> bool:
        try:
            do()
        except Exception:  # whatever is stored or fails, prices come first
            logger.warning("could not %s", what, exc_info=True)
            return False
        return True


def _last_price_ms(snapshot: Snapshot) -> int:
    """When a source last confirmed a price. A snapshot is also written when no source answers."""
    return max((quote.seen_ms for quote in snapshot.quotes.values()), default=0)


def _lacks_rates(snapshot: Snapshot, now_ms: int) -> bool:
    histories = (snapshot.usd_cad_history, snapshot.usdt_cad_history)
    return any(a_day_ago(history, now_ms) is None for history in histories)
