"""Runs of the ingest as processes, killed and stopped at random moments: the next tick comes within two ticks.

`CADFEED_KILLS=50 pytest -s tests/functions/ingest/test_kills.py` kills fifty times. `CADFEED_SEED` repeats a run.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest.grid import LONGEST_GRACE_MS
from shared.store.quotes_table import QuotesTable
from tests.dynamodb_server import REGION, DynamoDBServer

ROOT = Path(__file__).parents[3]
TICK_S = 4
KILLS = int(os.environ.get("CADFEED_KILLS", "3"))
SEED = int(os.environ.get("CADFEED_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
STOPPED_S = 25
RUNS = 2  # as with a punctual schedule: one holds the lease, one stands by


class Process:
    """A run in a process of its own."""

    def __init__(self, url: str, table: str) -> None:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.functions.ingest.process", table, str(TICK_S)],
            cwd=ROOT,
            env={**os.environ, **keys, "AWS_ENDPOINT_URL": url},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def is_ready(self) -> bool:
        return bool(self.said)

    def wrote(self, epoch: int) -> bool:
        return str(epoch) in self.said

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout
        self.said += (line.strip() for line in self._process.stdout)


@pytest.fixture
def server(quotes_items: Table) -> Iterator[DynamoDBServer]:
    QuotesTable(quotes_items).join_audience(time.time_ns() // 1_000_000)
    with DynamoDBServer() as running:
        yield running


def until(is_so: Callable[[], object], timeout_s: float) -> None:
    end_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.01)


def test_after_a_kill_the_next_tick_comes_within_two_ticks(server: DynamoDBServer, quotes_items: Table) -> None:
    draw = random.Random(SEED)
    runs: list[Process] = []
    stopped: list[tuple[float, Process]] = []
    delays_s: list[float] = []

    def start() -> None:
        runs.append(Process(server.url, quotes_items.name))

    def holder() -> Process:
        return next(run for run in runs if run.wrote(server.written[-1][1]))

    def is_settled() -> bool:
        """Whether every run is ready, and the one that wrote last is known."""
        epoch = server.written[-1][1] if server.written else 0
        return all(run.is_ready() for run in runs) and any(run.wrote(epoch) for run in runs)

    try:
        for _ in range(RUNS):
            start()
        for number in range(KILLS):
            until(is_settled, 60)
            time.sleep(draw.uniform(1.5, 1.5 + 2 * TICK_S))
            until(is_settled, 60)
            victim = holder() if draw.random() < 0.8 else draw.choice(runs)
            is_stop = draw.random() < 0.2 and KILLS > 10
            killed_s, before = time.monotonic(), len(server.written)
            victim.send(signal.SIGSTOP if is_stop else signal.SIGKILL)
            until(lambda before=before: len(server.written) > before, 60)  # type: ignore[misc]
            delays_s.append(server.written[before][0] - killed_s)
            print(f"seed {SEED}, {'stop' if is_stop else 'kill'} {number + 1}: next tick after {delays_s[-1]:.2f} s")
            runs.remove(victim)
            if is_stop:
                stopped.append((killed_s + STOPPED_S, victim))
            else:
                victim.end()
            for wakes_s, run in list(stopped):
                if time.monotonic() >= wakes_s:
                    run.send(signal.SIGCONT)
                    stopped.remove((wakes_s, run))
                    runs.append(run)
            while len(runs) < RUNS:
                start()
    finally:
        for run in [*runs, *(run for _, run in stopped)]:
            run.end()
    seqs = [seq for _, _, seq in server.written]
    gaps_s = [after[0] - before[0] for before, after in pairwise(server.written)]
    print(
        f"seed {SEED}: {len(delays_s)} faults, next tick after {max(delays_s):.2f} s at most, "
        f"{median(delays_s):.2f} s in the middle; {len(seqs)} ticks, longest gap {max(gaps_s):.2f} s"
    )
    assert seqs == list(range(1, len(seqs) + 1)), f"seed {SEED}"
    assert max(delays_s) <= 2 * TICK_S, f"seed {SEED}"
    # The tick that was begun is lost, and the next one begins after its grace.
    assert max(gaps_s) <= 2 * TICK_S + LONGEST_GRACE_MS / 1000 + 0.5, f"seed {SEED}"
