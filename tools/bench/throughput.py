"""How fast each client posts, and its CPU time per post."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from shared.gateway.gateway import IN_FLIGHT
from tools.bench import wrk
from tools.bench.cores import Cores
from tools.bench.peers import peers_python
from tools.bench.report import Report, rounded
from tools.bench.workload import ROOT, environment
from tools.simulator.sink import Sink

WARM_UP_S = 1.0
CLIENT_TIMEOUT_S = 300
REFERENCE = "boto3, 50 threads"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table. `package` is what it adds to a bundle; `peer` says that it runs in the peers' environment."""

    label: str
    module: str
    in_flight: int
    package: str = ""
    peer: bool = False


THIS = Entry("this client", "this_client", IN_FLIGHT)
LOOP = Entry("boto3 in a loop", "boto3_threads", 1)
FIFTY = Entry(REFERENCE, "boto3_threads", 50)
ENTRIES = (
    THIS,
    LOOP,
    Entry("boto3, 16 threads", "boto3_threads", 16),
    FIFTY,
    Entry("boto3, 100 threads", "boto3_threads", 100),
    Entry("aiobotocore", "aiobotocore_tasks", 64, "aiobotocore", peer=True),
)
CANDIDATES = (
    Entry("libcurl (pycurl)", "pycurl_multi", 512, "pycurl", peer=True),
    Entry("wreq (Rust), uvloop", "wreq_uvloop", 512, "wreq", peer=True),
    Entry("pyreqwest (Rust), uvloop", "pyreqwest_uvloop", 512, "pyreqwest", peer=True),
    Entry("awscrt", "awscrt_http", 512, "awscrt", peer=True),
    Entry("aiohttp, uvloop", "aiohttp_uvloop", 256, "aiohttp", peer=True),
)
WRK = Entry("wrk (C), signed in advance", "", 512)
Result = dict[str, float]


class ClientFailed(Exception):
    """A client ended with an error, or some of its posts were not answered 200."""


def run_client(entry: Entry, sink: Sink, cores: Cores, *options: str) -> Result:
    """Run a client once in its own process.

    Raises:
        ClientFailed: the text holds the end of the client's output.
    """
    python = str(peers_python()) if entry.peer else sys.executable
    command = [python, "-m", "tools.bench.client", entry.module, f"--url={sink.url}", f"--ca={sink.ca}"]
    command += [f"--in-flight={entry.in_flight}", *options]
    with cores.children_on_client_core():
        done = subprocess.run(  # noqa: S603 - our own module
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=CLIENT_TIMEOUT_S
        )
    if done.returncode:
        raise ClientFailed(f"{entry.label}: {done.stderr.strip()[-2000:]}")
    result: Result = json.loads(done.stdout)
    if result["delivered"] != result["taken"]:
        raise ClientFailed(f"{entry.label}: {result['delivered']} of {result['taken']} posts were answered 200")
    return result


def measure(
    sink: Sink,
    cores: Cores,
    *,
    rounds: int,
    seconds: float,
    posts: int | None,
    candidates: bool,
    state: Path,
    progress: Callable[[str], None],
) -> Report:
    """Run every client in every round, so that a disturbance affects all of them.

    Raises:
        ClientFailed: as `run_client`.
    """
    entries = [*ENTRIES, *(CANDIDATES if candidates else ())]
    amount = [f"--posts={posts}"] if posts else [f"--seconds={seconds}"]
    results: dict[Entry, list[Result]] = {entry: [] for entry in [*entries, WRK]}
    program, requests = wrk.find(), state / "requests.bin"
    for number in range(1, rounds + 1):
        for entry in entries:
            progress(f"round {number} of {rounds}: {entry.label}")
            results[entry].append(run_client(entry, sink, cores, f"--warm-up={WARM_UP_S}", *amount))
        if program:
            progress(f"round {number} of {rounds}: {WRK.label}")
            wrk.prepare(sink.url, requests)
            with cores.children_on_client_core():
                results[WRK].append(wrk.run(program, sink, requests, in_flight=WRK.in_flight, seconds=seconds))
    return table(results, sizes(entries), rounds)


def sizes(entries: Sequence[Entry]) -> dict[str, float]:
    """Return the MB that each package adds to a bundle."""
    found: dict[str, float] = {}
    for peer in {entry.peer for entry in entries}:
        names = [entry.package for entry in entries if entry.peer == peer and entry.package]
        command = [str(peers_python()) if peer else sys.executable, "-m", "tools.bench.carried", *names]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=True)  # noqa: S603
        found |= json.loads(done.stdout)
    return found


def table(results: dict[Entry, list[Result]], sizes_mb: dict[str, float], rounds: int) -> Report:
    """Return the medians of all rounds, fastest first."""
    columns = ["client", "in flight", "posts/s", "CPU ms per 1,000 posts", "peak MB", "import ms", "adds MB"]
    report = Report("Posts over TLS", [*columns, f"x {REFERENCE}: posts/s", "CPU per post"])
    measured = {entry: rounds_of for entry, rounds_of in results.items() if rounds_of}
    rate = {entry: median(r["delivered"] / r["elapsed_s"] for r in runs) for entry, runs in measured.items()}
    cpu = {entry: median(r["cpu_s"] / r["delivered"] * 1e6 for r in runs) for entry, runs in measured.items()}
    for entry in sorted(measured, key=lambda entry: -rate[entry]):
        runs = measured[entry]
        report.rows.append(
            [
                entry.label,
                str(entry.in_flight),
                rounded(rate[entry]),
                rounded(cpu[entry]),
                _median(runs, "peak_mb"),
                _median(runs, "import_ms"),
                _added(entry, sizes_mb),
                rounded(rate[entry] / rate[FIFTY]),
                f"1/{rounded(cpu[FIFTY] / cpu[entry])}"
                if cpu[entry] < cpu[FIFTY]
                else rounded(cpu[entry] / cpu[FIFTY]),
            ]
        )
    if not results[WRK]:
        report.rows.append([WRK.label, "not installed", *[""] * 7])
    windowed = all("peak_mb" in run for run in results[WRK])
    not_counted = "do not count" if windowed else "count for wrk only"
    report.notes = [
        f"Medians of {rounds} interleaved rounds; handshakes {not_counted}.",
        "Each post is signed just before it is sent, wrk's in advance.",
        "import ms: the modules and the client, in a fresh process; this client's include boto3's, for credentials.",
        "adds MB: the unpacked wheels on this system, without those that the Lambda runtime brings.",
    ]
    return report


def _median(runs: Sequence[Result], name: str) -> str:
    values = [run[name] for run in runs if name in run]
    return rounded(median(values)) if values else "-"


def _added(entry: Entry, sizes_mb: dict[str, float]) -> str:
    if entry.package:
        return f"{sizes_mb[entry.package]:.1f}"
    return "-" if entry is WRK else "0 (in the runtime)"
