"""The number of shards is changed and changed back by deployments, while clients listen and others come.

`make upgrade-test` does it with 200 clients.
"""

import asyncio
import os
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from shared.store.connections_table import partitions_of
from tests.e2e.local_stack import ROOT
from tests.e2e.upgrade import CLIENTS, TICK, TICKS, WITHIN_S, Emulated, Member, all_equal, joined, report, ticks
from tests.stored import stored

FEW, MANY = 1, 4
COME = CLIENTS // 2  # during each deployment, and as many after it, besides those that stay


@pytest.mark.timeout(300 + 10 * CLIENTS)
@pytest.mark.skipif("CADFEED_UPGRADE_CLIENTS" not in os.environ, reason="it takes minutes: make upgrade-test")
def test_a_change_of_the_number_of_shards_loses_nobody(tmp_path: Path) -> None:
    asyncio.run(changed(tmp_path))


async def changed(state: Path) -> None:
    async with Emulated(state, TICK) as emulated, AsyncExitStack() as block:
        few, many = [
            await emulated.synthesise(
                ROOT, f"shards-{number}", connection_shards=str(number), connections_per_worker=str(CLIENTS // 2)
            )
            for number in (FEW, MANY)
        ]
        await emulated.deploy(few)
        members = await joined(block, emulated, CLIENTS)
        from_seq = await ticks(emulated.table(), members, TICKS, WITHIN_S)
        assert len(partitions(emulated)) == partitions_of(FEW)
        for assembly, shards in ((many, MANY), (few, FEW)):
            deploying = asyncio.create_task(emulated.deploy(assembly))
            for _ in range(COME):
                if not deploying.done():
                    members += await joined(block, emulated, 1)
            took = await deploying
            assert emulated.settings()["CONNECTION_SHARDS"] == {str(shards)}
            members += await joined(block, emulated, COME)
            await ticks(emulated.table(), members, TICKS, WITHIN_S)
            print(f"\n{shards} shards, connections by partition: {sorted(partitions(emulated).items())}")
            until_seq = await all_equal(emulated, members, WITHIN_S)
            assert_each_is_stored_once(emulated, members)
            assert len(partitions(emulated)) > 1
            assert not report(f"{shards} shards", members, from_seq, until_seq, took)
            from_seq = until_seq
        assert '"WorkersStarted"' in emulated.log()
        assert raised(emulated.log()) == 0


def raised(log: str) -> int:
    """Return how many functions raised, without the workers that lost their role while they ran: a change to one shard
    deletes it."""
    tracebacks = log.split("\nTraceback ")[1:]
    errors = [next((line for line in each.splitlines()[1:] if not line.startswith(" ")), "") for each in tracebacks]
    return sum("AccessDeniedException" not in error for error in errors)


def partitions(emulated: Emulated) -> Counter[str]:
    return Counter(str(item["pk"]) for item in stored(emulated.table("Connections")))


def assert_each_is_stored_once(emulated: Emulated, members: list[Member]) -> None:
    """A client that reconnected may still have its earlier connection's item."""
    ids = Counter(str(item["sk"]) for item in stored(emulated.table("Connections")))
    assert set(ids.values()) == {1}
    assert len(members) <= len(ids) <= len(members) + sum(each.reconnects for each in members)
