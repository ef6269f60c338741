"""Fetches candles that the feed has not seen itself from the exchanges' histories. The ingest and charts invoke it."""

import os
import time
from threading import Event, Timer
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.backfill.asker import HistoryAsker
from shared.backfill.run import Backfill, Progress
from shared.model.assets import catalogue
from shared.settings import BackfillSettings, read
from shared.sources.all_histories import HISTORIES
from shared.sources.keys import read_keys
from shared.sources.settings import read_source_settings
from shared.store.backfill_jobs import BackfillJobs
from shared.store.beginnings_table import BeginningsTable
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.dynamodb import table
from shared.store.trends_table import TrendsTable

STOPPED_BEFORE_TIMEOUT_S = 20  # a request in progress may take ten seconds, and its candles have to be stored
REPORT_EVERY = 25

logger = Logger()
settings = read(BackfillSettings, os.environ)
source_settings = read_source_settings(os.environ)
keys = read_keys(source_settings.key_parameters)
quotes = table(settings.quotes_table)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Works on the current job, or with `{"minutes_of": "BTC_CAD"}` fetches that symbol's minutes. Returns how it
    ended."""
    stop = Event()
    timer = Timer(context.get_remaining_time_in_millis() / 1000 - STOPPED_BEFORE_TIMEOUT_S, stop.set)
    timer.start()
    try:
        ended = _run(event, stop)
    finally:
        timer.cancel()
    logger.info("backfill ended", how=ended)
    return {"ended": ended}


def _run(event: dict[str, Any], stop: Event) -> str:
    askers = {
        history.name: HistoryAsker(
            history, source_settings.base_urls.get(history.name), keys.get(history.name), stop=stop
        )
        for history in (make() for make in HISTORIES)
    }
    backfill = Backfill(
        BackfillJobs(quotes),
        CandleBlocksTable(quotes),
        TrendsTable(quotes),
        BeginningsTable(quotes),
        askers,
        stop,
        _report,
    )
    symbol = event.get("minutes_of")
    if symbol is None:
        return backfill.run()
    if symbol not in catalogue():
        raise ValueError(f"no such symbol: {symbol!r:.40}")
    return backfill.fetch_minutes(symbol, time.time_ns() // 1_000_000)


def _report(progress: Progress) -> None:
    if progress.done % REPORT_EVERY == 0 or progress.done == progress.of:
        logger.info(
            "backfill goes on",
            done=progress.done,
            of=progress.of,
            candles=progress.candles,
            items=progress.items,
            given_up=sorted(progress.given_up),
        )
