"""Runs of `backfill` against the simulated exchange and a table in moto, on a clock that only waiting moves."""

import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.request import urlopen

from shared.backfill import asker
from shared.backfill.asker import HistoryAsker
from shared.backfill.run import Backfill, Progress
from shared.model.assets import catalogue
from shared.model.candles import Candle
from shared.sources.all_histories import HISTORIES
from shared.sources.http_get import Answer, get
from shared.store.backfill_jobs import BackfillJobs
from shared.store.beginnings_table import BeginningsTable
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.trends_table import TrendsTable
from shared.store.whole_history import WholeHistory
from tests.backfill.asking import Waits
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.service_resource import Table

NOW_MS = 1_795_875_000_000 + 1_234  # 2026-11-28 14:10:01 UTC
ALMOST = 0.9  # of the series: CoinGecko has no minutes and one year of days
# A direct market, one at Binance, a renamed one with a past market, one of many coins, and one at CoinGecko alone.
FEW = ("BTC_CAD", "LTC_CAD", "FTM_CAD", "MKR_CAD", "ETHW_CAD")


@dataclass
class Stage:
    """An exchange, a table and a clock. `during` is called before each request of a run."""

    items: "Table"
    exchange: Exchange
    clock: Waits
    stop: Waits = field(default_factory=Waits)

    @property
    def jobs(self) -> BackfillJobs:
        return BackfillJobs(self.items, lambda: self.clock.now_ms)

    @property
    def history(self) -> WholeHistory:
        return WholeHistory(CandlesTable(self.items), CandleBlocksTable(self.items))

    def backfill(self, report: Callable[[Progress], None] = lambda _progress: None) -> Backfill:
        """Return a run; it ends when `stop` is set, which is the last run's."""
        self.stop = Waits(self.clock)
        askers = {
            history.name: HistoryAsker(history, self.exchange.url, stop=self.stop, now_ms=lambda: self.clock.now_ms)
            for history in (make() for make in HISTORIES)
        }
        return Backfill(
            self.jobs,
            CandleBlocksTable(self.items),
            TrendsTable(self.items),
            BeginningsTable(self.items),
            askers,
            self.stop,
            report,
        )

    def stored(self) -> Mapping[tuple[str, str], Any]:
        """Return what the runs have stored, without the job and the numbers of writes."""
        pages = self.items.meta.client.get_paginator("scan").paginate(TableName=self.items.name)
        items = chain.from_iterable(page["Items"] for page in pages)
        return {
            (str(item["pk"]), str(item["sk"])): {name: value for name, value in item.items() if name != "version"}
            for item in items
            if str(item["pk"]) != "BACKFILL"
        }


@contextmanager
def staged(items: "Table", began_ms: int, seed: int = 5) -> "Iterator[Stage]":
    clock = Waits()
    clock.now_ms = began_ms

    def get_in_no_time(*args: Any) -> Answer:
        with clock.standing_still():
            return get(*args)

    with (
        exchange_in_thread(SimulatedMarket(seed), clock_ms=lambda: clock.now_ms) as exchange,
        patch.object(asker, "get", get_in_no_time),
    ):
        yield Stage(items, exchange, clock)


def few() -> Mapping[str, Any]:
    """Return the part of the catalogue that the tests fetch."""
    return {symbol: catalogue()[symbol] for symbol in FEW}


def candles(stage: Stage, symbol: str, interval: str) -> list[Candle]:
    """Return the stored candles of a series."""
    found: list[Candle] = []
    while part := stage.history.read(
        symbol, interval, 500, now_ms=NOW_MS, before_ms=found[0].open_ms if found else None
    ):
        found = part + found
    return found


def asked(stage: Stage, path: str) -> Any:
    """Return what the exchange answers."""
    with urlopen(stage.exchange.url + path, timeout=30) as response:  # noqa: S310 - of the simulated exchange
        return json.loads(response.read(), parse_float=Decimal)


def ohlc(stage: Stage, pair: str, minutes: int) -> dict[int, list[Decimal]]:
    """Return Kraken's candles by their opening times."""
    stage.clock.now_ms += 2_000  # Kraken takes a request a second
    rows = next(iter(asked(stage, f"/0/public/OHLC?pair={pair}&interval={minutes}")["result"].values()))
    return {row[0] * 1000: [Decimal(text) for text in row[1:5]] for row in rows}
