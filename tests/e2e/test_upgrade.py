"""The feed is upgraded from an earlier version and goes back to it, while clients stay connected.

`make upgrade-test` does it with 200 clients.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from shared.model.channels import RATES
from tests.e2e.local_stack import ROOT
from tests.e2e.upgrade import (
    EARLIER,
    Emulated,
    Member,
    all_equal,
    candles,
    files_of,
    is_known,
    joined,
    lacking,
    ticks,
    write_candles,
)

CLIENTS = int(os.environ.get("CADFEED_UPGRADE_CLIENTS", "20"))
TICK = int(os.environ.get("CADFEED_UPGRADE_TICK", "1"))
TICKS = 3
WITHIN_S = 60 + CLIENTS


@pytest.mark.timeout(300 + 5 * CLIENTS)
@pytest.mark.skipif(not is_known(EARLIER), reason=f"this clone does not have the commit {EARLIER}: it is shallow")
def test_clients_stay_while_the_feed_is_upgraded_and_taken_back(tmp_path: Path) -> None:
    asyncio.run(upgraded(tmp_path))


async def upgraded(state: Path) -> None:
    async with Emulated(state, TICK) as emulated, AsyncExitStack() as block:
        before, now = await asyncio.gather(
            emulated.synthesise(files_of(EARLIER), "before"), emulated.synthesise(ROOT, "now")
        )
        await emulated.deploy(before)
        assert emulated.deployed
        table = emulated.table()
        await asyncio.to_thread(write_candles, table)
        members = await joined(block, emulated.deployed.socket_url, CLIENTS)
        settings, stored = emulated.settings(), candles(table)
        assert stored
        from_seq = await ticks(table, members, TICKS, WITHIN_S)
        took = []
        for assembly in (now, before):
            took.append(await emulated.deploy(assembly))
            await ticks(table, members, TICKS, WITHIN_S)
            assert emulated.table().name == table.name
            assert emulated.settings() == settings
            kept = candles(table)
            assert stored == {key: kept.get(key) for key in stored}
            stored = kept
            until_seq = await all_equal(emulated, members, WITHIN_S)
        report(members, from_seq, until_seq, took)
        assert "Traceback" not in emulated.log()


def report(members: list[Member], from_seq: int, until_seq: int, took: list[float]) -> None:
    """Print what was missed; a client that did not reconnect missed nothing."""
    lost = lacking(members, from_seq, until_seq)
    gaps = sum(each.gaps for each in members)
    reconnects = sum(each.reconnects for each in members)
    print(f"\n{len(members)} clients, ticks {from_seq} to {until_seq}")
    print(f"deployed in {took[0]:.1f} s, back in {took[1]:.1f} s, reconnects: {reconnects}")
    print(f"missed: {gaps} frames on rates_batch; {sum(lost.values())} quotes on rates, by {len(lost)} clients")
    for each in members:
        assert each.updates or each.channel == RATES
        assert each.reconnects or not each.gaps
    rates = [each for each in members if each.channel == RATES]
    assert all(rates[number].reconnects for number in lost)
