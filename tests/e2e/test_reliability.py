"""Every fault is survived: nobody is told a wrong price, nothing is lost for good, and ticks go on within two ticks.

`make reliability` tries all of them and writes docs/reliability.md; `make test` tries those that are marked `quick`.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.store.quotes_table import AUDIENCE_KEY, LEASE_KEY, SNAPSHOT_KEY
from tests.e2e.dynamodb_proxy import EVERY, DynamoDbProxy, Fault, dynamodb_proxy
from tests.e2e.judged import Judgement, Watch, watched
from tests.e2e.local_stack import ROOT, Stack, workers_of
from tools.simulator.faults import UPSTREAMS
from tools.tables import renewed

TICK = 1
EXCHANGE = ["--seed=29"]
CHANNELS = ("rates_batch", "rates_batch", "rates")
DAY_MS = 86_400_000
ALL = os.environ.get("CADFEED_FAULTS") == "all"
SEED = int(os.environ.get("CADFEED_SEED", "1"))
MOST_RECOVERY_TICKS = 2.0
DOCUMENT = ROOT / "docs" / "reliability.md"


@dataclass
class Stage:
    stack: Stack
    ingest: DynamoDbProxy
    publish: DynamoDbProxy
    watch: Watch

    def item(self, key: dict[str, str]) -> dict[str, Any]:
        return dict(self.stack.table("Quotes").get_item(Key=key, ConsistentRead=True).get("Item", {}))

    def put(self, key: dict[str, str], **changes: Any) -> None:
        self.stack.table("Quotes").put_item(Item={**self.item(key), **key, **changes})

    def seq(self) -> int:
        return int(self.item(SNAPSHOT_KEY)["seq"])

    def delete(self, key: dict[str, str]) -> None:
        self.stack.table("Quotes").delete_item(Key=key)


Do = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """The fault is over when `do` returns. `make test` tries it if it is `quick`."""

    name: str
    do: Do
    quick: bool = False


def dynamodb(who: str, fault: Fault, seconds: float) -> Do:
    async def do(stage: Stage) -> None:
        proxy: DynamoDbProxy = getattr(stage, who)
        before = proxy.calls.total()
        proxy.faults = (fault,)
        await asyncio.sleep(seconds)
        proxy.faults = ()
        assert proxy.calls.total() > before, "no call came by"

    return do


def stored(change: Callable[[Stage], None]) -> Do:
    async def do(stage: Stage) -> None:
        await asyncio.to_thread(change, stage)

    return do


def source(faults: dict[str, Any], seconds: float) -> Do:
    async def do(stage: Stage) -> None:
        await asyncio.to_thread(stage.stack.control, "faults", faults)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(stage.stack.control, "faults", {})

    return do


async def new_holder(stage: Stage) -> int:
    """Start an ingest, which takes over from the one that ticks. Return its process."""
    before = set(workers_of(stage.stack, "IngestFunction"))
    name = stage.stack.function_name("IngestFunction")
    await asyncio.to_thread(stage.stack.functions().invoke, FunctionName=name, InvocationType="Event", Payload=b"{}")
    async with asyncio.timeout(30):
        while not (new := set(workers_of(stage.stack, "IngestFunction")) - before):
            await asyncio.sleep(0.1)
    seq = stage.seq()
    async with asyncio.timeout(30):
        while stage.seq() < seq + 5:  # it has imported its code and taken over
            await asyncio.sleep(0.2)
    return new.pop()


async def killed(stage: Stage) -> None:
    pid = await new_holder(stage)
    await asyncio.sleep(random.Random(SEED).random() * TICK)
    os.kill(pid, signal.SIGKILL)


async def stopped(stage: Stage) -> None:
    pid = await new_holder(stage)
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(25)
    finally:
        os.kill(pid, signal.SIGCONT)


async def three_more(stage: Stage) -> None:
    name = stage.stack.function_name("IngestFunction")
    for _ in range(3):
        await asyncio.to_thread(
            stage.stack.functions().invoke, FunctionName=name, InvocationType="Event", Payload=b"{}"
        )
    await asyncio.sleep(10)


async def publish_killed(stage: Stage) -> None:
    for pid in workers_of(stage.stack, "PublishFunction"):
        os.kill(pid, signal.SIGKILL)


def ahead() -> int:
    return time.time_ns() // 1_000_000 + DAY_MS


CASES = [
    Case("DynamoDB refuses all calls of the ingest for 20 s", dynamodb("ingest", Fault("error"), 20)),
    Case("DynamoDB throttles all calls of the ingest for 10 s", dynamodb("ingest", Fault("throttle"), 10)),
    Case("DynamoDB answers no call of the ingest for 10 s", dynamodb("ingest", Fault("held"), 10)),
    Case("DynamoDB closes all connections of the ingest for 10 s", dynamodb("ingest", Fault("cut"), 10)),
    Case("30 % of the answers to the ingest are lost", dynamodb("ingest", Fault("answer lost", EVERY, 0.3), 30)),
    Case("20 % of the ingest's calls fail for a minute", dynamodb("ingest", Fault("error", EVERY, 0.2), 60)),
    *[
        Case(f"DynamoDB refuses the ingest's {operation} for 5 s", dynamodb("ingest", Fault("error", operation), 5))
        for operation in ("GetItem", "PutItem", "UpdateItem")
    ],
    Case("20 % of the calls of publish fail for 30 s", dynamodb("publish", Fault("error", EVERY, 0.2), 30)),
    Case("DynamoDB throttles the Query of publish for 8 s", dynamodb("publish", Fault("throttle", "Query"), 8)),
    Case("the ingest is killed", killed, quick=True),
    Case("the ingest is stopped for 25 s", stopped),
    Case("three more ingests start", three_more),
    Case("publish is killed", publish_killed),
    Case("the lease is deleted", stored(lambda stage: stage.delete(LEASE_KEY)), quick=True),
    Case("the lease is a day ahead", stored(lambda stage: stage.put(LEASE_KEY, ticked_ms=ahead(), until_ms=ahead()))),
    Case("the snapshot is garbage", stored(lambda stage: stage.put(SNAPSHOT_KEY, packed=b"poison")), quick=True),
    Case("the snapshot is deleted", stored(lambda stage: stage.delete(SNAPSHOT_KEY))),
    Case("the snapshot is 1,000 ticks ahead", stored(lambda stage: stage.put(SNAPSHOT_KEY, seq=stage.seq() + 1_000))),
    Case("the snapshot is 50 ticks back", stored(lambda stage: stage.put(SNAPSHOT_KEY, seq=max(1, stage.seq() - 50)))),
    Case("the audience is deleted", stored(lambda stage: stage.delete(AUDIENCE_KEY))),
    Case("the audience is 0, counted a day ahead", stored(lambda stage: stage.put(
        AUDIENCE_KEY, connections=0, ts_ms=ahead()))),
    *[Case(f"{name} fails for 10 s", source({name: {"status": 500}}, 10)) for name in UPSTREAMS],
    Case("all sources fail for 10 s", source({name: {"status": 503} for name in UPSTREAMS}, 10)),
    Case("Binance is 2.5 s late for 15 s", source({"binance": {"latency_ms": 2_500}}, 15)),
    Case("Binance states 1.2 times its prices for 10 s", source({"binance": {"lie": {"factor": "1.2"}}}, 10)),
]  # fmt: skip
judged: list[Judgement] = []


@pytest.fixture(scope="module", autouse=True)
def document() -> Iterator[None]:
    """Write the table after all faults were tried."""
    yield
    if ALL and len(judged) == len(CASES):
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(renewed(text, {"faults": lambda: table(judged)}), encoding="utf-8")


def table(found: Sequence[Judgement]) -> str:
    heads = ["fault", "updates", "told", "replaced", "lost", "wrong", "silence", "recovery"]
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *(each.cells() for each in found)]
    when = f"{datetime.now(UTC):%Y-%m-%d}, {len(CHANNELS)} clients, a tick of {TICK} s, seed {SEED}"
    return "\n".join(["", f"Measured on {when}.", "", *(f"| {' | '.join(row)} |" for row in rows)])


@pytest.fixture(scope="module")
def proxies(stack: Stack) -> Iterator[tuple[DynamoDbProxy, DynamoDbProxy]]:
    with (
        dynamodb_proxy(stack, "IngestFunction", seed=SEED) as ingest,
        dynamodb_proxy(stack, "PublishFunction", seed=SEED) as publish,
    ):
        yield ingest, publish


@pytest.mark.parametrize("case", [case for case in CASES if ALL or case.quick], ids=lambda case: case.name)
def test_a_fault_is_survived(stack: Stack, proxies: tuple[DynamoDbProxy, DynamoDbProxy], case: Case) -> None:
    async def run() -> Judgement:
        async with watched(stack, TICK, CHANNELS) as watch:
            await watch.settled()
            from_seq = watch.truth.snapshots[-1].seq
            await case.do(Stage(stack, *proxies, watch))
            watch.over()
            await watch.settled()
            return watch.judge(case.name, from_seq)

    found = asyncio.run(run())
    judged.append(found)
    print(found)
    assert found.expected > 0
    assert (found.wrong, found.lost, found.older) == (0, 0, 0)
    assert found.recovery_ticks <= MOST_RECOVERY_TICKS
