"""What a first backfill takes: `python -m tools.bench.backfill`, against the simulated exchange and a table in memory.

Counts requests, candles, items, and DynamoDB's write units by its documented rules. The times depend on the machine.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import math
import sys
import time
from collections.abc import Mapping
from threading import Event
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from shared.backfill.asker import HistoryAsker
from shared.backfill.run import Backfill, Progress
from shared.sources.all_histories import HISTORIES
from shared.store.backfill_jobs import JOB_KEY, BackfillJobs
from shared.store.beginnings_table import BeginningsTable
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.trends_table import TrendsTable
from tools.bench.emulator import create_table, database_at
from tools.bench.read_units import item_bytes
from tools.simulator.server import exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

WRITE_UNIT_BYTES = 1_024
OK = 200
REPORT_EVERY = 25
AS_NOBODY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "ca-central-1"}


def main() -> int:
    """Run it and print what it took. Returns 0 if every series was stored."""
    with patch.dict("os.environ", AS_NOBODY), mock_aws(), exchange_in_thread(SimulatedMarket(seed=1)) as exchange:
        table = create_table(database_at(), "quotes")
        puts: list[int] = []
        updates: list[int] = []
        events = table.meta.client.meta.events
        events.register_first(
            "before-parameter-build.dynamodb.PutItem", lambda params, **_: puts.append(_units(params["Item"]))
        )
        events.register_first("before-parameter-build.dynamodb.UpdateItem", lambda **_: updates.append(1))
        began, used = time.monotonic(), time.process_time()
        stop = Event()
        askers = {h.name: HistoryAsker(h, exchange.url, stop=stop) for h in (make() for make in HISTORIES)}
        jobs, last = BackfillJobs(table), Progress(0)

        def report(progress: Progress) -> None:
            nonlocal last
            last = progress
            if progress.done % REPORT_EVERY == 0:
                _say(f"{time.monotonic() - began:5.0f} s  {progress.done} of {progress.of}")

        jobs.start(0, time.time_ns() // 1_000_000)
        ended = Backfill(
            jobs, CandleBlocksTable(table), TrendsTable(table), BeginningsTable(table), askers, stop, report
        ).run()
        items = _items(table)
        blocks = [item for item in items if str(item["pk"]).startswith("PAST#")]
        _say(f"{ended}: {last.candles:,} candles in {len(blocks):,} items of {sum(map(item_bytes, blocks)):,} bytes")
        # The progress is one item, which grows.
        (job,) = (item for item in items if item["pk"] == JOB_KEY["pk"] and item["sk"] == JOB_KEY["sk"])
        units = sum(puts) + len(updates) * _units(job)
        _say(f"{len(puts) + len(updates):,} writes of at most {units:,} write units, with trends and progress")
        _say("requests: " + ", ".join(f"{source} {n}" for source, n in exchange.requests_since_start.most_common()))
        refused = sum(count for (_, status), count in exchange.statuses_since_reset.items() if status != OK)
        _say(f"refused: {refused}")
        _say(f"{time.monotonic() - began:.0f} s, {time.process_time() - used:.0f} s of CPU, the exchange's included")
    return 0 if ended == "whole" else 1


def _items(table: Any) -> list[dict[str, Any]]:
    pages = table.meta.client.get_paginator("scan").paginate(TableName=table.name)
    return [item for page in pages for item in page["Items"]]


def _units(item: Mapping[str, Any]) -> int:
    return math.ceil(item_bytes(item) / WRITE_UNIT_BYTES)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
