"""The schedule's and the first subscriber's Lambda: fetch, convert, store, tick after tick."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.ingest.ticks import TickReport, Ticks
from shared.settings import IngestSettings, read
from shared.sources.all_sources import AllSources
from shared.store.candles_table import CandlesTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable

logger, metrics = Logger(), Metrics()
settings = read(IngestSettings, os.environ)
quotes = QuotesTable(table(settings.quotes_table))
candles = CandlesTable(table(settings.quotes_table))


def coingecko_key() -> str:
    """Read at a cold start, where a deployment has one. Its value goes into a header and nowhere else."""
    if not settings.coingecko_key_parameter:
        return ""
    from aws_lambda_powertools.utilities import parameters

    return str(parameters.get_parameter(settings.coingecko_key_parameter, decrypt=True))


sources = AllSources(
    settings.base_urls,
    poll_every_ms=settings.poll_every_ms,
    tick_ms=settings.tick_seconds * 1000,
    coingecko_key=coingecko_key(),
)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Runs up to 75 s; says why it stopped."""
    ticks = Ticks(
        quotes,
        candles,
        sources,
        tick_seconds=settings.tick_seconds,
        stale_after_seconds=settings.stale_after_seconds,
        report=report,
    )
    stopped = ticks.run()
    logger.info("ingest stopped", reason=stopped)
    return {"stopped": stopped}


def report(tick: TickReport) -> None:
    """A tick's metrics; a log line only for what somebody may have to look at, or is looking for."""
    metrics.add_metric("TickDuration", MetricUnit.Milliseconds, tick.took_ms)
    metrics.add_metric("QuotesChanged", MetricUnit.Count, tick.changed)
    metrics.add_metric("SourceErrors", MetricUnit.Count, len(tick.errors))
    metrics.add_metric("CandlesPending", MetricUnit.Count, tick.candles_pending)
    metrics.add_metric("PricesHeld", MetricUnit.Count, tick.held)
    for source in tick.errors:
        _count("SourceDown", source)
    for source in tick.suspects:
        _count("SourceSuspect", source)
    logger.debug("tick", seq=tick.seq, written=tick.written, priced_ms=tick.priced_ms)
    if tick.errors:
        logger.warning("sources failed", seq=tick.seq, errors=tick.errors)
    if tick.unexplained:
        logger.warning("ticks unexplained", seq=tick.seq, ticks=tick.unexplained)
    if tick.suspects:
        logger.warning("sources suspect", seq=tick.seq, suspects=tick.suspects)


def _count(name: str, source: str) -> None:
    """A metric of one source. Powertools adds the service itself."""
    with single_metric(name=name, unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="source", value=source)
