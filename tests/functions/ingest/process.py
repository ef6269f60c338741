"""A run of the ingest as a process, to be killed: `python -m tests.functions.ingest.process TABLE TICK_SECONDS`.

It says `ready` before it takes the lease, and its epoch after each write.
"""

import sys
import time
from typing import TYPE_CHECKING, cast

from functions.ingest.ticks import Ticks
from shared.model.values import Snapshot
from shared.store.candles_table import CandlesTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable, Stored
from tests.functions.ingest.ingests import Market, NoPast

if TYPE_CHECKING:
    from functions.ingest.past import Past
    from shared.sources.all_sources import AllSources
    from tests.functions.ingest.ingests import Clock


class Real:
    """The real time, for a market whose answers take a while."""

    @property
    def ms(self) -> int:
        return time.time_ns() // 1_000_000

    @ms.setter
    def ms(self, value: int) -> None:
        time.sleep(max(0, value - self.ms) / 1000)


class SpokenTable(QuotesTable):
    def write_snapshot(self, snapshot: Snapshot, epoch: int, instead_of: Stored | None = None) -> None:
        super().write_snapshot(snapshot, epoch, instead_of)
        print(epoch, flush=True)


def main(name: str, tick_seconds: int) -> None:
    items = table(name, tick_seconds)
    ticks = Ticks(
        SpokenTable(items),
        CandlesTable(items),
        cast("AllSources", Market(cast("Clock", Real()))),
        cast("Past", NoPast()),
        tick_seconds=tick_seconds,
        stale_after_seconds=30,
        standby=True,
        report=lambda _tick: None,
        failed=lambda calls, error: print("failed", calls, error, file=sys.stderr),
        paused=lambda: None,
    )
    print("ready", flush=True)
    ticks.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
