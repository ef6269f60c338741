"""Clients that flood, never read, vanish, send too much, come and go, or want a thousand different things.

The clients that are judged are others, which listen meanwhile.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from shared.model.assets import catalogue
from tests.e2e.faults.stage import Case, Do, Stage

SECONDS = 15
MEGABYTE = 2**20
MANY = 1_000
AT_ONCE = 16
CONNECTED_SETS = 100  # at the same time: what the emulator can post to within a tick of a second
ALL = {"event": "subscribe", "channel": "rates_batch"}


def strangers(count: int, live: Callable[[Stage, int], Awaitable[None]], *, at_once: int = 0) -> Do:
    """Let that number of clients live, `at_once` of them at the same time (0: all). Their errors are their own."""

    async def do(stage: Stage) -> None:
        turns = asyncio.Semaphore(at_once or count)

        async def one(number: int) -> None:
            async with turns:
                with suppress(WebSocketException, OSError, TimeoutError):
                    await live(stage, number)

        await asyncio.gather(*map(one, range(count)))

    return do


def connected(stage: Stage) -> connect:
    return connect(stage.stack.feed, ssl=stage.stack.tls, max_size=None, open_timeout=60, close_timeout=5)


async def flood(stage: Stage, _number: int) -> None:
    """Send as fast as it goes; connect again when closed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while True:
                with suppress(WebSocketException):
                    async with connected(stage) as socket:
                        await socket.send(json.dumps(ALL))
                        while True:
                            await socket.send('{"event":"ping"}')
                            await asyncio.sleep(0)


async def never_read(stage: Stage, _number: int) -> None:
    """Subscribe to the channel with most frames, and read none of them."""
    async with connected(stage) as socket:
        await socket.send(json.dumps({"event": "subscribe", "channel": "rates"}))
        assert socket.transport
        socket.transport.pause_reading()
        await asyncio.sleep(SECONDS)
        socket.transport.abort()


async def vanish(stage: Stage, _number: int) -> None:
    """Subscribe, and be gone without a close."""
    async with connected(stage) as socket:
        await _subscribe(socket, ALL)
        await asyncio.sleep(2)
        assert socket.transport
        socket.transport.abort()


async def send_a_megabyte(stage: Stage, number: int) -> None:
    texts = ("x" * MEGABYTE, json.dumps({**ALL, "symbols": ["x" * MEGABYTE]}), "[" * MEGABYTE, "\x00" * MEGABYTE)
    async with connected(stage) as socket:
        await _subscribe(socket, ALL)
        await socket.send(texts[number % len(texts)])
        await socket.wait_closed()


async def come_and_go(stage: Stage, _number: int) -> None:
    async with connected(stage):
        pass


async def subscribe_and_go(stage: Stage, number: int) -> None:
    async with connected(stage) as socket:
        await _subscribe(socket, {**ALL, "symbols": some_symbols(number)})


async def want_its_own(stage: Stage, number: int) -> None:
    """Change to ten sets of symbols that nobody else has."""
    async with connected(stage) as socket:
        for turn in range(MANY // CONNECTED_SETS):
            await _subscribe(socket, {**ALL, "symbols": some_symbols(number * MANY + turn)})
            await asyncio.sleep(1.5)


def some_symbols(number: int) -> list[str]:
    choose = random.Random(number)
    return choose.sample(sorted(catalogue()), choose.randint(2, 30))


async def _subscribe(socket: ClientConnection, request: Mapping[str, object]) -> None:
    await socket.send(json.dumps(request))
    async with asyncio.timeout(60):
        while b'"subscribed"' not in await socket.recv(decode=False):
            pass


CASES = (
    Case(f"4 clients flood for {SECONDS} s", strangers(4, flood)),
    Case(f"10 clients do not read for {SECONDS} s", strangers(10, never_read)),
    Case("40 clients vanish without a close", strangers(40, vanish, at_once=AT_ONCE)),
    Case("8 clients send a megabyte each", strangers(8, send_a_megabyte, at_once=4)),
    Case(f"{MANY:,} clients come and go", strangers(MANY, come_and_go, at_once=AT_ONCE)),
    Case("200 clients subscribe and go", strangers(200, subscribe_and_go, at_once=AT_ONCE)),
    Case(f"{CONNECTED_SETS} clients want {MANY:,} sets of symbols", strangers(CONNECTED_SETS, want_its_own)),
)
