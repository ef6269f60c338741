"""A run of `backfill`: works on the current job until it is done or the time is over."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Event

from shared.backfill.asker import GivenUp, HistoryAsker, Stopped
from shared.backfill.past_rates import PastRates
from shared.backfill.series import Series, fetch
from shared.model.assets import Asset, Market, catalogue
from shared.model.candles import BACKFILLED_MS, INTERVAL_MS, Candle
from shared.model.trends import HOUR_MS, HOURS
from shared.pricing.past import intervals_between
from shared.sources.history import Wanted
from shared.store.backfill_jobs import BackfillJobs, Job, Taken
from shared.store.beginnings_table import BeginningsTable
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.trends_table import TrendsTable

THREADS_PER_SOURCE = 4
HEARD_EVERY_S = 10.0


@dataclass(slots=True)
class Progress:
    """How far a run is: series that are stored, of how many, candles and items that it wrote, and sources that it gave
    up."""

    of: int
    done: int = 0
    candles: int = 0
    items: int = 0
    given_up: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The series that a task has stored, if it is one of a series, and the candle of it that is in progress."""

    series: Series | None = None
    in_progress: Candle | None = None
    candles: int = 0
    items: int = 0


_Task = Callable[[], _Stored]


class Backfill:
    """Fetches, converts and stores. `report` is told how far it is whenever something was stored."""

    def __init__(
        self,
        jobs: BackfillJobs,
        blocks: CandleBlocksTable,
        trends: TrendsTable,
        beginnings: BeginningsTable,
        askers: Mapping[str, HistoryAsker],
        stop: Event,
        report: Callable[[Progress], None],
    ) -> None:
        self._jobs = jobs
        self._blocks = blocks
        self._trends = trends
        self._beginnings = beginnings
        self._askers = askers
        self._stop = stop
        self._report = report
        self._hours: SimpleQueue[tuple[str, list[Candle]]] = SimpleQueue()  # for the trends

    def run(self) -> str:
        """Work on the job. Returns how it ended: `whole`, `incomplete` (a source was given up; there is another run in
        an hour), `cut` (the next run goes on), or `nothing to do`."""
        try:
            job = self._jobs.take()
        except Taken:
            return "nothing to do"
        try:
            return self._work(job)
        except (Stopped, Taken):
            return "cut"

    def fetch_minutes(self, symbol: str, now_ms: int) -> str:
        """Fetch a symbol's minutes of the last hours, which a chart has asked for. Returns how it ended, as `run`."""
        try:
            self._jobs.claim_minutes(symbol)
        except Taken:
            return "nothing to do"
        rates = PastRates(self._askers, now_ms, BACKFILLED_MS)
        try:
            self._store(Series(catalogue()[symbol], "1m"), now_ms - BACKFILLED_MS["1m"], now_ms, rates)
        except (GivenUp, Stopped):
            return "incomplete"
        finally:
            self._jobs.release_minutes()
        return "whole"

    def _work(self, job: Job) -> str:
        tasks = self._tasks(job)
        progress = Progress(of=sum(len(each) for each in tasks.values()))
        with ExitStack() as pools:
            # Every source has threads of its own, so that a slow one keeps no other waiting.
            running = {
                pool.submit(task)
                for of_source in tasks.values()
                for pool in [pools.enter_context(ThreadPoolExecutor(THREADS_PER_SOURCE))]
                for task in of_source
            }
            try:
                self._collect(job, running, progress)
            finally:
                self._stop.set()  # after an error; otherwise every task has ended
                for future in running:
                    future.cancel()
        self._jobs.end(job, is_whole=not progress.given_up)
        return "incomplete" if progress.given_up else "whole"

    def _collect(self, job: Job, running: set[Future[_Stored]], progress: Progress) -> None:
        """Note what the tasks have stored, as they end.

        Raises:
            Stopped: the run has to end.
            Taken: another job has taken the place of this one.
        """
        while running:
            ended, running = wait(running, HEARD_EVERY_S, FIRST_COMPLETED)
            stored = list(self._results(ended, progress))
            self._add_trends()
            begun = {(e.series.asset.symbol, e.series.interval): e.in_progress for e in stored if e.series}
            if known := {key: candle for key, candle in begun.items() if candle}:
                self._beginnings.add(known)
            self._jobs.progressed(job, [each.series.name for each in stored if each.series])
            progress.done += len(stored)
            progress.candles += sum(each.candles for each in stored)
            progress.items += sum(each.items for each in stored)
            if stored:
                self._report(progress)

    def _results(self, ended: Iterable[Future[_Stored]], progress: Progress) -> Iterator[_Stored]:
        for future in ended:
            try:
                yield future.result()
            except GivenUp as error:
                progress.given_up.add(str(error))

    def _tasks(self, job: Job) -> dict[str, list[_Task]]:
        """What is to be done, by the source of the asset's first market.

        The trends come first, which the page shows: by a request of their own where all hours take several.
        """
        rates = PastRates(self._askers, job.until_ms, BACKFILLED_MS)
        known = self._trends.read()
        tasks: dict[str, list[_Task]] = {asset.markets[0].source: [] for asset in catalogue().values()}
        for asset in catalogue().values():
            if known.lacks_any(asset.symbol, job.until_ms) and self._hours_take_several(asset.markets[0], job):
                tasks[asset.markets[0].source].append(partial(self._fetch_trend, asset, job, rates))
        for interval, depth_ms in BACKFILLED_MS.items():
            from_ms = max(job.from_ms, job.until_ms - depth_ms)
            for asset in catalogue().values():
                series = Series(asset, interval)
                if series.name not in job.done:
                    task = partial(self._store, series, from_ms, job.until_ms, rates)
                    tasks[asset.markets[0].source].append(task)
        return tasks

    def _hours_take_several(self, market: Market, job: Job) -> bool:
        """Whether the market's source takes several requests for all hours of the job."""
        from_ms = max(job.from_ms, job.until_ms - BACKFILLED_MS["1h"]) // HOUR_MS * HOUR_MS
        return self._askers[market.source].requests_for(Wanted(market.name, "1h", from_ms, job.until_ms)) > 1

    def _fetch_trend(self, asset: Asset, job: Job, rates: PastRates) -> _Stored:
        until_ms = job.until_ms // HOUR_MS * HOUR_MS
        begins = range(until_ms - HOURS * HOUR_MS, until_ms, HOUR_MS)
        for found in fetch(Series(asset, "1h"), begins, self._askers, rates):
            self._hours.put((asset.symbol, found))
        return _Stored()

    def _store(self, series: Series, from_ms: int, until_ms: int, rates: PastRates) -> _Stored:
        """Store what each market has as soon as it is there: the next one may have to wait for its turn."""
        begins = intervals_between(series.interval, from_ms, until_ms)
        current_ms = until_ms // INTERVAL_MS[series.interval] * INTERVAL_MS[series.interval]
        also = () if series.interval == "1m" else (current_ms,)  # a minute is over before the ingest could use it
        in_progress, candles, items = None, 0, 0
        for found in fetch(series, (*begins, *also), self._askers, rates):
            if found[-1].open_ms == current_ms:
                in_progress = found.pop()
            items += self._blocks.add(series.asset.symbol, series.interval, found)
            candles += len(found)
            if series.interval == "1h":
                self._hours.put((series.asset.symbol, found[-HOURS:]))
        return _Stored(series, in_progress, candles, items)

    def _add_trends(self) -> None:
        """Add the hours that came since the last time."""
        hours = [self._hours.get_nowait() for _ in range(self._hours.qsize())]
        if trends := [(symbol, candle) for symbol, found in hours for candle in found]:
            self._trends.add(trends)
