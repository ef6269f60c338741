"""The ingest of the whole stack is killed at random moments while clients listen: the next tick is never later than two
ticks, and no client misses a `seq` or is told one twice.

`make kills KILLS=50 SEED=1`. tests/functions/ingest/test_kills.py does it without the stack, and in `make test`.
"""

import asyncio
import os
import random
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

import pytest

from shared.store.quotes_table import LEASE_KEY, QuotesTable
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.ledger import Ledger
from tests.e2e.local_stack import Stack, workers_of

TICK = 4
EXCHANGE = ["--seed=31"]
KILLS = int(os.environ.get("CADFEED_KILLS", "3"))
CLIENTS = int(os.environ.get("CADFEED_KILLS_CLIENTS", "4"))
SEED = int(os.environ.get("CADFEED_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RUN_S = 130  # how long a run lasts at least
LEFT_S = 40  # of a stand-by's run, when the holder is killed
RUNS = 2  # as with a punctual schedule: one holds the lease, one stands by
HOLDERS = 0.8  # the share of the kills that meet the holder; the others meet the stand-by
LOOK_S = 0.25  # how much later than it was written a tick is seen, at most


@dataclass
class Runs:
    """The ingests that run, in the order in which they took the lease: the last one holds it."""

    stack: Stack
    since_s: dict[int, float] = field(default_factory=dict)

    def look(self) -> None:
        """The schedule starts runs too, and the emulator keeps the process of one that has ended."""
        running = workers_of(self.stack, "IngestFunction")
        self.since_s = {pid: since for pid, since in self.since_s.items() if pid in running}
        for pid in running:
            self.since_s.setdefault(pid, time.monotonic())
        for pid, since_s in list(self.since_s.items()):
            if time.monotonic() > since_s + RUN_S - LEFT_S:
                self.kill(pid)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        del self.since_s[pid]

    async def complete(self) -> None:
        """Start ingests until a fresh one holds the lease and another one stands by."""
        self.look()
        while len(self.since_s) < RUNS:
            epoch = self.epoch()
            name = self.stack.function_name("IngestFunction")
            lambdas = self.stack.functions()
            await asyncio.to_thread(lambdas.invoke, FunctionName=name, InvocationType="Event", Payload=b"{}")
            async with asyncio.timeout(60):
                while self.epoch() == epoch:
                    await asyncio.sleep(0.2)
            self.look()

    def epoch(self) -> int:
        item = self.stack.table("Quotes").get_item(Key=LEASE_KEY, ConsistentRead=True)["Item"]
        return int(str(item["epoch"]))


@pytest.mark.timeout(300 + 40 * KILLS)
@pytest.mark.skipif("CADFEED_KILLS" not in os.environ, reason="it takes minutes: make kills")
def test_after_a_kill_no_client_lacks_a_tick(stack: Stack) -> None:
    ledger, delays_s = Ledger(), list[float]()
    clients = asyncio.run(run(stack, ledger, delays_s))
    gaps_s = [after - before for before, after in pairwise(ledger.seen_s)]
    print(
        f"seed {SEED}: {KILLS} kills, {len(clients)} clients, load {os.getloadavg()[1]:.1f}: next tick after "
        f"{max(delays_s):.2f} s at most, {median(delays_s):.2f} s in the middle; {len(ledger.seqs)} ticks, longest "
        f"gap {max(gaps_s):.2f} s; {sum(len(each.ticks()) for each in clients)} frames, none twice or missing"
    )
    assert ledger.seqs == list(range(ledger.seqs[0], ledger.seqs[-1] + 1))
    assert max(delays_s) <= 2 * TICK + LOOK_S, f"seed {SEED}"
    for client in clients:
        assert_every_tick_once(client, ledger.seqs[-1])


async def run(stack: Stack, ledger: Ledger, delays_s: list[float]) -> list[Client]:
    draw = random.Random(SEED)
    runs = Runs(stack)
    async with AsyncExitStack() as block:
        clients = [await block.enter_async_context(opened(stack)) for _ in range(CLIENTS)]
        for client in clients:
            await client.subscribe("rates_batch")
            await client.until(lambda frame: frame["event"] == "update", 90)
        tasks = [asyncio.create_task(client.listen(40 * KILLS + 300)) for client in clients]
        tasks.append(asyncio.create_task(ledger.read(QuotesTable(stack.table("Quotes")))))
        for number in range(KILLS):
            await runs.complete()
            await asyncio.sleep(draw.uniform(1.5, 1.5 + 2 * TICK))
            *older, holder = runs.since_s
            victim = holder if draw.random() < HOLDERS or not older else draw.choice(older)
            before, killed_s = len(ledger.seqs), time.monotonic()
            runs.kill(victim)
            async with asyncio.timeout(90):
                while len(ledger.seqs) <= before:
                    await asyncio.sleep(0.02)
            delays_s.append(ledger.seen_s[before] - killed_s)
            who = "holder" if victim == holder else "stand-by"
            print(f"seed {SEED}, kill {number + 1} of the {who}: next tick after {delays_s[-1]:.2f} s", flush=True)
        await asyncio.sleep(2 * TICK)  # the last ticks reach everybody
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []
    return clients


def assert_every_tick_once(client: Client, upto_seq: int) -> None:
    """The frames of the subscription may come twice; after them each tick is one frame, in order."""
    ticks: list[Frame] = client.ticks()[2:]
    seqs = [frame["seq"] for frame in ticks]
    assert len(set(seqs)) == len(seqs), f"seed {SEED}: a seq came twice"
    assert seqs[-1] >= upto_seq - 1
    for before, after in pairwise(ticks):
        assert after["seq"] > before["seq"]
        assert after.get("prev_seq", before["seq"]) == before["seq"], f"seed {SEED}: a seq is missing"
