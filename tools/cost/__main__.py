"""`make cost`: what the feed costs a month on AWS, beside other designs, and from where on one of them is cheaper."""

import argparse
import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

from rich.console import Console

from shared.protocol import RATES_BATCH
from tools.cost.plot import plot
from tools.cost.report import advice, as_json, described, table, warning
from tools.cost.workload import BadOptions, Options

WIDTH = 180  # where it goes to a file or another program: nothing is cut off


def main() -> int:
    """0; 2 for options that make no sense, which are named."""
    parser = _parser()
    given = parser.parse_args()
    try:
        options = Options(
            given.connections,
            given.tick,
            given.channel,
            symbols=given.symbols,
            hours=given.hours,
            quiet=given.quiet / 100,
            session_minutes=given.session_minutes,
            requests=given.requests,
            site=not given.no_site,
            tracing=not given.no_tracing,
            free_tier=given.free_tier,
        )
    except BadOptions as error:
        parser.error(str(error))
    if given.plot:
        return _write_plot(given.plot, options)
    if given.json:
        sys.stdout.write(json.dumps(as_json(options), default=str, indent=2) + "\n")
        return 0
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(described(options), soft_wrap=True)
    console.print()
    console.print(table(options))
    console.print()
    for line in advice(options):
        console.print(line, soft_wrap=True)
    if warned := warning(options):
        console.print(warned, style="bold red", soft_wrap=True)
    return 0


def _write_plot(path: Path, options: Options) -> int:
    try:
        path.write_text(plot(options), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.cost", description=__doc__)
    option = parser.add_argument
    option("--connections", type=_whole, default=1_000, metavar="N", help="at the same time (default: 1000)")
    option("--tick", type=_whole, default=5, metavar="S", help="seconds from one tick to the next (default: 5)")
    option("--channel", default=RATES_BATCH, help="rates or rates_batch (default)")
    option("--symbols", type=_whole, default=0, metavar="N", help="how many each client sees (default: all)")
    option("--hours", type=_number, default=Decimal(24), metavar="H", help="hours a day that they listen (default: 24)")
    option("--quiet", type=_number, default=Decimal(0), metavar="%", help="of the ticks change nothing (default: 0)")
    option("--session-minutes", type=_number, default=Decimal(115), metavar="M", help="until a client connects anew")
    option("--requests", type=_number, default=Decimal(0), metavar="N", help="of a client per hour, beside subscribe")
    option("--no-site", action="store_true", help="deployed with -c site=false: no CloudFront in front")
    option("--no-tracing", action="store_true", help="deployed with -c tracing=false")
    option("--free-tier", action="store_true", help="count what is free each month for good")
    option("--json", action="store_true", help="everything as JSON")
    option("--plot", type=Path, metavar="FILE", help="write the plot of docs/scaling.md instead, as SVG")
    return parser


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a whole number: {text}")
    return int(text)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"not a number: {text}") from None
    if not number.is_finite():
        raise argparse.ArgumentTypeError(f"not a number: {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
