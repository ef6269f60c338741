"""Clients come, go and ask while everything fails at random; in the end all agree with the table.

`make soak MINUTES=10 CLIENTS=200 SEED=1` for longer.
"""

import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from shared.model.assets import catalogue
from shared.model.channels import CHANNELS
from shared.model.values import Quote
from shared.model.wire import loads
from shared.protocol.quotes import quote_fields
from shared.store.quotes_table import QuotesTable
from tests.e2e.dynamodb_proxy import EVERY, DynamoDbProxy, Fault, dynamodb_proxy
from tests.e2e.judged import COMPARED, Truth, read_into
from tests.e2e.local_stack import Stack, programs_of, workers_of
from tools.simulator.faults import UPSTREAMS

TICK = 2
SECONDS = float(os.environ.get("CADFEED_SOAK_SECONDS", "120"))
CLIENTS = int(os.environ.get("CADFEED_SOAK_CLIENTS", "40"))
SEED = int(os.environ.get("CADFEED_SEED", "1"))
EXCHANGE = [f"--seed={SEED}"]
CONTEXT = ["message_burst=20"]
QUIET_S = 40.0  # at the end, without faults and comings and goings
MOST_GROWTH = 1.5


@dataclass
class Found:
    """What the soak saw."""

    truth: Truth = field(default_factory=Truth)
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    memory_mb: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)


class SoakClient:
    """One of many: it keeps the newest quote of each symbol for as long as it is connected."""

    def __init__(self, stack: Stack, found: Found, choose: random.Random) -> None:
        self._stack = stack
        self._found = found
        self._choose = choose
        self.book: dict[str, dict[str, Any]] = {}
        self.view: tuple[str, ...] = ()

    async def run(self, until_s: float) -> None:
        """Connect again and again until it is quiet, then stay."""
        while True:
            stays_s = self._choose.uniform(4, 40)
            left_s = until_s - time.monotonic()
            try:
                await self._visit(None if stays_s > left_s else stays_s)
            except (WebSocketException, OSError, TimeoutError) as error:
                self._found.connections[type(error).__name__] += 1
            await asyncio.sleep(self._choose.uniform(0.2, 2))

    async def _visit(self, seconds: float | None) -> None:
        self.book = {}
        async with connect(self._stack.feed, ssl=self._stack.tls, max_size=None, open_timeout=30) as socket:
            self._found.connections["opened"] += 1
            symbols = tuple(catalogue())
            channel = self._choose.choice(CHANNELS) if seconds else "rates_batch"
            everything = seconds is None or self._choose.random() < 0.5
            self.view = symbols if everything else tuple(self._choose.sample(symbols, self._choose.randint(1, 20)))
            request = {"event": "subscribe", "channel": channel, **({} if everything else {"symbols": self.view})}
            await socket.send(json.dumps(request))
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._listen(socket)
            if self._choose.random() < 0.3 and socket.transport:
                socket.transport.abort()  # it vanishes

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            frame = loads(await socket.recv())
            self._found.told[frame["event"]] += 1
            data = frame.get("data")
            for quote in [data] if isinstance(data, dict) else data or ():
                self._heard(quote)
            if self._choose.random() < 0.03:
                await socket.send(json.dumps(self._question()))

    def _heard(self, quote: dict[str, Any]) -> None:
        stored = self._found.truth.quotes.get((quote["symbol"], quote["seq"]))
        if stored and any(quote[name] != quote_fields(stored)[name] for name in COMPARED):
            self._found.wrong.append(f"{quote} is not {stored}")
        if quote["seq"] >= self.book.get(quote["symbol"], quote)["seq"]:
            self.book[quote["symbol"]] = quote

    def _question(self) -> dict[str, Any]:
        symbol = self._choose.choice(tuple(catalogue()))
        return self._choose.choice(
            [
                {"event": "ping"},
                {"event": "trends"},
                {"event": "explain", "symbol": symbol},
                {"event": "history", "symbol": symbol, "interval": "1m"},
                {"event": "nonsense"},
                {"event": "snapshot", "channel": "rates_batch", "symbols": [symbol]},
            ]
        )

    def differs_from(self, quotes: dict[str, Quote]) -> list[str]:
        return [s for s in self.view if s in quotes and self.book.get(s, {"seq": 0})["seq"] < quotes[s].seq]


@pytest.mark.skipif("CADFEED_SOAK_SECONDS" not in os.environ, reason="it takes minutes: make soak")
def test_the_feed_outlives_faults_and_everybody_ends_right(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    _allow_open_files(4 * CLIENTS + 500)
    found = Found()
    with (
        dynamodb_proxy(stack, "IngestFunction", seed=SEED) as ingest,
        dynamodb_proxy(stack, "PublishFunction", seed=SEED + 1) as publish,
    ):
        asyncio.run(_soak(stack, found, (ingest, publish)))
    with capsys.disabled():
        print(f"\n{_report(found)}")
    assert not found.wrong
    assert not found.unequal
    assert not _unhandled(stack)
    assert found.told["update"] > SECONDS / TICK
    first, last = found.memory_mb[len(found.memory_mb) // 3], found.memory_mb[-1]
    assert last < MOST_GROWTH * first, f"memory grew: {found.memory_mb}"


async def _soak(stack: Stack, found: Found, proxies: tuple[DynamoDbProxy, DynamoDbProxy]) -> None:
    choose = random.Random(SEED)
    quotes = QuotesTable(stack.table("Quotes"))
    until_s = time.monotonic() + SECONDS - QUIET_S
    clients = [SoakClient(stack, found, random.Random(choose.random())) for _ in range(CLIENTS)]
    tasks = [asyncio.create_task(client.run(until_s)) for client in clients]
    tasks += [
        asyncio.create_task(read_into(found.truth, quotes)),
        asyncio.create_task(_measure(stack, found)),
    ]
    while time.monotonic() < until_s:
        await _fault(stack, found, proxies, choose)
    await asyncio.sleep(QUIET_S)
    for _ in range(3 * TICK):  # a tick may come between the two looks
        stored = dict((await asyncio.to_thread(quotes.snapshot)).quotes)
        await asyncio.sleep(1)
        found.unequal = [f"{number}: {wrong}" for number, c in enumerate(clients) if (wrong := c.differs_from(stored))]
        if not found.unequal:
            break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _fault(
    stack: Stack, found: Found, proxies: tuple[DynamoDbProxy, DynamoDbProxy], choose: random.Random
) -> None:
    """One fault for a few seconds, then as long without any."""
    seconds = choose.uniform(1, 6)
    match choose.choice(("source", "source", "dynamodb", "dynamodb", "kill", "several ingests")):
        case "source":
            name, fault = (
                choose.choice(UPSTREAMS),
                choose.choice(({"status": 500}, {"latency_ms": 2_000}, {"cut": True})),
            )
            found.faults[f"{name} {json.dumps(fault)}"] += 1
            await asyncio.to_thread(stack.control, "faults", {name: fault})
        case "dynamodb":
            proxy, kind = choose.choice(proxies), choose.choice(("error", "throttle", "cut", "answer lost"))
            found.faults[f"dynamodb {kind}"] += 1
            proxy.faults = (Fault(kind, EVERY, choose.choice((0.2, 1.0))),)
        case "kill":
            name = choose.choice(("IngestFunction", "PublishFunction"))
            found.faults[f"kill {name}"] += 1
            for pid in workers_of(stack, name)[:1]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        case _:
            found.faults["two more ingests"] += 1
            name = stack.function_name("IngestFunction")
            for _ in range(2):
                await asyncio.to_thread(
                    stack.functions().invoke, FunctionName=name, InvocationType="Event", Payload=b"{}"
                )
    await asyncio.sleep(seconds)
    for proxy in proxies:
        proxy.faults = ()
    await asyncio.to_thread(stack.control, "faults", {})
    await asyncio.sleep(seconds)


async def _measure(stack: Stack, found: Found) -> None:
    while True:
        found.memory_mb.append(await asyncio.to_thread(_memory_mb, stack))
        found.items.append(await asyncio.to_thread(_items, stack))
        await asyncio.sleep(SECONDS / 12)


def _memory_mb(stack: Stack) -> int:
    """The memory of the largest Lambda, MiB. Their number follows how many run at the same time."""
    pids = [line.split()[0] for line in programs_of(stack.state) if "ministack-lambda-" in line]
    listing = subprocess.run(
        ["ps", "-o", "rss=", "-p", ",".join(pids)], capture_output=True, text=True, check=False
    ).stdout
    return max(map(int, listing.split()), default=0) // 1024


def _items(stack: Stack) -> int:
    return sum(int(stack.table(name).scan(Select="COUNT")["Count"]) for name in ("Quotes", "Connections"))


def _unhandled(stack: Stack) -> list[str]:
    """Return the lines about invocations that raised."""
    return [line for line in stack.aws_log().splitlines() if line.startswith("Traceback") or '"errorMessage"' in line]


def _report(found: Found) -> str:
    return "\n".join(
        [
            f"{CLIENTS} clients for {SECONDS:.0f} s, seed {SEED}",
            f"connections {dict(found.connections)}",
            f"frames {dict(found.told)}",
            f"snapshots {len(found.truth.snapshots)}, quotes {len(found.truth.quotes)}",
            f"faults {dict(found.faults)}",
            f"wrong {len(found.wrong)}, clients unlike the table {len(found.unequal)} {found.unequal[:3]}",
            f"memory of the largest Lambda, MiB {found.memory_mb}, items {found.items}",
        ]
    )


def _allow_open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
