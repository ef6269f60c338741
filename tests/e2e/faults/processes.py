"""The ingest and `publish` are killed, stopped, started again and again, at any moment or at one of their steps."""

import asyncio
import os
import random
import signal
from collections.abc import Callable

from tests.e2e.dynamodb_proxy import Call, Trap
from tests.e2e.faults.stage import TICK, Case, Do, Stage, kill, sprung

SEED = int(os.environ.get("CADFEED_SEED", "1"))
STOPPED_S = 25
LAMBDA_TIMEOUT_S = 60  # of publish
START_TICKS = 6.0
START = (
    "the emulator waits for a second before it tries the stream's batch again, and the new process takes more than"
    " another to start. At the default tick of 5 s both fit into one tick."
)
SLOW_MS = 400  # of each source, so that the ingest is killed while it waits for them


async def killed(stage: Stage) -> None:
    await stage.holder()
    await asyncio.sleep(random.Random(SEED).random() * TICK)
    kill(stage.ingest.writer)


async def stopped(stage: Stage) -> None:
    await stage.holder()
    await _stop_for(stage.ingest.writer, STOPPED_S)


async def three_more(stage: Stage) -> None:
    for _ in range(3):
        await asyncio.to_thread(stage.invoke_ingest)
    await asyncio.sleep(10)


def holder_killed(operation: str, item: str = "", *, after: bool = False, later_s: float = 0) -> Do:
    """Kill the ingest that ticks, before this call of it is passed on, or after it was answered."""

    async def do(stage: Stage) -> None:
        await stage.holder()
        is_it = _calls_of(lambda pid: pid == stage.ingest.writer, operation, item)
        await _kill_at(stage, is_it, after=after, later_s=later_s)

    return do


def successor_killed(operation: str, item: str, *, after: bool = False) -> Do:
    """Kill an ingest that takes over, before this call of it is passed on, or after it was answered."""

    async def do(stage: Stage) -> None:
        await stage.holder()
        await stage.end_idle_ingests()
        before = set(stage.ingest.seen)
        is_it = _calls_of(lambda pid: pid not in before, operation, item)
        caught = asyncio.create_task(_kill_at(stage, is_it, after=after))
        await asyncio.sleep(0)
        await asyncio.to_thread(stage.invoke_ingest)
        await caught

    return do


async def killed_in_its_fetch(stage: Stage) -> None:
    await stage.holder()
    sources = await asyncio.to_thread(stage.stack.control, "state")
    slow = {name: {"latency_ms": SLOW_MS} for name in sources["requests"]}
    await asyncio.to_thread(stage.stack.control, "faults", slow)
    await stage.ticked(1)
    is_renewal = _calls_of(lambda pid: pid == stage.ingest.writer, "UpdateItem", "LEASE")
    await _kill_at(stage, is_renewal, after=True, later_s=SLOW_MS / 2_000)
    await asyncio.to_thread(stage.stack.control, "faults", {})


async def publish_killed(stage: Stage) -> None:
    for pid in stage.publishers():
        kill(pid)


async def publish_killed_in_its_posts(stage: Stage) -> None:
    for _ in range(3):
        await _publish_caught(stage, signal.SIGKILL)
        await stage.ticked(2)
    await _publish_caught(stage, signal.SIGKILL)


async def publish_stopped_in_its_posts(stage: Stage) -> None:
    await _publish_caught(stage, signal.SIGSTOP)
    pids = stage.publishers()
    await asyncio.sleep(STOPPED_S)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


async def publish_times_out(stage: Stage) -> None:
    """It hangs until Lambda ends it."""
    await _publish_caught(stage, signal.SIGSTOP)
    pids = set(stage.publishers())
    async with asyncio.timeout(LAMBDA_TIMEOUT_S + 30):
        while pids & set(await asyncio.to_thread(stage.publishers)):
            await asyncio.sleep(0.2)


async def _publish_caught(stage: Stage, number: signal.Signals) -> None:
    """Send `publish` a signal when the second post of a tick is under way."""

    def act(_call: Call) -> None:
        for pid in stage.publishers():
            os.kill(pid, number)

    posts = 0

    def is_second(call: Call) -> bool:
        nonlocal posts
        posts += call.operation == "POST"
        return posts == 2

    await stage.ticked(1)
    trap = Trap(is_second, act, loses=False)
    stage.posts.trap = trap
    await sprung(trap)


async def _kill_at(stage: Stage, catches: Callable[[Call], bool], *, after: bool, later_s: float = 0) -> None:
    caught: list[int] = []

    def act(call: Call) -> None:
        caught.append(call.pid)
        if not later_s:
            kill(call.pid)

    trap = Trap(catches, act, after=after, loses=not later_s)
    stage.ingest.trap = trap
    await sprung(trap)
    if later_s:
        await asyncio.sleep(later_s)
        kill(caught[0])


def _calls_of(is_process: Callable[[int], bool], operation: str, item: str) -> Callable[[Call], bool]:
    return lambda call: is_process(call.pid) and (call.operation, call.item) == (operation, item)


async def _stop_for(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def _steps(of: Callable[..., Do], steps: tuple[tuple[str, str, str], ...], who: str) -> list[Case]:
    return [
        Case(f"{who} is killed {word} it {step}", of(operation, item, after=word == "after"))
        for step, operation, item in steps
        for word in ("before", "after")
    ]


TICK_STEPS = (
    ("renews its lease", "UpdateItem", "LEASE"),
    ("writes the snapshot", "PutItem", "SNAPSHOT"),
    ("writes the explanations", "PutItem", "EXPLAIN"),
    ("reads the audience", "GetItem", "AUDIENCE"),
    ("writes closed candles", "BatchWriteItem", ""),
)
TAKEOVER_STEPS = (
    ("reads the lease", "GetItem", "LEASE"),
    ("reads the snapshot", "GetItem", "SNAPSHOT"),
    ("takes the lease", "UpdateItem", "LEASE"),
)
CASES = (
    Case("the ingest is killed", killed, quick=True),
    *_steps(holder_killed, TICK_STEPS, "the ingest"),
    Case("the ingest is killed while it waits for the sources", killed_in_its_fetch),
    *_steps(successor_killed, TAKEOVER_STEPS, "a new ingest"),
    Case(f"the ingest is stopped for {STOPPED_S} s", stopped),
    Case("three more ingests start", three_more),
    Case("publish is killed", publish_killed, most_ticks=START_TICKS, reason=START),
    Case(
        "publish is killed during its posts, four times",
        publish_killed_in_its_posts,
        quick=True,
        most_ticks=START_TICKS,
        reason=START,
    ),
    Case(f"publish is stopped during its posts for {STOPPED_S} s", publish_stopped_in_its_posts),
    Case("publish hangs during its posts until it times out", publish_times_out, most_ticks=START_TICKS, reason=START),
)
