"""Clients come, go and ask while everything fails at random; in the end all agree with the table.

`make soak MINUTES=10 CLIENTS=200 SEED=1` for longer. The time includes the quiet at the end.
"""

import asyncio
import json
import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from shared.model.assets import catalogue
from shared.store.quotes_table import AUDIENCE_KEY, LEASE_KEY, QuotesTable
from tests.e2e.dynamodb_proxy import EVERY, DynamoDbProxy, Fault, dynamodb_proxy
from tests.e2e.local_stack import Stack, workers_of
from tests.e2e.soak import FUNCTIONS, Size, SoakClient, Told, complaints, size_of, unhandled
from tools.simulator.faults import UPSTREAMS

SECONDS = float(os.environ.get("CADFEED_SOAK_SECONDS", "100"))
CLIENTS = int(os.environ.get("CADFEED_SOAK_CLIENTS", "30"))
SEED = int(os.environ.get("CADFEED_SEED", "1"))
TICK = 5 if CLIENTS > 60 else 2  # the emulator makes a few hundred posts a second
EXCHANGE = [f"--seed={SEED}"]
CONTEXT = ["message_burst=400"]
LONGEST_VISIT_S = max(40.0, 0.6 * CLIENTS)  # the emulator opens and closes some three connections a second
QUIET_S = 30.0  # without faults, and nobody goes
CALM_S = 45.0  # more, at most, until all agree with the table: the schedule may have to start an ingest
SAID_EVERY_S = 10.0
MEASURED = 12  # times
MOST_GROWTH = 1.2
CANDLES_PER_SYMBOL = 3  # besides one a minute: an hour or a day may end, and a minute is cut at either end
STOPPED_S = 8.0
EXPECTED_ERRORS = {"unknown_event", "rate_limited"}


@dataclass
class Soak:
    """A stack under test and what was seen of it."""

    stack: Stack
    proxies: Sequence[DynamoDbProxy]
    told: Told = field(default_factory=Told)
    faults: Counter[str] = field(default_factory=Counter)
    sizes: list[Size] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # of the test itself
    calm_from_s: float = 0.0
    calm_s: float = 0.0
    began_s: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        ledger = self.told.ledger
        print(
            f"{time.monotonic() - self.began_s:5.0f} s: {what}; ticks {len(ledger.seqs)}, quotes judged "
            f"{ledger.judged:,}, wrong {len(ledger.wrong)}, connections opened {self.told.connections['opened']:,}",
            flush=True,
        )


@pytest.mark.timeout(SECONDS + CALM_S + 300)
def test_the_feed_outlives_faults_and_everybody_ends_right(stack: Stack) -> None:
    _allow_open_files(4 * CLIENTS + 500)
    with (
        dynamodb_proxy(stack, "IngestFunction", seed=SEED) as ingest,
        dynamodb_proxy(stack, "PublishFunction", seed=SEED + 1) as publish,
    ):
        soak = Soak(stack, (ingest, publish))
        asyncio.run(_soak(soak))
    print(report(soak))
    ledger = soak.told.ledger
    assert soak.broken == []
    assert ledger.wrong == []
    assert ledger.contradictions() == []
    assert ledger.lacking == []
    assert soak.told.older == []
    assert soak.unequal == []
    assert unhandled(stack) == []
    assert soak.told.errors.keys() <= EXPECTED_ERRORS
    assert ledger.judged > CLIENTS * SECONDS / TICK
    assert ledger.unknown() < 0.05 * ledger.judged
    assert soak.sizes[-1].subscribed == CLIENTS, "subscribers that left are still stored"
    assert soak.sizes[-1].candles <= len(catalogue()) * ((time.monotonic() - soak.began_s) / 60 + CANDLES_PER_SYMBOL)
    grown = {name: seen for name, of in MEASURES.items() if not is_flat(seen := [of(size) for size in soak.sizes])}
    assert grown == {}


MEASURES: dict[str, Callable[[Size], int]] = {
    "state, items": lambda size: size.state_items,
    "state, bytes": lambda size: size.state_bytes,
    **{f"{name}, MiB": lambda size, name=name: size.memory_mb[name] for name in FUNCTIONS},  # type: ignore[misc]
}


def is_flat(seen: Sequence[int]) -> bool:
    """Return whether the most of the last third is about that of the third before."""
    third = len(seen) // 3
    return max(seen[-third:]) <= MOST_GROWTH * max(seen[third:-third])


async def _soak(soak: Soak) -> None:
    choose = random.Random(SEED)
    quotes = QuotesTable(soak.stack.table("Quotes"))
    until_s = soak.began_s + SECONDS - QUIET_S
    clients = [SoakClient(soak.stack, soak.told, choose.random(), LONGEST_VISIT_S) for _ in range(CLIENTS)]
    tasks = [asyncio.create_task(client.run(until_s)) for client in clients]
    tasks += [asyncio.create_task(each) for each in (soak.told.ledger.read(quotes), _measure(soak), _progress(soak))]
    while time.monotonic() < until_s:
        await _fault(soak, choose)
    soak.say("no more faults")
    await asyncio.sleep(max(0.0, soak.began_s + SECONDS - time.monotonic()))
    await _agree(soak, clients, quotes)
    soak.sizes.append(await asyncio.to_thread(size_of, soak.stack))
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    soak.broken = [repr(each) for each in ended if not isinstance(each, asyncio.CancelledError)]


async def _agree(soak: Soak, clients: Sequence[SoakClient], quotes: QuotesTable) -> None:
    """Hold the market's prices until every client has exactly the stored quotes."""
    faults = {name: {"prices_frozen": True} for name in UPSTREAMS}
    await asyncio.to_thread(soak.stack.control, "faults", faults)
    soak.calm_from_s = time.monotonic()
    while time.monotonic() < soak.calm_from_s + CALM_S:
        stored = (await asyncio.to_thread(quotes.snapshot)).quotes
        differ = [(number, each.differs_from(stored)) for number, each in enumerate(clients)]
        soak.unequal = [f"client {number}: {symbols}" for number, symbols in differ if symbols]
        soak.calm_s = time.monotonic() - soak.calm_from_s
        if stored and not soak.unequal:
            return
        await asyncio.sleep(0.5)


async def _fault(soak: Soak, choose: random.Random) -> None:
    """One fault for a few seconds, then as long without any."""
    seconds = choose.uniform(1, 6)
    match choose.choice(("source", "source", "dynamodb", "dynamodb", "kill", "stop", "ingests", "item")):
        case "source":
            name = choose.choice(UPSTREAMS)
            fault = choose.choice(({"status": 500}, {"latency_ms": 2_000}, {"cut": True}))
            what = f"{name} {json.dumps(fault)}"
            await asyncio.to_thread(soak.stack.control, "faults", {name: fault})
        case "dynamodb":
            proxy, kind = (
                choose.choice(soak.proxies),
                choose.choice(("error", "throttle", "held", "cut", "answer lost")),
            )
            what = f"dynamodb {kind}"
            proxy.faults = (Fault(kind, EVERY, choose.choice((0.2, 1.0))),)
        case "kill":
            name = choose.choice(("IngestFunction", "PublishFunction"))
            what = f"{name} killed"
            for pid in workers_of(soak.stack, name)[-1:]:
                _send(pid, signal.SIGKILL)
        case "stop":
            name = choose.choice(("IngestFunction", "PublishFunction"))
            what = f"{name} stopped for {STOPPED_S:.0f} s"
            await _stop(workers_of(soak.stack, name)[-1:])
        case "item":
            key = choose.choice((LEASE_KEY, AUDIENCE_KEY))
            what = f"{key['pk']} deleted"
            await asyncio.to_thread(soak.stack.table("Quotes").delete_item, Key=key)
        case _:
            what = "two more ingests"
            name = soak.stack.function_name("IngestFunction")
            for _ in range(2):
                await asyncio.to_thread(
                    soak.stack.functions().invoke, FunctionName=name, InvocationType="Event", Payload=b"{}"
                )
    soak.faults[what] += 1
    await asyncio.sleep(seconds)
    for proxy in soak.proxies:
        proxy.faults = ()
    await asyncio.to_thread(soak.stack.control, "faults", {})
    await asyncio.sleep(seconds)


async def _stop(pids: Sequence[int]) -> None:
    for pid in pids:
        _send(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(STOPPED_S)
    finally:
        for pid in pids:
            _send(pid, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


async def _measure(soak: Soak) -> None:
    while True:
        await asyncio.sleep(SECONDS / MEASURED)
        soak.sizes.append(await asyncio.to_thread(size_of, soak.stack))


async def _progress(soak: Soak) -> None:
    while True:
        await asyncio.sleep(SAID_EVERY_S)
        soak.say(f"{soak.faults.total()} faults")


def report(soak: Soak) -> str:
    told, ledger = soak.told, soak.told.ledger
    return "\n".join(
        [
            f"{CLIENTS} clients for {SECONDS:.0f} s, a tick of {TICK} s, seed {SEED}, load {os.getloadavg()[1]:.1f}",
            f"connections {dict(told.connections)}",
            f"frames {dict(told.frames)}, errors {dict(told.errors)}, updates missed {told.missed}",
            f"faults {soak.faults.total()}: {dict(soak.faults.most_common())}",
            f"ticks {len(ledger.seqs)}, longest silence {ledger.longest_silence_s(soak.calm_from_s):.1f} s",
            f"quotes judged {ledger.judged:,}, wrong {len(ledger.wrong)}, not judged {ledger.unknown():,}",
            f"updates judged {ledger.updates:,}, without a quote that changed {len(ledger.lacking)}",
            f"older than told {len(told.older)}, overtaken while a client subscribed {told.overtaken}",
            f"wrong in what way: {[*ledger.wrong, *ledger.lacking, *told.older][:3]}",
            f"clients unlike the table {len(soak.unequal)} after {soak.calm_s:.1f} s: {soak.unequal[:3]}",
            f"clients that broke {len(soak.broken)}: {soak.broken[:3]}",
            f"unhandled {len(found := unhandled(soak.stack))}: {found[:3]}",
            f"complaints {dict(complaints(soak.stack))}",
            *(f"{name}: {[of(size) for size in soak.sizes]}" for name, of in MEASURES.items()),
            f"subscribers stored {[size.subscribed for size in soak.sizes]}, candles {soak.sizes[-1].candles}",
        ]
    )


def _allow_open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
