"""Poison in the stored items: the lease, the snapshot, the audience."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from shared.store.quotes_table import AUDIENCE_KEY, LEASE_KEY, SNAPSHOT_KEY
from tests.e2e.faults.stage import Case, Do, Stage

DAY_MS = 86_400_000
POISONED_TICKS = 8
LARGE = 390_000  # bytes; an item has at most 400 KB
AHEAD = 1_000_000  # ticks


def once(change: Callable[[Stage], None]) -> Do:
    async def do(stage: Stage) -> None:
        await asyncio.to_thread(change, stage)

    return do


def again_and_again(change: Callable[[Stage], None]) -> Do:
    """The same at another moment of each of some ticks."""

    async def do(stage: Stage) -> None:
        for _ in range(POISONED_TICKS):
            await asyncio.to_thread(change, stage)
            await asyncio.sleep(1.07)

    return do


def put(key: dict[str, str], **changes: Any) -> Callable[[Stage], None]:
    return lambda stage: stage.put(key, **changes)


def delete(key: dict[str, str]) -> Callable[[Stage], None]:
    return lambda stage: stage.delete(key)


def lease_a_day_ahead(stage: Stage) -> None:
    ahead_ms = time.time_ns() // 1_000_000 + DAY_MS
    stage.put(LEASE_KEY, ticked_ms=ahead_ms, until_ms=ahead_ms)


def lease_that_ends(stage: Stage) -> None:
    stage.put(LEASE_KEY, until_ms=0)


def audience_of_tomorrow(stage: Stage) -> None:
    stage.put(AUDIENCE_KEY, connections=0, ts_ms=time.time_ns() // 1_000_000 + DAY_MS)


CASES = (
    Case("the lease is deleted", once(delete(LEASE_KEY)), quick=True),
    Case("the lease is a day ahead", once(lease_a_day_ahead)),
    Case("the lease is given up", once(lease_that_ends)),
    Case("the lease is garbage", once(put(LEASE_KEY, epoch="poison", ticked_ms="poison", until_ms="poison", seq=-1))),
    Case("the snapshot is garbage", once(put(SNAPSHOT_KEY, packed=b"poison")), quick=True),
    Case("the snapshot is huge", once(put(SNAPSHOT_KEY, packed=b"x" * LARGE))),
    Case("the snapshot is deleted", once(delete(SNAPSHOT_KEY))),
    Case("the snapshot is 1,000 ticks ahead", once(lambda stage: stage.put(SNAPSHOT_KEY, seq=stage.seq() + 1_000))),
    Case("the snapshot is a million ticks ahead", once(lambda stage: stage.put(SNAPSHOT_KEY, seq=stage.seq() + AHEAD))),
    Case("the snapshot is 50 ticks back", once(lambda stage: stage.put(SNAPSHOT_KEY, seq=max(1, stage.seq() - 50)))),
    Case("the audience is deleted", once(delete(AUDIENCE_KEY)), quick=True),
    Case("the audience is deleted in each of 8 ticks", again_and_again(delete(AUDIENCE_KEY))),
    Case("the audience is 0, counted a day ahead", once(audience_of_tomorrow)),
    Case("the audience is 0 in each of 8 ticks", again_and_again(put(AUDIENCE_KEY, connections=0))),
    Case("the audience is garbage", once(put(AUDIENCE_KEY, connections="poison"))),
)  # fmt: skip
