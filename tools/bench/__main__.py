"""`make bench`: compare the posting client with boto3 and others in one run on this machine."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console

from tools.bench import cold, cores, growth, peers, throughput
from tools.bench.machine import OtherPrograms, machine
from tools.bench.report import Report, write
from tools.bench.workload import ROOT
from tools.local.aws import CannotStart
from tools.simulator.sink import Sink, running

STATE = ROOT / ".local" / "bench"
WIDTH = 180  # where it goes to a file or another program: nothing is cut off
PARTS = ("throughput", "growth", "cold")


def main() -> int:
    """Return 0, or 1 after printing what could not be measured."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    parts = options.part or PARTS
    STATE.mkdir(parents=True, exist_ok=True)
    pinned = cores.two()
    reports: list[Report] = []
    try:
        with _progress(console) as progress:
            progress("installing the peers into .local/bench-venv (once)")
            peers.peers_python()
            with _sink(options, pinned) as sink:
                others = OtherPrograms(sink.pid)
                if "throughput" in parts:
                    reports.append(
                        throughput.measure(
                            sink,
                            pinned,
                            rounds=options.rounds,
                            seconds=options.seconds,
                            posts=options.posts,
                            candidates=options.candidates,
                            state=STATE,
                            progress=progress,
                        )
                    )
                if "growth" in parts:
                    reports.append(growth.measure(sink, pinned, rounds=options.rounds, state=STATE, progress=progress))
                if "cold" in parts:
                    reports.append(cold.measure(sink, pinned, rounds=options.rounds, progress=progress))
                disturbance = others.share()
    except (throughput.ClientFailed, CannotStart, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    conditions = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, {_of_the_sink(options)}, {pinned}, {disturbance}."
    for report in reports:
        report.show(console)
    console.print(conditions, style="dim", markup=False)
    if options.write:
        tables = "\n\n".join(report.markdown() for report in reports)
        write("make bench", f"`{_command(options)}`, {conditions}\n\n{tables}")
    return 0


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Print progress: one changing line on a terminal, otherwise one line per step."""
    began = time.monotonic()
    if not console.is_terminal:
        yield lambda text: print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)
        return
    with console.status("starting", refresh_per_second=2) as status:  # more workers would slow what is measured
        yield lambda text: status.update(f"{time.monotonic() - began:.0f} s  {text}")


@contextmanager
def _sink(options: argparse.Namespace, pinned: cores.Cores) -> Iterator[Sink]:
    if options.sink:
        yield Sink(options.sink, options.ca, "")
        return
    with running(STATE, latency_ms=options.latency_ms, core=pinned.sink) as sink:
        yield sink


def _of_the_sink(options: argparse.Namespace) -> str:
    return f"sink {options.sink}" if options.sink else f"answers after {options.latency_ms:g} ms"


def _command(options: argparse.Namespace) -> str:
    words = ["make bench", f"ROUNDS={options.rounds}"]
    words += [f"POSTS={options.posts}"] if options.posts else [f"SECONDS={options.seconds:g}"]
    words += ["CANDIDATES=1"] if options.candidates else []
    return " ".join(words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="how long a client posts in a round")
    parser.add_argument("--posts", type=int, help="posts per round, instead of --seconds")
    parser.add_argument(
        "--candidates", action="store_true", help="also measure the libraries that the feed did not choose"
    )
    parser.add_argument("--latency-ms", type=float, default=15, help="the sink's delay before an answer")
    parser.add_argument("--sink", help="address of a running sink (default: start one)")
    parser.add_argument("--ca", default="", help="certificate to verify --sink with")
    parser.add_argument("--part", action="append", choices=PARTS, help="measure only this part; repeatable")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
