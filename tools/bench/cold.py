"""Time from the start of a process to the last of 1,000 answers: the cost of a cold Lambda in its first tick."""

import time
from collections.abc import Callable
from statistics import median

from tools.bench.cores import Cores
from tools.bench.report import Report, rounded
from tools.bench.throughput import FIFTY, LOOP, THIS, run_client
from tools.simulator.sink import Sink

POSTS = 1_000


def measure(sink: Sink, cores: Cores, *, rounds: int, progress: Callable[[str], None]) -> Report:
    """Raises: ClientFailed."""
    entries = (THIS, LOOP, FIFTY)
    took: dict[str, list[float]] = {entry.label: [] for entry in entries}
    for number in range(1, rounds + 1):
        for entry in entries:
            progress(f"cold start, round {number} of {rounds}: {entry.label}")
            began = time.monotonic()
            took[entry.label].append(run_client(entry, sink, cores, f"--posts={POSTS}")["ended"] - began)
    seconds = {label: median(times) for label, times in took.items()}
    report = Report(f"From a cold process to the last of {POSTS:,} posts", ["client", "seconds", f"x {FIFTY.label}"])
    report.rows = [
        [label, rounded(value), rounded(value / seconds[FIFTY.label])]
        for label, value in sorted(seconds.items(), key=lambda item: item[1])
    ]
    report.notes = [
        f"Medians of {rounds} interleaved rounds, from the start of Python, imports and handshakes included."
    ]
    return report
