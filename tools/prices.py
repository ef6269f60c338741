"""`make prices`: one tick of the feed without AWS, as a table: each price, where it comes from, how old it is."""

import argparse
import sys
import time

from rich.console import Console
from rich.table import Table

from shared.model.assets import catalogue
from shared.model.staleness import ages
from shared.model.values import Quote, Snapshot
from shared.model.wire import number_text
from shared.pricing.next_snapshot import next_snapshot
from shared.sources.all_sources import AllSources
from tools.local.aws import CannotStart
from tools.market_source import market

TIMEOUT_S = 10.0
TICK_S, STALE_AFTER_S = 5, 60
WIDTH = 180  # where it goes to a file or another program: nothing is cut off


def main() -> int:
    """Return 0, or 1 after naming the assets without a price."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        with market(options.exchange, live=options.live) as urls, console.status("asking the sources"):
            polled = AllSources(urls).poll(TIMEOUT_S)
    except CannotStart as error:
        console.print(str(error), style="red", markup=False)
        return 1
    now_ms = time.time_ns() // 1_000_000
    snapshot = next_snapshot(Snapshot(), polled, now_ms, ages(TICK_S, STALE_AFTER_S))
    console.print(table(snapshot, now_ms))
    for name, state in snapshot.sources.items():
        console.print(f"{name}: {state.error or 'ok'}", style="red" if state.error else "green", markup=False)
    missing = [symbol for symbol in catalogue() if symbol in snapshot.unavailable]
    console.print(f"{len(snapshot.quotes)} priced, {len(missing)} unavailable: {' '.join(missing) or 'none'}")
    return 1 if missing else 0


def table(snapshot: Snapshot, now_ms: int) -> Table:
    """Return the quotes as rows with every digit."""
    made = Table("symbol", box=None, header_style="underline", pad_edge=False)
    for heading in ("bid", "ask", "spot", "change", "change %", "age s"):
        made.add_column(heading, justify="right", no_wrap=True)
    made.add_column("source", no_wrap=True)
    for quote in snapshot.quotes.values():
        made.add_row(quote.symbol, *_numbers(quote), str((now_ms - quote.ts_ms) // 1000), _source(quote))
    return made


def _numbers(quote: Quote) -> list[str]:
    return [number_text(n) for n in (quote.bid, quote.ask, quote.spot, quote.change, quote.change_pct)]


def _source(quote: Quote) -> str:
    return f"{quote.source} (simulated)" if quote.simulated else quote.source


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.prices", description=__doc__)
    parser.add_argument("--live", action="store_true", help="ask the live sources, not the exchange on this machine")
    parser.add_argument("exchange", nargs="*", metavar="-- OPTION", help="of python -m tools.simulator")
    return parser


if __name__ == "__main__":
    sys.exit(main())
