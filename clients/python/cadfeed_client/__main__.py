"""Prints quotes as they come: `python -m cadfeed_client --help`."""

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from .address import failure_of, is_address, tls_context
from .book import Change
from .errors import Refused
from .feed import Feed
from .machine import Link, State
from .quote import Quote
from .tokens import VARIABLE

DONE, FAILED, INTERRUPTED = 0, 1, 128 + signal.SIGINT
EPILOG = """exit codes: 0 after --count lines or when nobody reads any more, 1 when the feed cannot be reached at first
or refuses the symbols, 2 for wrong arguments, 130 when interrupted. The client replaces a connection lost later."""


class _Unreachable(Exception):
    """The first connection failed."""


def main(arguments: list[str] | None = None) -> int:
    """Print quotes until there is a reason to stop. Returns the exit code."""
    options = _parse(arguments)
    try:
        asyncio.run(_follow(options))
    except (Refused, _Unreachable) as error:
        _tell(f"error: {error}")
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m cadfeed_client",
        description="Print live crypto quotes in Canadian dollars, one per line, as they change.",
        epilog=EPILOG,
    )
    parser.add_argument("url", metavar="URL", help="the feed's address, such as wss://HOST/markets/ws/")
    parser.add_argument("--symbols", metavar="BTC_CAD,ETH_CAD", help="only these (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON objects, prices as strings with every digit")
    parser.add_argument("--count", type=int, metavar="N", help="stop after N lines")
    parser.add_argument("--token", help=f"for a feed that asks for one; or in the variable {VARIABLE}")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="a CA to trust besides the system's")
    options = parser.parse_args(arguments)
    if not is_address(options.url):
        parser.error(f"{options.url}: an address begins with wss:// (or ws://) and names a host")
    if options.count is not None and options.count < 1:
        parser.error("--count is at least 1")
    if options.symbols is not None:
        options.symbols = [name.strip().upper() for name in options.symbols.split(",") if name.strip()]
        if not options.symbols:
            parser.error("--symbols names at least one symbol, such as BTC_CAD")
    try:
        options.tls = tls_context(options.url, options.ca)
    except ssl.SSLError:
        parser.error(f"--ca {options.ca}: the file holds no certificate in PEM form")
    except OSError as error:
        parser.error(f"--ca {options.ca}: {error.strerror}")
    return options


async def _follow(options: argparse.Namespace) -> None:
    # `kill` ends it like Ctrl-C.
    if (task := asyncio.current_task()) and os.name == "posix":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    was_live = False

    def on_state(state: State) -> None:
        nonlocal was_live
        if state.link is Link.RECONNECTING:
            if not was_live:
                raise _Unreachable(_reason(state, options.url))
            _tell(f"{state.reason}; connecting again")
        elif state.link is Link.LATE:
            _tell(state.reason)
        elif state.link is Link.LIVE:
            if told := feed.book.rejected:
                _tell(f"the feed does not have {', '.join(told)}")
            was_live = True

    token = options.token or os.environ.get(VARIABLE) or None
    feed = Feed(options.url, options.symbols, token=token, on_state=on_state, ssl=options.tls)
    left = options.count
    async with feed:
        async for change in feed.changes():
            print(_json(change) if options.json else _line(change), flush=True)
            if left is not None:
                left -= 1
                if not left:
                    return


def _reason(state: State, url: str) -> str:
    if isinstance(state.error, ssl.SSLCertVerificationError):
        return f"{failure_of(state.error, url).what}: pass the CA that signed it with --ca FILE"
    return state.reason


def _line(change: Change) -> str:
    if not isinstance(change, Quote):
        return f"{change.symbol}  {'has no price any more' if change.listed else 'is no longer listed'}"
    time = datetime.fromtimestamp(change.ts_ms / 1000, UTC).strftime("%H:%M:%SZ")
    prices = f"bid {change.bid:f}  ask {change.ask:f}  spot {change.spot:f}  {change.change_pct:+f}%"
    marks = [mark for mark, is_so in (("STALE", change.stale), ("SIMULATED", change.simulated)) if is_so]
    return "  ".join([time, change.symbol, prices, change.source, f"sources {change.sources}", *marks])


def _json(change: Change) -> str:
    fields = {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in asdict(change).items()}
    return json.dumps(fields if isinstance(change, Quote) else fields | {"withdrawn": True})


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
