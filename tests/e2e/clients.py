"""Plain WebSocket clients like users' own, which record every frame and check it against the contract."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from cadfeed_client.compact import Legends
from shared.model.wire import loads
from tests import schemas
from tests.e2e.local_stack import Stack

Frame = dict[str, Any]


@dataclass
class Told:
    """All frames that a client got, each with the time of its arrival (`at_ms`). Those of `rates_compact` have their
    quotes in `data`, as on `rates_batch`."""

    frames: list[Frame] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)
    legends: Legends = field(default_factory=Legends, repr=False)

    def add(self, text: str | bytes) -> Frame:
        """Note a frame that arrives now.

        Raises:
            Misfit: it is not what the contract says.
        """
        self.at_ms.append(time.time_ns() // 1_000_000)
        sent: Frame = loads(text)
        schemas.check(sent)
        frame = dict(self.legends.expanded(sent))
        self.frames.append(frame)
        return frame

    def of(self, event: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["event"] == event]

    def ticks(self) -> list[Frame]:
        """Return the unrequested frames of `rates_batch`, the subscription's snapshot first."""
        return list(filter(is_tick, self.frames))

    def quotes(self) -> dict[str, dict[str, Any]]:
        """Return the newest quote of each symbol: the highest `seq` wins."""
        newest: dict[str, dict[str, Any]] = {}
        for quote in self.heard():
            if quote["seq"] >= newest.get(quote["symbol"], quote)["seq"]:
                newest[quote["symbol"]] = quote
        return newest

    def heard(self) -> list[dict[str, Any]]:
        """Return every quote that came, on any channel."""
        return [quote for frame in self.frames for quote in quotes_in(frame)]


@dataclass(kw_only=True)
class Client(Told):
    """A connection and all its frames."""

    socket: ClientConnection

    async def send(self, message: object, *, valid: bool = True) -> None:
        """Send a request, as text or as a value to encode. `valid=False`: it is wrong on purpose.

        Raises:
            Misfit: it is not what the contract says.
        """
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        if valid:
            schemas.check_sent(loads(text))
        await self.socket.send(text)

    async def next(self, timeout_s: float = 30) -> Frame:
        """The next frame.

        Raises:
            TimeoutError: none came.
            Misfit: it is not what the contract says.
        """
        async with asyncio.timeout(timeout_s):  # wait_for may miss that its task is cancelled when a frame comes
            text = await self.socket.recv()
        return self.add(text)

    async def until(self, wanted: Callable[[Frame], bool], timeout_s: float = 30) -> Frame:
        """Return the next frame that fulfils the condition."""
        async with asyncio.timeout(timeout_s):
            while not wanted(frame := await self.next(timeout_s)):
                pass
        return frame

    async def listen(self, seconds: float) -> None:
        """Record frames for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                await self.next(left)
            except TimeoutError:
                return

    async def subscribe(self, channel: str, **more: object) -> Frame:
        """Subscribe and return the acknowledgement."""
        await self.send({"event": "subscribe", "channel": channel, **more})
        return await self.until(lambda frame: frame["event"] in {"subscribed", "error"})


def quotes_in(frame: Frame) -> list[dict[str, Any]]:
    """Return the quotes of a frame, on any channel."""
    data = frame.get("data", [])
    return data if isinstance(data, list) else [data]


def is_tick(frame: Frame) -> bool:
    """Return whether a frame of `rates_batch` is a tick: an update, or the minute's snapshot in its place."""
    return frame["event"] == "update" or (frame["event"] == "snapshot" and "id" not in frame)


def missed(ticks: list[Frame]) -> list[Frame]:
    """Return the updates after a missing one. A duplicate, as at a subscription, is not missing."""
    seen = accumulate((frame["seq"] for frame in ticks), max)
    return [after for before, after in zip(seen, ticks[1:], strict=False) if after.get("prev_seq", 0) > before]


@asynccontextmanager
async def opened(stack: Stack, url: str = "") -> AsyncIterator[Client]:
    """Connect a client to a stack's feed during a block. It is more patient than most, for a busy machine."""
    async with connect(url or stack.feed, ssl=stack.tls, max_size=None, open_timeout=60, ping_timeout=120) as socket:
        yield Client(socket=socket)
