"""Sixty clients, each at a pace of its own: each hears in its interval all that has changed, and none of it twice.

`CADFEED_EVERY_SECONDS=600` takes intervals up to the longest; by default they are up to 20 s.
"""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from cadfeed_client import Book
from shared.model.pace import LONGEST_S
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.local_stack import Stack

CLIENTS, TICK_S = 60, 1
LISTENS_S = int(os.environ.get("CADFEED_EVERY_SECONDS", "40"))
LONGEST = min(LONGEST_S, LISTENS_S // 2)
EVERY_S = [5 + number * (LONGEST - 5) // (CLIENTS - 1) for number in range(CLIENTS)]
SLACK_MS = 2_000  # of a busy machine
TIMED = {"update", "snapshot", "heartbeat"}


@pytest.mark.timeout(LISTENS_S + 300)
def test_each_hears_in_its_interval_everything_once(common_stack: Stack) -> None:
    async def run() -> int:
        async with AsyncExitStack() as block:
            clients = [await block.enter_async_context(opened(common_stack)) for _ in EVERY_S]
            for client, every_s in zip(clients, EVERY_S, strict=True):
                acknowledged = await client.subscribe("rates_batch", every=every_s)
                assert acknowledged.get("every") == every_s
            await asyncio.gather(*(client.listen(LISTENS_S) for client in clients))
            for client, every_s in zip(clients, EVERY_S, strict=True):
                hold(client, every_s)
            await asyncio.gather(*map(ends_equal, clients))
            return sum(len(client.ticks()) for client in clients)

    frames = asyncio.run(run())
    expected = sum(LISTENS_S / every_s for every_s in EVERY_S)
    print(f"{frames} frames to {CLIENTS} clients in {LISTENS_S} s, at their paces {expected:.0f}")
    assert frames <= expected + 3 * CLIENTS  # the first snapshot, one under way, and what changed meanwhile


def hold(client: Client, every_s: int) -> None:
    """Assert that it was never left longer than its interval and a tick, and was told no change twice."""
    timed = [at for at, frame in zip(client.at_ms, client.frames, strict=True) if frame["event"] in TIMED]
    longest_ms = (every_s + TICK_S) * 1000 + SLACK_MS
    assert max(b - a for a, b in pairwise([*timed, time.time_ns() // 1_000_000])) <= longest_ms
    # What changed while it subscribed may come twice: after its first snapshot, and in its first turn.
    begun_ms = client.at_ms[0] + (every_s + TICK_S) * 1000
    later = [frame for at, frame in zip(client.at_ms, client.frames, strict=True) if at > begun_ms]
    told = [(quote["symbol"], quote["seq"]) for frame in later if frame["event"] == "update" for quote in frame["data"]]
    assert len(told) == len(set(told))
    known = client.of("snapshot")[0]["seq"]
    for frame in client.ticks():
        assert frame.get("prev_seq", 0) <= known, "a client is told that it has missed something"
        known = max(known, frame["seq"])


async def ends_equal(client: Client) -> None:
    """Assert that what the frames told is the snapshot, but for what has changed since the last frame."""
    heard = book_of(client.frames)
    await client.send({"event": "snapshot", "channel": "rates_batch", "id": "last"})
    whole = book_of([await client.until(lambda frame: frame.get("id") == "last")])
    since = {symbol for symbol, quote in whole.quotes.items() if quote.seq > heard.seq}
    assert {symbol: quote.spot for symbol, quote in whole.quotes.items() if symbol not in since} == {
        symbol: quote.spot for symbol, quote in heard.quotes.items() if symbol not in since
    }
    assert not heard.gap


def book_of(frames: list[Frame]) -> Book:
    book = Book()
    for frame in frames:
        book.apply(frame, 0)
    return book
