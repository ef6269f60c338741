"""`make cost`: the feed's monthly cost on AWS beside other designs, and where one of them becomes cheaper."""

import argparse
import json
import runpy
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from rich.console import Console

from shared.model.channels import CHANNELS, RATES_COMPACT
from tools.cost.hostile import as_text
from tools.cost.plot import plot
from tools.cost.report import WIDTH, as_json, show
from tools.cost.workload import BadOptions, Options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, the own one if there are no `arguments`.

    Returns 0, or 1 if the plot cannot be written; an invalid option ends the program with 2, after naming it.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        options = Options(
            given.connections,
            given.tick,
            given.channel,
            symbols=given.symbols,
            every_s=given.every,
            hours=given.hours,
            quiet=given.quiet / 100,
            session_minutes=given.session_minutes,
            requests=given.requests,
            site=not given.no_site,
            standby=not given.no_standby,
            tracing=not given.no_tracing,
            free_tier=given.free_tier,
        )
    except BadOptions as error:
        parser.error(str(error))
    if given.write:
        # By name: the tables are made from the bills.
        runpy.run_module("tools.tables", run_name="__main__")
        return 0
    if given.hostile:
        sys.stdout.write(as_text())
        return 0
    if given.plot:
        return _write_plot(given.plot, options)
    if given.json:
        sys.stdout.write(json.dumps(as_json(options), default=str, indent=2) + "\n")
        return 0
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    show(options, console)
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
    option(
        "--connections", type=_whole_number, default=1_000, metavar="N", help="concurrent connections (default: 1000)"
    )
    option("--tick", type=_whole_number, default=5, metavar="S", help="seconds from one tick to the next (default: 5)")
    option("--channel", default=RATES_COMPACT, help=f"{' or '.join(CHANNELS)} (default: %(default)s)")
    option("--symbols", type=_whole_number, default=0, metavar="N", help="symbols that each client sees (default: all)")
    option(
        "--every", type=_whole_number, default=0, metavar="S", help="seconds between a client's frames (default: TICK)"
    )
    option("--hours", type=_number, default=Decimal(24), metavar="H", help="hours a day with listeners (default: 24)")
    option(
        "--quiet", type=_number, default=Decimal(0), metavar="%", help="share of ticks without a change (default: 0)"
    )
    option("--session-minutes", type=_number, default=Decimal(115), metavar="M", help="length of a connection")
    option(
        "--requests",
        type=_number,
        default=Decimal(0),
        metavar="N",
        help="a client's requests per hour, beside subscribe",
    )
    option("--no-site", action="store_true", help="deployed with -c site=false: no CloudFront in front")
    option("--no-standby", action="store_true", help="deployed with -c standby=false")
    option("--no-tracing", action="store_true", help="deployed with -c tracing=false")
    option("--free-tier", action="store_true", help="subtract the permanent free tier")
    option("--json", action="store_true", help="everything as JSON")
    option("--hostile", action="store_true", help="what hostile clients can cost a day with the default settings")
    option("--write", action="store_true", help="write the tables and the plot into README and docs instead")
    option("--plot", type=Path, metavar="FILE", help="write the plot of docs/scaling.md instead, as SVG")
    return parser


def _whole_number(text: str) -> int:
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
