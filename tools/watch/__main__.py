"""The terminal client's command line: `python -m tools.watch --help`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.live import Live

from tools.watch.book import Book, Kind
from tools.watch.client import Frame, Target, follow, now_ms, tls
from tools.watch.prices import percent_text, price_text
from tools.watch.status import Status
from tools.watch.table import SORTS, picture, screenshot

DEFAULT_URL = "wss://localhost:8000/markets/ws/"
REDRAW_EVERY_S = 0.25
SCREENSHOT_WIDTH, SCREENSHOT_ROWS = 120, 24
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run the client; the process's exit code."""
    options = _parse(arguments)
    try:
        return asyncio.run(_watch(options))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.watch", description="Follow live crypto quotes in CAD.")
    parser.add_argument("--url", default=DEFAULT_URL, help="the feed's address (default: %(default)s)")
    parser.add_argument("--channel", choices=("rates_batch", "rates"), default="rates_batch")
    parser.add_argument("--symbols", default="", metavar="BTC_CAD,ETH_CAD", help="only these (default: all)")
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="a CA to trust besides the system's (default: the local stack's)"
    )
    parser.add_argument("--json", action="store_true", help="print every frame as it comes, one per line")
    parser.add_argument("--count", type=int, metavar="N", help="leave with code 0 after N frames with quotes")
    parser.add_argument(
        "--sort", choices=SORTS, default="feed", help="the table's order (default: as the feed lists them)"
    )
    parser.add_argument("--rows", type=int, metavar="N", help="show at most N quotes")
    parser.add_argument(
        "--screenshot", type=Path, metavar="FILE.svg", help="write the first snapshot's table and leave"
    )
    options = parser.parse_args(arguments)

    address = urlsplit(options.url)
    if address.scheme not in {"wss", "ws"} or not address.hostname:
        parser.error(f"--url {options.url}: an address begins with wss:// (or ws://)")
    for name in ("count", "rows"):
        if (number := getattr(options, name)) is not None and number < 1:
            parser.error(f"--{name} is at least 1")
    if options.screenshot and options.channel != "rates_batch":
        parser.error("--screenshot needs --channel rates_batch: only that has one snapshot")
    symbols = tuple(symbol.strip().upper() for symbol in options.symbols.split(",") if symbol.strip())
    options.target = Target(options.url, options.channel, symbols, options.ca)
    try:
        tls(options.target)
    except OSError as error:
        parser.error(f"--ca {options.ca}: {error.strerror or error}")
    return options


async def _watch(options: argparse.Namespace) -> int:
    # So that `kill` leaves the terminal as tidy as Ctrl-C does.
    task = asyncio.current_task()
    if task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    book, status = Book(), Status(options.url)
    try:
        if options.screenshot:
            await _screenshot(options, book, status)
        elif options.json:
            await _consume(options, book, status, lambda frame: _print(" ".join(frame.text.splitlines())))
        elif sys.stdout.isatty():
            await _live(options, book, status)
        else:
            await _consume(options, book, status, partial(_print_quotes, book))
    except asyncio.CancelledError:
        return INTERRUPTED
    return 0


async def _consume(
    options: argparse.Namespace,
    book: Book,
    status: Status,
    use: Callable[[Frame], None],
    tell: Callable[[str], None] | None = None,
) -> None:
    left = options.count
    async with aclosing(follow(options.target, book, status, tell or _tell)) as frames:
        async for frame in frames:
            use(frame)
            if left is not None and frame.outcome.kind is Kind.DATA:
                left -= 1
                if not left:
                    return


async def _live(options: argparse.Namespace, book: Book, status: Status) -> None:
    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:

        async def redraw() -> None:
            # Ages and the countdown move without any frame, and a burst of frames needs one picture only.
            while True:
                size = (console.width, console.height)
                live.update(picture(book, status, now_ms(), size, sort=options.sort, rows=options.rows), refresh=True)
                await asyncio.sleep(REDRAW_EVERY_S)

        async with asyncio.TaskGroup() as tasks:
            drawing = tasks.create_task(redraw())
            await _consume(options, book, status, lambda _: None, lambda _: None)
            drawing.cancel()
    # The live screen is gone by now: what it showed last stays on the terminal.
    console.print(picture(book, status, now_ms(), console.size, sort=options.sort, rows=options.rows))


async def _screenshot(options: argparse.Namespace, book: Book, status: Status) -> None:
    async with aclosing(follow(options.target, book, status, _tell)) as frames:
        async for frame in frames:
            if frame.outcome.is_snapshot:
                svg = screenshot(
                    book,
                    status,
                    now_ms(),
                    width=SCREENSHOT_WIDTH,
                    sort=options.sort,
                    rows=options.rows or SCREENSHOT_ROWS,
                )
                options.screenshot.write_text(svg, encoding="utf-8")
                return


def _print_quotes(book: Book, frame: Frame) -> None:
    for symbol in frame.outcome.changed:
        quote = book.quotes[symbol]
        marks = [mark for mark, is_so in (("stale", quote.stale), ("SIMULATED", quote.simulated)) if is_so]
        time = datetime.fromtimestamp(quote.ts_ms / 1000, UTC).strftime("%H:%M:%SZ")
        prices = f"bid {price_text(quote.bid)}  ask {price_text(quote.ask)}  spot {price_text(quote.spot)}"
        _print("  ".join([time, symbol, prices, percent_text(quote.change_pct), quote.source, *marks]))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
