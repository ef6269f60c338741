"""The emulator ends and starts again with its state: all Lambdas, connections and requests under way are lost."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from shared.store.quotes_table import QuotesTable
from tests.e2e.faults.stage import TICK, Case, Stage, kill
from tests.e2e.judged import Judgement, Watch, read_into, reconnecting
from tests.e2e.local_stack import ROOT, programs_of
from tests.e2e.upgrade import Emulated


async def _nothing(_stage: Stage) -> None: ...


CASE = Case(
    "the emulator ends and starts again with its state",
    _nothing,
    most_ticks=45,
    reason="all connections are gone; the clients wait for up to half a minute before they try again, and then every"
    " Lambda starts again. The silence includes the seconds in which there is no emulator.",
)


async def restarted(state: Path, channels: tuple[str, ...], patch: pytest.MonkeyPatch) -> Judgement:
    """Judge clients that reconnect by themselves. The fault ends when the emulator answers again."""
    patch.setenv("PERSIST_STATE", "1")
    patch.setenv("STATE_DIR", str(state / "persisted"))
    async with Emulated(state, TICK) as emulated:
        await emulated.deploy(await emulated.synthesise(ROOT, "cdk.out", direct="true"))
        async with watched(emulated, channels) as watch:
            watch.begin()
            await asyncio.to_thread(end_emulator, state)
            await emulated.start_again()
            watch.over()
            await watch.recovered()
            await watch.settled()
            return watch.judge(CASE.name)


@asynccontextmanager
async def watched(emulated: Emulated, channels: tuple[str, ...]) -> AsyncIterator[Watch]:
    assert emulated.deployed
    watch = Watch(QuotesTable(emulated.table()), TICK)
    reading = asyncio.create_task(read_into(watch.truth, watch.table))
    async with AsyncExitStack() as block:
        for channel in channels:
            watch.clients.append(await block.enter_async_context(reconnecting(emulated.deployed.socket_url, channel)))
        await watch.ticking()
        yield watch
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


def end_emulator(state: Path) -> None:
    """End it as a shutdown does, which saves its state, and then the Lambdas that it ran."""
    lambdas = [int(line.split()[0]) for line in programs_of(state) if "ministack-lambda-" in line]
    emulator = int(_of_process(lambdas[0], "ppid"))
    os.kill(emulator, signal.SIGTERM)
    while _of_process(emulator, "stat")[:1] not in {"", "Z"}:
        time.sleep(0.05)
    for pid in lambdas:
        kill(pid)


def _of_process(pid: int, field: str) -> str:
    command = ["ps", "-o", f"{field}=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
