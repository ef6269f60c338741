"""`make bench-cold`: how long each Lambda's imports take, compared with `import boto3` and one client.

Each function is imported in a new process from its own bundle, built for this system, with only boto3 beside it. The
bundle has byte code, as on AWS if the deploying Python has the Lambdas' version; the time without it is measured too.

It also measures the first tick of a new ingest (`tools/bench/cold_tick.py`).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import get_type_hints

from rich.console import Console

from infra import uv
from infra.bundle import NATIVE_OPTIONS, bundle
from shared import settings
from tools.bench import carried, cold_tick, cores
from tools.bench.machine import machine
from tools.bench.report import Report, rounded, write
from tools.bench.workload import REGION, ROOT, environment
from tools.local.aws import CannotStart

SCRATCH = ROOT / ".local" / "bench-cold"
BASELINE = f"import boto3; boto3.client('dynamodb', region_name={REGION!r})"
LIMIT = 1.3
ROUNDS = 9
EXPLAINED = 8
RUNTIME = SCRATCH / "runtime"
UNCOMPILED = " without byte code"
CONNECTIONS_URL = "https://abcdefghij.execute-api.ca-central-1.amazonaws.com/live"
IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| \s*(\S+)")


class ImportFailed(Exception):
    """A function could not be imported from its bundle; the text holds the end of its output."""


def main() -> int:
    """Return 0, or 1 after naming the functions above the limit."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    names = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
    try:
        with console.status("making the bundles for this system"):
            runtime()
            bundles = {name: bundle(name, native=True) for name in names}
            sources = {f"{name}{UNCOMPILED}": without_byte_code(folder) for name, folder in bundles.items()}
        took = measure(bundles | sources, options.rounds, console)
        with console.status("the first tick of a new ingest"):
            first = first_ticks(bundles["ingest"], options.rounds)
    except (ImportFailed, cold_tick.NoTick, CannotStart, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    report, tick_report = table(took, bundles, options.rounds), cold_tick.table(*first)
    report.show(console)
    tick_report.show(console)
    above = [name for name in names if ratio(took, name) > LIMIT]
    if options.explain:
        for name in above:
            console.print(f"{name}: what it imports beyond boto3 and a client, ms in each package itself", style="bold")
            console.print(f"  {explained(bundles[name], name)}", markup=False)
    if options.write:
        conditions = f"`make bench-cold`, {datetime.now(UTC):%Y-%m-%d}, {machine()}."
        write("make bench-cold", f"{conditions}\n\n{report.markdown()}\n\n{tick_report.markdown()}")
    if above:
        console.print(f"above {LIMIT} x of boto3 and a client: {', '.join(above)}", style="red")
    return 1 if above else 0


def without_byte_code(folder: Path) -> Path:
    """Return a copy of a bundle with sources only."""
    copy = SCRATCH / "sources" / folder.name
    if not copy.exists():
        for older in copy.parent.glob(f"{folder.name.partition('-')[0]}-*"):
            shutil.rmtree(older)
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def runtime() -> None:
    """Return a folder with boto3 and its dependencies in the tested versions, with byte code like the runtime's.

    Raises:
        RuntimeError: uv could not fetch them.
    """
    wanted = {name: version(name) for name in sorted(carried.RUNTIME)}
    mark, text = RUNTIME / "installed", json.dumps([wanted, sys.version])
    if mark.exists() and mark.read_text(encoding="utf-8") == text:
        return
    shutil.rmtree(RUNTIME, ignore_errors=True)
    uv.install(f"--target={RUNTIME}", *NATIVE_OPTIONS, *(f"{name}=={number}" for name, number in wanted.items()))
    _compile(RUNTIME)
    mark.write_text(text, encoding="utf-8")


def _compile(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-qq", str(folder)], check=False)  # noqa: S603 - ours


def measure(bundles: dict[str, Path], rounds: int, console: Console) -> dict[str, list[float]]:
    """Return milliseconds per function and round, with boto3 alone under the empty name, after one warm-up round.

    Raises:
        ImportFailed: a function did not import.
    """
    took: dict[str, list[float]] = {"": [], **{name: [] for name in bundles}}
    with console.status("importing"), cores.two().children_on_client_core():
        for number in range(-1, rounds):
            for name, times in took.items():
                ms = _import_ms(bundles.get(name, SCRATCH), name)
                if number >= 0:
                    times.append(ms)
    return took


def first_ticks(folder: Path, rounds: int) -> tuple[dict[str, list[cold_tick.Tick]], str]:
    """Return the first ticks of a new ingest from its bundle.

    Raises:
        CannotStart: the emulator did not start.
        NoTick: a tick failed.
    """
    settings = every_setting() | in_a_lambda(folder) | {"BACKFILL_FUNCTION": ""}
    return cold_tick.measure(folder, [str(folder), str(RUNTIME)], settings, rounds, SCRATCH / "first-tick")


def ratio(took: dict[str, list[float]], name: str) -> float:
    return median(took[name]) / median(took[""])


def table(took: dict[str, list[float]], bundles: dict[str, Path], rounds: int) -> Report:
    """Return the functions, slowest last, below the baseline."""
    report = Report(
        "Import and initialisation", ["function", "ms", "x boto3 and a client", "x without byte code", "bundle MB"]
    )
    report.rows.append(["boto3 and a client", rounded(median(took[""])), "1.00", "1.00", "-"])
    for name in sorted(bundles, key=lambda name: median(took[name])):
        size = sum(path.stat().st_size for path in bundles[name].rglob("*") if path.is_file())
        ratios = [f"{ratio(took, key):.2f}" for key in (name, f"{name}{UNCOMPILED}")]
        report.rows.append([name, rounded(median(took[name])), *ratios, f"{size / 1e6:.1f}"])
    report.notes = [
        f"Medians of {rounds} interleaved rounds, a fresh process each, with the files in the system's cache."
    ]
    return report


def explained(folder: Path, name: str) -> str:
    """Return where a function spends more time than boto3 and a client, by package."""
    mine, theirs = _package_ms(folder, name), _package_ms(SCRATCH, "")
    mine[f"functions.{name}"] -= theirs.pop("", 0)  # both make a client
    beyond = Counter({package: ms - theirs.get(package, 0) for package, ms in mine.items()})
    return ", ".join(f"{package} {ms:.0f}" for package, ms in beyond.most_common(EXPLAINED) if ms >= 1)


def _package_ms(folder: Path, name: str) -> dict[str, float]:
    """Return the milliseconds in each package itself, and under the empty name those after the imports."""
    done = _python(folder, name, "-X", "importtime")
    found: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        if match := IMPORT_LINE.match(line):
            parts = match[3].split(".")
            package = ".".join(parts[:2]) if parts[0] in {"shared", "functions"} else parts[0]
            found[package] += int(match[1])
    found_ms = {package: us / 1000 for package, us in found.items()}
    return found_ms | {"": float(done.stdout) - sum(found_ms.values())}


def every_setting() -> dict[str, str]:
    """Return a value for each setting without a default: a number for numbers, otherwise some text."""
    kinds = [kind for kind in vars(settings).values() if isinstance(kind, type) and is_dataclass(kind)]
    values = {
        field.name.upper(): "1" if get_type_hints(kind)[field.name] in (int, float) else "bench"
        for kind in kinds
        for field in fields(kind)
        if field.default is MISSING
    }
    return values | {"CONNECTIONS_URL": CONNECTIONS_URL}


def in_a_lambda(folder: Path) -> dict[str, str]:
    """Return what makes Powertools believe that it runs in a Lambda."""
    return {
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "cadfeed",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _import_ms(folder: Path, name: str) -> float:
    return float(_python(folder, name).stdout)


def _python(folder: Path, name: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a new process that imports a function's handler, or boto3 alone, and prints the milliseconds it took."""
    function = name.removesuffix(UNCOMPILED)
    statement = f"import functions.{function}.handler" if function else BASELINE
    code = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(RUNTIME)!r}]; "
    code += f"import time; began = time.perf_counter(); {statement}; print((time.perf_counter() - began) * 1000)"
    variables = environment() | every_setting() | in_a_lambda(folder)
    del variables["PYTHONPATH"]
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(  # noqa: S603 - our own code
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ImportFailed(f"{name} could not be imported from {os.fspath(folder)}:\n{done.stderr.strip()[-2000:]}")
    return done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.import_time", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--explain", action="store_true", help="what the functions above the limit import")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
