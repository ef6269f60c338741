"""Real sockets that break at random: a proxy between the client and a server with short minutes."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from cadfeed_client import Change, Feed, Link, Quote, State, machine
from shared.model.channels import RATES_BATCH
from shared.model.delta import Delta
from shared.protocol import SnapshotFrames, UpdateFrames, closing_frame, parts, snapshot_frames
from tests.client.frames import acknowledged
from tests.client.servers import eventually, send, serving
from tests.client.simulated_network import fields_of
from tests.client.simulated_server import Market
from tests.samples import NOW_MS, SYMBOLS

TICK_S = 0.02
CUTS = 40
CLOSING_AFTER_TICKS = 40


class QuickFeed:
    """A server on the market: a tick every 20 ms, every tenth a snapshot, and connections that end after 40 ticks."""

    def __init__(self, draw: random.Random) -> None:
        self.market = Market(draw, NOW_MS)
        self.asked = 0
        self._ages: dict[ServerConnection, int] = {}

    async def session(self, connection: ServerConnection, _number: int) -> None:
        with suppress(ConnectionClosed):
            async for text in connection:
                message = json.loads(text)
                first = self.market.snapshot
                if message["event"] == "subscribe":
                    await send(connection, acknowledged(*SYMBOLS))
                    await _post(connection, snapshot_frames(first, RATES_BATCH, None))
                    self._ages[connection] = 0
                    await _post(connection, UpdateFrames(Delta(first, self.market.snapshot)).of(RATES_BATCH, None))
                else:
                    self.asked += 1
                    await _post(connection, snapshot_frames(first, RATES_BATCH, None, message["id"]))
        self._ages.pop(connection, None)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        delta = self.market.tick(self.market.snapshot.ts_ms + 5_000)
        update, whole = UpdateFrames(delta).of(RATES_BATCH, None), SnapshotFrames(delta.new).of(RATES_BATCH, None)
        for connection in list(self._ages):
            self._ages[connection] = age = self._ages.get(connection, 0) + 1
            with suppress(ConnectionClosed):
                await _post(connection, whole if age % 10 == 0 else update)
                if age == CLOSING_AFTER_TICKS:
                    await _post(connection, (closing_frame(100, delta.new.ts_ms),))


async def _post(connection: ServerConnection, frames: tuple[bytes, ...]) -> None:
    for frame in frames:
        await connection.send(frame.decode())


class Proxy:
    """A proxy that forwards bytes and cuts connections anywhere, even within a frame."""

    def __init__(self, port: int, draw: random.Random) -> None:
        self.cuts = 0
        self.cut_s = 0.0
        self._port, self._draw = port, draw
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        async with await asyncio.start_server(self._pass_on, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]
            self._abort(list(self._open))

    @property
    def settled(self) -> bool:
        """Return whether both ends know about the last cut by now."""
        return asyncio.get_running_loop().time() - self.cut_s > 0.3

    async def cut_at_random(self, mean_s: float) -> None:
        while True:
            await asyncio.sleep(self._draw.expovariate(1 / mean_s))
            if self._open:
                self.cuts, self.cut_s = self.cuts + 1, asyncio.get_running_loop().time()
                self._abort([self._draw.choice(list(self._open))])

    def _abort(self, writers: list[asyncio.StreamWriter]) -> None:
        for writer in writers:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._open.add(writer)
            ways = [asyncio.create_task(_copy(*way)) for way in ((reader, up_writer), (up_reader, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            self._abort([writer, up_writer])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while some := await reader.read(2_000):
            writer.write(some)
            await writer.drain()


def test_a_connection_that_is_cut_again_and_again_ends_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BACKOFF_BASE_MS", 20)
    monkeypatch.setattr(machine, "BACKOFF_CAP_MS", 60)
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", 6_000)
    draw = random.Random(5)
    server = QuickFeed(draw)
    shown: dict[str, int] = {}
    states: list[State] = []

    async def follow(feed: Feed) -> None:
        async for change in feed.changes():
            note(change)

    def note(change: Change) -> None:
        if isinstance(change, Quote):
            assert change.seq >= shown.get(change.symbol, 0)
            shown[change.symbol] = change.seq

    async def run() -> None:
        async with serving(server.session) as url:
            proxy = Proxy(int(url.split(":")[2].split("/")[0]), draw)
            async with proxy.running() as port, Feed(f"ws://127.0.0.1:{port}/", on_state=states.append) as feed:
                consumer, ticks = asyncio.create_task(follow(feed)), asyncio.create_task(server.run())
                cuts = asyncio.create_task(proxy.cut_at_random(0.12))
                await eventually(lambda: proxy.cuts >= CUTS)
                cuts.cancel()
                await eventually(lambda: proxy.settled and feed.state.link is Link.LIVE)
                # Without cuts two notices are followed unnoticed.
                quiet_from, before = len(states), feed._machine._number
                await eventually(lambda: feed._machine._number > before + 1 and not feed._machine._next)
                assert states[quiet_from:] == []
                ticks.cancel()
                # In the end it shows what the server has.
                expected = server.market.snapshot
                newest = max(quote.seq for quote in expected.quotes.values())
                await eventually(lambda: feed.book.seq >= newest and feed.book.whole)
                assert feed.book.unavailable == set(expected.unavailable)
                assert {symbol: fields_of(quote) for symbol, quote in feed.book.quotes.items()} == {
                    symbol: fields_of(quote) for symbol, quote in expected.quotes.items()
                }
                consumer.cancel()
                await asyncio.wait([consumer])
                assert consumer.cancelled()

    asyncio.run(run())
    assert [state.link for state in states].count(Link.LIVE) > 10
    assert len(shown) > 60
