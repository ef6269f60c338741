"""The terminal client's command line: `python -m tools.watch --help`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console, RenderableType
from rich.live import Live

from cadfeed_client import Change, Feed, Heard, Kind, Refused, RequestError, State, Withdrawn
from shared.model.channels import CHANNELS, RATES, RATES_COMPACT
from tools.watch.explained import explained
from tools.watch.prices import percent_text, price_text
from tools.watch.status import Status
from tools.watch.table import SORTS, picture, screenshot
from tools.watch.target import Target, now_ms, tls

DEFAULT_URL = "wss://localhost:8000/markets/ws/"
REDRAW_EVERY_S = 0.25
SCREENSHOT_WIDTH, SCREENSHOT_ROWS = 120, 24
EXPLAIN_WIDTH = 200  # if the output is not a terminal with a width of its own
REFUSED, INTERRUPTED = 1, 128 + signal.SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run the client and return the process's exit code."""
    options = _parse(arguments)
    try:
        return asyncio.run(_watch(options))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader closed the pipe (`| head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.watch", description="Follow live crypto quotes in CAD.")
    parser.add_argument("--url", default=DEFAULT_URL, help="the feed's address (default: %(default)s)")
    parser.add_argument("--channel", choices=CHANNELS, default=RATES_COMPACT)
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
    parser.add_argument(
        "--explain", metavar="BTC_CAD", help="show why this symbol has its price, market by market, and leave"
    )
    options = parser.parse_args(arguments)

    address = urlsplit(options.url)
    if address.scheme not in {"wss", "ws"} or not address.hostname:
        parser.error(f"--url {options.url}: an address begins with wss:// (or ws://)")
    for name in ("count", "rows"):
        if (number := getattr(options, name)) is not None and number < 1:
            parser.error(f"--{name} is at least 1")
    if options.screenshot and options.channel == RATES:
        parser.error(f"--screenshot does not go with --channel {RATES}, which has no snapshot")
    if options.explain and (options.json or options.screenshot or options.symbols or options.count):
        parser.error("--explain shows one symbol and leaves: it goes with --url, --channel and --ca")
    wanted = options.explain or options.symbols
    symbols = tuple(symbol.strip().upper() for symbol in wanted.split(",") if symbol.strip())
    if options.explain and len(symbols) != 1:
        parser.error("--explain takes one symbol")
    options.target = Target(options.url, options.channel, symbols, options.ca)
    try:
        tls(options.target)
    except OSError as error:
        parser.error(f"--ca {options.ca}: {error.strerror or error}")
    return options


async def _watch(options: argparse.Namespace) -> int:
    # `kill` then restores the terminal like Ctrl-C.
    task = asyncio.current_task()
    if task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    status = Status(options.target)
    try:
        if options.explain:
            await _explain(options, status)
        elif options.screenshot:
            await _screenshot(options, status)
        elif options.json:
            await _follow(options, status, lambda heard: _print(" ".join(heard.text.splitlines())))
        elif sys.stdout.isatty():
            await _live(options, status)
        else:
            await _follow(options, status, _print_quotes)
    except asyncio.CancelledError:
        return INTERRUPTED
    except Refused:
        return REFUSED  # its message was printed already, like that of every frame
    except RequestError as error:
        _tell(str(error))
        return REFUSED
    return 0


class _Enough(Exception):
    """The requested number of frames has arrived."""


def _feed(
    options: argparse.Namespace,
    status: Status,
    use: Callable[[Heard], object],
    tell: Callable[[str], object],
) -> Feed:
    left = options.count

    def on_heard(heard: Heard) -> None:
        nonlocal left
        status.heard(heard, now_ms())
        if heard.message:
            tell(heard.message)
        use(heard)
        if left is not None and heard.kind is Kind.DATA:
            left -= 1
            if not left:
                raise _Enough

    def on_state(state: State) -> None:
        if text := status.turned(state, now_ms()):
            tell(text)

    feed: Feed = options.target.feed(on_state, on_heard)
    return feed


async def _follow(options: argparse.Namespace, status: Status, use: Callable[[Heard], object]) -> None:
    with suppress(_Enough):
        async with _feed(options, status, use, _tell) as feed:
            await feed.wait_closed()


async def _live(options: argparse.Namespace, status: Status) -> None:
    console = Console()
    feed = _feed(options, status, lambda _: None, lambda _: None)

    def drawn() -> RenderableType:
        size = (console.width, console.height)
        return picture(feed.book, status, now_ms(), size, sort=options.sort, rows=options.rows)

    with Live(console=console, screen=True, auto_refresh=False) as live, suppress(_Enough):
        async with feed:
            # Ages and the countdown change without frames, and a burst of frames needs only one picture.
            closed = asyncio.create_task(feed.wait_closed())
            while not closed.done():
                live.update(drawn(), refresh=True)
                await asyncio.wait([closed], timeout=REDRAW_EVERY_S)
            closed.result()
    # The live screen is gone now; print its last picture so that it stays on the terminal.
    console.print(drawn())


async def _explain(options: argparse.Namespace, status: Status) -> None:
    (symbol,) = options.target.symbols
    async with _feed(options, status, lambda _: None, _tell) as feed:
        explanation = await feed.explain(symbol)
    width = None if sys.stdout.isatty() else EXPLAIN_WIDTH
    Console(width=width).print(explained(explanation))


async def _screenshot(options: argparse.Namespace, status: Status) -> None:
    def draw(heard: Heard) -> None:
        if heard.is_snapshot:
            rows = options.rows or SCREENSHOT_ROWS
            svg = screenshot(feed.book, status, now_ms(), width=SCREENSHOT_WIDTH, sort=options.sort, rows=rows)
            options.screenshot.write_text(svg, encoding="utf-8")
            raise _Enough

    feed = _feed(options, status, draw, _tell)
    with suppress(_Enough):
        async with feed:
            await feed.wait_closed()


def _print_quotes(heard: Heard) -> None:
    for change in heard.changes:
        _print(_line(change))


def _line(change: Change) -> str:
    if isinstance(change, Withdrawn):
        return f"{change.symbol}  {'has no price any more' if change.listed else 'is no longer listed'}"
    marks = [mark for mark, is_so in (("stale", change.stale), ("SIMULATED", change.simulated)) if is_so]
    time = datetime.fromtimestamp(change.ts_ms / 1000, UTC).strftime("%H:%M:%SZ")
    prices = f"bid {price_text(change.bid)}  ask {price_text(change.ask)}  spot {price_text(change.spot)}"
    agree = f"sources {change.sources}"
    return "  ".join([time, change.symbol, prices, percent_text(change.change_pct), change.source, agree, *marks])


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
