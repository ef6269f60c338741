"""Fetches, converts and stores prices, tick after tick. The schedule invokes it, and so does the first subscriber."""

import os
import time
import warnings
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.ingest.lost_candles import LostCandles
from functions.ingest.past import Past
from functions.ingest.ticks import TickReport, Ticks
from functions.ingest.warm_up import warm_up
from shared.aws import invoke
from shared.backfill.recent_rates import RecentRates
from shared.backfill.start import Starter
from shared.settings import IngestSettings, read
from shared.sources.all_sources import AllSources
from shared.sources.keys import read_keys
from shared.sources.settings import read_source_settings
from shared.store.backfill_jobs import BackfillJobs
from shared.store.beginnings_table import BeginningsTable
from shared.store.candles_table import CandlesTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable
from shared.store.trends_table import TrendsTable

# A stand-by has written its metrics when its invocation ends.
warnings.filterwarnings("ignore", "No application metrics to publish")
logger, metrics = Logger(), Metrics()
settings = read(IngestSettings, os.environ)
source_settings = read_source_settings(os.environ)
items = table(settings.quotes_table, settings.tick_seconds)
quotes = QuotesTable(items)
candles = CandlesTable(items)
sources = AllSources(
    source_settings.base_urls,
    poll_every_ms=source_settings.poll_every_ms,
    tick_ms=settings.tick_seconds * 1000,
    keys=read_keys(source_settings.key_parameters),
)
minutes_written = [0]
starter = None
if settings.backfill_function:
    starter = Starter(BackfillJobs(items), partial(invoke, settings.backfill_function))
past = Past(
    RecentRates(source_settings.base_urls.get("kraken")),
    LostCandles(candles),
    TrendsTable(items),
    BeginningsTable(items),
    starter,
)
warm_up(sources, quotes.lease)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Runs for up to 130 s, as the holder of the lease and as a stand-by. Returns why it stopped."""
    ticks = Ticks(
        quotes,
        candles,
        sources,
        past,
        tick_seconds=settings.tick_seconds,
        stale_after_seconds=settings.stale_after_seconds,
        standby=settings.standby,
        report=report,
        failed=report_failures,
        paused=write_metrics,
    )
    stopped = ticks.run()
    logger.info("ingest stopped", reason=stopped)
    return {"stopped": stopped}


def report(tick: TickReport) -> None:
    """Write a tick's metrics. Log only what a person may have to act on, and at DEBUG the tick itself."""
    _write_metrics_each_minute()
    metrics.add_metric("TickDuration", MetricUnit.Milliseconds, tick.took_ms)
    metrics.add_metric("QuotesChanged", MetricUnit.Count, tick.changed)
    metrics.add_metric("SourceErrors", MetricUnit.Count, len(tick.errors))
    metrics.add_metric("CandlesPending", MetricUnit.Count, tick.candles_pending)
    metrics.add_metric("PricesHeld", MetricUnit.Count, tick.held)
    metrics.add_metric("QuotesAge", MetricUnit.Milliseconds, tick.quotes_age_ms)
    metrics.add_metric("SourcesSilent", MetricUnit.Milliseconds, tick.sources_silent_ms)
    for source in tick.errors:
        _count("SourceDown", source)
    for source in tick.suspects:
        _count("SourceSuspect", source)
    logger.debug("tick", seq=tick.seq, written=tick.written, poll_ms=tick.poll_ms, priced_ms=tick.priced_ms)
    if tick.errors:
        logger.warning("sources failed", seq=tick.seq, errors=tick.errors)
    if tick.newly_held:
        logger.warning("prices held", seq=tick.seq, held=tick.newly_held)
    if tick.unexplained:
        logger.warning("ticks unexplained", seq=tick.seq, ticks=tick.unexplained)
    if tick.suspects:
        logger.warning("sources suspect", seq=tick.seq, suspects=tick.suspects)


def report_failures(calls: int, error: str) -> None:
    """Write how many calls of DynamoDB failed in a tick, and the last error."""
    metrics.add_metric("StoreErrors", MetricUnit.Count, calls)
    logger.warning("store failed", calls=calls, error=error)


def write_metrics() -> None:
    """Write the metrics of the ticks up to now. CloudWatch dates them by their writing, and a run lasts minutes."""
    if metrics.metric_set:
        metrics.flush_metrics()


def _write_metrics_each_minute() -> None:
    minute = int(time.time()) // 60
    if minute != minutes_written[-1]:
        write_metrics()
        minutes_written[:] = [minute]


def _count(name: str, source: str) -> None:
    """Write a metric of one source. Powertools adds the service."""
    with single_metric(name=name, unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="source", value=source)
