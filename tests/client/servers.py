"""Servers on loopback that run a test's session for each connection."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from shared.model.wire import dumps
from tests.client.frames import Frame, acknowledged, quote, snapshot, update

DEADLINE_S = 60
ACK = acknowledged("BTC_CAD", "ETH_CAD")
SNAPSHOT = snapshot(41, quote("BTC_CAD", 41), quote("ETH_CAD", 40))
UPDATE = update(43, 41, quote("BTC_CAD", 43, "1.5"))
Session = Callable[[ServerConnection, int], Awaitable[object]]


@asynccontextmanager
async def serving(session: Session, **options: Any) -> AsyncIterator[str]:
    """Yield a server's address. `session` is called with each connection and its number, from 1."""
    number = 0

    async def handle(connection: ServerConnection) -> None:
        nonlocal number
        number += 1
        await session(connection, number)

    async with asyncio.timeout(DEADLINE_S), serve(handle, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/markets/ws/"


async def eventually(done: Callable[[], object]) -> None:
    """Wait until the condition holds, for a short time."""
    async with asyncio.timeout(DEADLINE_S):
        while not done():
            await asyncio.sleep(0.005)


async def send(connection: ServerConnection, *frames: Frame) -> None:
    for frame in frames:
        await connection.send(dumps(frame))


async def asked(connection: ServerConnection) -> dict[str, Any]:
    """Return the client's next message."""
    message: dict[str, Any] = json.loads(await connection.recv())
    return message


async def welcome(connection: ServerConnection, *frames: Frame) -> None:
    """Wait for the subscription, acknowledge it, and send these frames or a snapshot."""
    await asked(connection)
    await send(connection, ACK, *(frames or (SNAPSHOT,)))


async def steady(connection: ServerConnection, _number: int) -> None:
    """Behave like a correct server."""
    await welcome(connection, SNAPSHOT, UPDATE)
    await connection.wait_closed()
