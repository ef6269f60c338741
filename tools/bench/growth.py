"""How a fan-out grows with its connections: time, CPU, memory and DynamoDB's read units."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from shared.model.channels import RATES
from shared.store.connections_table import ConnectionsTable
from tools.bench import read_units
from tools.bench.cores import Cores
from tools.bench.emulator import create_table, database_at, running_emulator
from tools.bench.report import Report, rounded
from tools.bench.throughput import THIS, ClientFailed, Result
from tools.bench.workload import ROOT, connection_id, environment
from tools.simulator.sink import Sink

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SIZES = (1_000, 10_000, 100_000)
TIMEOUT_S = 900
BATCH = 25


def measure(
    sink: Sink,
    cores: Cores,
    *,
    rounds: int,
    state: Path,
    progress: Callable[[str], None],
    sizes: tuple[int, ...] = SIZES,
) -> Report:
    """Measure every size in every round, each in a new process.

    Raises:
        ClientFailed: a fan-out did not reach every connection.
        CannotStart: the emulator did not start.
    """
    now_s = int(time.time())
    results: dict[int, list[Result]] = {size: [] for size in sizes}
    reads: dict[int, list[Result]] = {size: [] for size in sizes}
    emulator_s: dict[int, float] = {}
    units: dict[int, int] = {}
    with running_emulator(state, progress) as emulator, _pages(emulator) as pages:
        for size in sizes:
            progress(f"writing {size:,} connections to the emulator")
            units[size] = fill(emulator, _name(size), size, now_s)
            progress(f"reading {size:,} connections from the emulator once")
            emulator_s[size] = _run(size, now_s, sink, cores, pages, "--read-only")["elapsed_s"]
        for number in range(1, rounds + 1):
            for size in sizes:
                progress(f"round {number} of {rounds}: {size:,} connections")
                results[size].append(_run(size, now_s, sink, cores, pages))
                reads[size].append(_run(size, now_s, sink, cores, pages, "--read-only"))
    return table(results, reads, units, emulator_s, rounds)


def table(
    results: Mapping[int, list[Result]],
    reads: Mapping[int, list[Result]],
    units: Mapping[int, int],
    emulator_s: Mapping[int, float],
    rounds: int,
) -> Report:
    """Return the medians of all rounds, one row per number of connections."""
    columns = ["connections", "first tick, s", "next tick, s", "µs per connection", "reading alone"]
    columns += ["CPU µs per connection", "peak MB", "read units", "emulator's reading, s"]
    report = Report("Growth", columns)
    for size, runs in results.items():
        seconds, cpu_s = median(r["elapsed_s"] for r in runs), median(r["cpu_s"] for r in runs)
        read_s = median(r["elapsed_s"] for r in reads[size])
        report.rows.append(
            [
                f"{size:,}",
                rounded(median(r["first_s"] for r in runs)),
                rounded(seconds),
                rounded(seconds / size * 1e6),
                rounded(read_s / size * 1e6),
                rounded(cpu_s / size * 1e6),
                rounded(median(r["peak_mb"] for r in runs)),
                f"{units[size]:,}",
                rounded(emulator_s[size]),
            ]
        )
    report.notes = [
        f"Medians of {rounds} interleaved rounds, a fresh process each, without its imports.",
        "The first tick opens the connections to the sink. The next tick uses them; the other columns belong to it.",
        "The feed's own table reader and this client. The reader gets the emulator's pages from memory, without delay.",
        "Reading alone: a run that posts nothing. The last column is what the emulator itself took, measured once.",
        "Read units: computed from the items' sizes by DynamoDB's documented rules, strongly consistent.",
    ]
    return report


def fill(emulator: str, name: str, size: int, now_s: int) -> int:
    """Fill a table with that many subscribers by the feed's own code; return the read units of all of them."""
    items = create_table(database_at(emulator), name)
    first = _as_the_feed_writes_it(items, now_s)
    with items.batch_writer() as batch:
        for number in range(1, size):
            batch.put_item({**first, "sk": connection_id(number)})
    return read_units.of_a_query([read_units.item_bytes(first)] * size)


def _as_the_feed_writes_it(items: "Table", now_s: int) -> dict[str, Any]:
    connections = ConnectionsTable(items)
    connections.add(connection_id(0), now_s)
    connections.subscribe(connection_id(0), RATES, None)
    (item,) = (each for each in items.scan(ConsistentRead=True)["Items"] if each["sk"] == connection_id(0))
    return dict(item)


def _name(size: int) -> str:
    return f"connections-{size}"


def _run(size: int, now_s: int, sink: Sink, cores: Cores, pages: str, *options: str) -> Result:
    command = [sys.executable, "-m", "tools.bench.fan_out_client", f"--table={_name(size)}", f"--now-s={now_s}"]
    command += [f"--url={sink.url}", f"--ca={sink.ca}", f"--in-flight={THIS.in_flight}", *options]
    with cores.children_on_client_core():
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            cwd=ROOT,
            env=environment() | {"AWS_ENDPOINT_URL_DYNAMODB": pages},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    if done.returncode:
        raise ClientFailed(f"{size:,} connections: {done.stderr.strip()[-2000:]}")
    result: Result = json.loads(done.stdout)
    if result["reached"] != size:
        raise ClientFailed(f"{size:,} connections: only {result['reached']:,.0f} reached")
    return result


@contextmanager
def _pages(emulator: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tools.bench.table_pages", f"--emulator={emulator}"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
    assert process.stdin  # noqa: S101 - both are pipes
    assert process.stdout  # noqa: S101
    try:
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
