"""`make bench-page`: what the page costs in Chromium on the local stack, beside a simple page."""

import argparse
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console

from tools.bench.machine import machine
from tools.bench.report import Report, rounded, write
from tools.bench.stack import NotMeasured, Progress, running_stack, shown_progress
from tools.bench.workload import ROOT
from tools.browser import CHROMIUM, NO_CHROMIUM
from tools.local.certificates import key_pin

STATE = ROOT / ".local" / "bench-page"
FILES = ROOT / "web" / "dist"
SCRIPT = Path(__file__).with_name("page.mjs")
PEER = "rewritten each tick"
FILE = re.compile(r"[\w-]+-[\w-]{8}\.(?:js|css)")
NAMES = {"peer": PEER, "page": "this page", "page, chart open": "this page, chart open"}
Result = dict[str, Any]


def main() -> int:
    """Return 0, or 1 after printing why it could not be measured."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    try:
        with shown_progress(console) as progress, running_stack(progress, STATE) as stack:
            results = list(measured(stack, options, progress))
    except NotMeasured as error:
        console.print(str(error), style="red", markup=False)
        return 1
    reports = [loading(results), per_tick(results, options.ticks), steady(results)]
    for report in reports:
        report.show(console)
    conditions = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, local stack with ticks of 1 s on the same cores."
    console.print(conditions, style="dim", markup=False)
    if options.write:
        tables = "\n\n".join(report.markdown() for report in reports)
        write("make bench-page", f"`make bench-page`, {conditions}\n\n{tables}")
    return 0


def measured(stack: dict[str, str], options: argparse.Namespace, progress: Progress) -> Iterator[Result]:
    """Yield the results of the browser program.

    Raises:
        NotMeasured: there is no browser, or it failed.
    """
    if not CHROMIUM:
        raise NotMeasured(NO_CHROMIUM)
    told = {"url": stack["dashboard"], "spki": key_pin(Path(stack["ca"]))}
    told |= {"ticks": options.ticks, "loads": options.loads, "minutes": options.minutes}
    process = subprocess.Popen(  # noqa: S603 - ours
        [str(Path(sys.executable).parent / "node"), str(SCRIPT), json.dumps(told)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    for said in process.stderr or ():
        progress(said.strip())
    results = [json.loads(line) for line in process.stdout or ()]
    if process.wait():
        raise NotMeasured(f"the browser's program failed: {said.strip()}")
    yield from results


def loading(results: list[Result]) -> Report:
    """Return what is loaded, and the time to the first price on a slow network and device."""
    report = Report("A first visit, ms", ["until", "median", "fastest", "slowest"])
    (result,) = (result for result in results if result["what"] == "first visits")
    for name, times in (("the first row", result["row_ms"]), ("its price", result["price_ms"])):
        report.rows.append([name, *(rounded(figure) for figure in (median(times), min(times), max(times)))])
    sizes = sizes_of_a_visit()
    page, style, drawing, dialog = (sizes.get(name, 0) for name in ("index.js", "index.css", "canvas.js", "chart.js"))
    report.notes.append(
        f"{len(result['row_ms'])} visits, with the network and the processor of Lighthouse's slow 4G: 150 ms and "
        "1.6 Mbit/s for each request, a core at a quarter of its speed. The feed's functions are warm, on the same "
        f"machine. Gzip, in English: the first script {page:.1f} kB, styles {style:.1f} kB; the first chart loads its "
        f"library and the code that draws with it, {drawing:.1f} kB, and its dialog, {dialog:.1f} kB."
    )
    return report


def per_tick(results: list[Result], ticks: int) -> Report:
    """Return what a tick costs the page's main thread."""
    report = Report(
        "A tick of all rows, ms",
        ["", "script p50", "script p95", "with layout p50", "with layout p95", "script: x peer"],
    )
    found = list(_of(results, "per tick"))
    peer = median(dict(found)[PEER]["script_ms"])
    for name, result in found:
        figures = [figure for part in ("script_ms", "task_ms") for figure in _percentiles(result[part])]
        report.rows.append([name, *map(rounded, figures), rounded(median(result["script_ms"]) / peer)])
    report.notes.append(
        f"{ticks} ticks each, processor time of the page's thread. With layout: all work of the thread, including "
        "style, layout and painting. The peer sets `innerHTML` for each tick and shows no lines, order or states."
    )
    return report


def steady(results: list[Result]) -> Report:
    """Return what minutes with an open chart leave in memory."""
    (result,) = (result for result in results if result["what"] == "steady")
    samples = result["samples"]
    report = Report("With a chart open", ["after", "heap MB", "DOM nodes", "listeners"])
    for minute, sample in enumerate(samples):
        figures = [f"{sample['heap_mb']:.2f}", f"{sample['nodes']:,}", f"{sample['listeners']:,}"]
        report.rows.append([f"{minute} min", *figures])
    slow = ", ".join(f"{duration:.0f} ms" for duration in result["long_tasks_ms"]) or "none"
    report.notes.append(
        f"Each after a garbage collection. Heap growth {samples[-1]['heap_mb'] - samples[0]['heap_mb']:+.2f} MB. "
        f"Tasks above 50 ms: {slow}. Layout shifts: {', '.join(result['shifts']) or 'none'}. "
        f"Refused by the page's policy: {', '.join(result['refused']) or 'nothing'}."
    )
    return report


def _of(results: list[Result], what: str) -> Iterator[tuple[str, Result]]:
    return ((NAMES[result["script"]], result) for result in results if result["what"] == what)


def _percentiles(values: list[float]) -> tuple[float, float]:
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[94]


def sizes_of_a_visit() -> dict[str, float]:
    """Return the size in kB, with gzip, of each file that the English page can load, by its name without the hash."""
    named, files = _named(FILES / "index.html"), set[str]()
    while named:
        files |= named
        named = {other for name in named for other in _named(FILES / "assets" / name)} - files
    packed = {name: gzip.compress((FILES / "assets" / name).read_bytes()) for name in files}
    return {re.sub(r"-[\w-]{8}\.", ".", name): len(data) / 1000 for name, data in packed.items()}


def _named(file: Path) -> set[str]:
    return set(FILE.findall(file.read_text()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.page", description=__doc__)
    parser.add_argument("--ticks", type=int, default=120, help="ticks to measure on each page")
    parser.add_argument("--loads", type=int, default=9, help="first visits to each page")
    parser.add_argument("--minutes", type=int, default=5, help="minutes with an open chart")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
