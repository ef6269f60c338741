"""What a fault can act on: the stack, the networks of its functions, their processes, and the clients that listen."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.store.quotes_table import SNAPSHOT_KEY
from tests.e2e.dynamodb_proxy import DynamoDbProxy, Trap
from tests.e2e.judged import Watch
from tests.e2e.local_stack import Stack, workers_of

TICK = 1
SEEN_S = 4.0  # an ingest that runs makes a call each tick
MOST_RECOVERY_TICKS = 2.0


@dataclass
class Stage:
    """`ingest` and `publish` stand before DynamoDB, `posts` before `@connections`. `clocks`: see `sitecustomize.py`."""

    stack: Stack
    ingest: DynamoDbProxy
    publish: DynamoDbProxy
    posts: DynamoDbProxy
    clocks: Path
    watch: Watch

    def item(self, key: dict[str, str]) -> dict[str, Any]:
        return dict(self.stack.table("Quotes").get_item(Key=key, ConsistentRead=True).get("Item", {}))

    def put(self, key: dict[str, str], **changes: Any) -> None:
        self.stack.table("Quotes").put_item(Item={**self.item(key), **key, **changes})

    def delete(self, key: dict[str, str]) -> None:
        self.stack.table("Quotes").delete_item(Key=key)

    def seq(self) -> int:
        return int(self.item(SNAPSHOT_KEY)["seq"])

    def invoke_ingest(self) -> None:
        name = self.stack.function_name("IngestFunction")
        self.stack.functions().invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")

    async def ticked(self, count: int) -> None:
        """Wait until that many ticks were written."""
        seq = await asyncio.to_thread(self.seq)
        async with asyncio.timeout(60):
            while await asyncio.to_thread(self.seq) < seq + count:
                await asyncio.sleep(0.1)

    async def holder(self) -> int:
        """Start an ingest, which takes over from the one that ticks. Return its process."""
        before = self.ingest.writer
        await asyncio.to_thread(self.invoke_ingest)
        async with asyncio.timeout(60):
            while self.ingest.writer == before:
                await asyncio.sleep(0.05)
        await self.ticked(3)
        return self.ingest.writer

    async def end_idle_ingests(self) -> None:
        """End the processes that run no ingest, so that the next one begins in a new process."""
        now_s = time.monotonic()
        for pid in await asyncio.to_thread(workers_of, self.stack, "IngestFunction"):
            if now_s - self.ingest.seen.get(pid, 0) > SEEN_S:
                kill(pid)

    def publishers(self) -> list[int]:
        return workers_of(self.stack, "PublishFunction")


async def sprung(trap: Trap, seconds: float = 90) -> None:
    """Wait until a trap has caught its call."""
    assert await asyncio.to_thread(trap.sprung.wait, seconds), "no such call came by"


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


Do = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """The fault is over when `do` returns. `make test` tries it if it is `quick`.

    `most_ticks`: how long recovery may take; `reason`: why not two ticks. `liars`: sources that lie meanwhile.
    """

    name: str
    do: Do
    quick: bool = False
    most_ticks: float = MOST_RECOVERY_TICKS
    reason: str = ""
    liars: tuple[str, ...] = ()
