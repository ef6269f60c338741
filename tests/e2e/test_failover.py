"""Each source fails, in each way; then two sources, then all.

`make failover` tries every cell; else it is a third or a quarter of them, and each way at least once.
"""

import asyncio
import time
from itertools import combinations

import pytest

from tests.e2e.clients import opened
from tests.e2e.failover import (
    CONTEXT,
    EVERY_TICK,
    EXCHANGE,
    EXCHANGES,
    FAULTS,
    LATE_S,
    LONGEST_BACK_OFF_S,
    OFF,
    PRICE_SOURCES,
    RATE_SOURCES,
    TICK,
    fail,
    failed,
    is_shown,
    is_update,
    served_without,
    settled,
    stale,
    wrong,
)
from tests.e2e.local_stack import Stack
from tests.e2e.matrix import cells, some

__all__ = ["CONTEXT", "EXCHANGE", "TICK"]  # of the module's stack


@pytest.mark.parametrize(("failing", "fault"), cells(EXCHANGES, FAULTS, 3))
def test_an_exchange_that_fails_is_passed_over_and_comes_back(stack: Stack, failing: str, fault: str) -> None:
    off = dict.fromkeys(PRICE_SOURCES[: PRICE_SOURCES.index(failing)], OFF)
    row = asyncio.run(fail(stack, off, off | {failing: FAULTS[fault]}, (failing,), shown=is_shown(failing, fault)))
    print(f"| {failing} | {fault} | {row} |")


@pytest.mark.parametrize("fault", some(list(FAULTS), 4))
def test_assets_only_coingecko_has_are_stale_until_it_returns(stack: Stack, fault: str) -> None:
    # The exchanges stay on: without them no source would be left.
    row = asyncio.run(fail(stack, {}, {"coingecko": FAULTS[fault]}, ("coingecko",), shown=is_shown("coingecko", fault)))
    print(f"| coingecko | {fault} | {row} |")


@pytest.mark.parametrize("failing", some(list(combinations(PRICE_SOURCES, 2)), 4), ids=" and ".join)
def test_two_sources_that_are_off_are_passed_over_and_come_back(stack: Stack, failing: tuple[str, ...]) -> None:
    row = asyncio.run(fail(stack, {}, dict.fromkeys(failing, OFF), failing, shown=True))
    print(f"| {' and '.join(failing)} | off | {row} |")


def test_the_feed_recovers_after_every_source_was_off(stack: Stack) -> None:
    """Meanwhile every quote is marked stale and heartbeats go on."""
    first = served_without(())
    every_tick = {symbol for symbol, source in first.items() if source in EVERY_TICK}

    async def run() -> None:
        async with opened(stack) as client:
            reference = await settled(stack, client, {}, first)
            await failed(stack, dict.fromkeys(PRICE_SOURCES + RATE_SOURCES, OFF), PRICE_SOURCES)
            await client.until(lambda _: stale(client) == first.keys(), 60)
            quiet_from = len(client.frames)
            # Twice a minute, or once if the minute's snapshot replaces one.
            heartbeat = await client.until(lambda frame: frame["event"] == "heartbeat", 90)
            assert set(heartbeat["stale"]) == first.keys()
            assert {heartbeat["status"][source] for source in PRICE_SOURCES} == {"down"}
            assert not [frame for frame in client.frames[quiet_from:] if is_update(frame)]
            stack.control("faults", {})
            healed_ms = time.time_ns() // 1_000_000
            back = await client.until(lambda _: not stale(client) & every_tick, 60)
            assert back["ts"] - healed_ms <= (2 * TICK + LATE_S) * 1000
            await client.until(lambda _: not stale(client), LONGEST_BACK_OFF_S + 3 * TICK + 1)
            assert not wrong(client, reference)
            print(f"| all | off | recovered after {(back['ts'] - healed_ms) / 1000:.1f} s |")

    asyncio.run(run())
