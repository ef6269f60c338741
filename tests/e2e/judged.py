"""Holds what clients were told against what the feed stored: what was delivered, late, lost for good, or wrong."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import ConnectionClosed

from cadfeed_client import Feed, Heard
from shared.model.values import Quote, Snapshot
from shared.protocol.quotes import quote_fields
from shared.store.quotes_table import QuotesTable
from tests.e2e.clients import Client, Frame, Told, opened, quotes_in
from tests.e2e.local_stack import Stack

LOOKS_PER_S = 8
BEFORE_TICKS = 3
SETTLE_TICKS = 8
TELL_TICKS = 3
LONGEST_RECOVERY_S = 90
LONGEST_LAG_TICKS = 30
COMPARED = ("bid", "ask", "spot", "change", "seq", "source")


@dataclass
class Truth:
    """The stored snapshots in their order, as a reader of the table saw them, and when (Unix milliseconds)."""

    snapshots: list[Snapshot] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)
    quotes: dict[tuple[str, int], Quote] = field(default_factory=dict)

    def add(self, snapshot: Snapshot) -> None:
        if self.snapshots and snapshot.seq == self.snapshots[-1].seq:
            return
        self.snapshots.append(snapshot)
        self.at_ms.append(_now_ms())
        self.quotes.update({(quote.symbol, quote.seq): quote for quote in snapshot.quotes.values()})

    def first_after(self, at_ms: int) -> int | None:
        """The `seq` of the first snapshot that was seen after a time."""
        return next((each.seq for each, at in zip(self.snapshots, self.at_ms, strict=True) if at > at_ms), None)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One row of the table of faults, whose columns docs/reliability.md explains.

    `expected`: updates; `delivered`: told; `healed`: replaced. `older`: quotes that came after a newer one. `unseen`:
    quotes that were told and that no look at the table saw, so nobody knows whether they are right.
    """

    fault: str
    clients: int
    expected: int
    delivered: int
    healed: int
    lost: int
    wrong: int
    older: int
    unseen: int
    longest_silence_ticks: float
    recovery_ticks: float

    def cells(self) -> list[str]:
        counts = (self.expected, self.delivered, self.healed, self.lost, self.wrong + self.older)
        times = (self.longest_silence_ticks, self.recovery_ticks)
        return [self.fault, *(f"{count:,}" for count in counts), *(f"{ticks:.1f}" for ticks in times)]


class Watch:
    """Clients that listen while something fails, and a reader of the table."""

    def __init__(self, table: QuotesTable, tick_s: int) -> None:
        self.table = table
        self._tick_s = tick_s
        self.truth = Truth()
        self.clients: list[Told] = []
        self._from_seq = 0
        self._began_ms = 0
        self._ended_ms = 0
        self._last: Snapshot | None = None  # that is judged

    def begin(self) -> None:
        """Note that the fault begins: what was stored before is not judged."""
        self._from_seq = self.truth.snapshots[-1].seq
        self._began_ms = _now_ms()

    def over(self) -> None:
        """Note that the fault has ended."""
        self._ended_ms = _now_ms()

    def quotes(self) -> list[Quote]:
        """The quotes that were stored since the fault began."""
        return [quote for (_, seq), quote in self.truth.quotes.items() if seq > self._from_seq]

    def judge(self, fault: str) -> Judgement:
        """Judge the ticks since the fault began: up to where clients and table settled, else to what clients have had
        time to hear."""
        last = self._last or self._heard_by_now()
        stored = {key: quote for key, quote in self.truth.quotes.items() if self._from_seq < key[1] <= last.seq}
        delivered = healed = lost = wrong = older = unseen = 0
        for client in self.clients:
            told = [each for each in client.heard() if each["seq"] > self._from_seq]
            heard = {(each["symbol"], each["seq"]) for each in told}
            wrong += sum(1 for each in told if not _is_right(each, self.truth.quotes))
            unseen += sum(1 for pair in heard if pair[1] <= last.seq and pair not in self.truth.quotes)
            older += _older(client, self._began_ms)
            newest = {symbol: quote["seq"] for symbol, quote in client.quotes().items()}
            for symbol, seq in stored:
                if (symbol, seq) in heard:
                    delivered += 1
                elif newest.get(symbol, 0) > seq:
                    healed += 1
                else:
                    lost += 1
            lost += sum(1 for symbol, quote in last.quotes.items() if newest.get(symbol, 0) < quote.seq)
        return Judgement(
            fault=fault,
            clients=len(self.clients),
            expected=len(stored) * len(self.clients),
            delivered=delivered,
            healed=healed,
            lost=lost,
            wrong=wrong,
            older=older,
            unseen=unseen,
            longest_silence_ticks=max(map(self._silence_ms, self.clients)) / self._tick_s / 1000,
            recovery_ticks=max(map(self._recovery_ms, self.clients)) / self._tick_s / 1000,
        )

    def _silence_ms(self, client: Told) -> int:
        """The longest time in which a client heard no tick, from the last one before the fault on."""
        heard = [at for frame, at in zip(client.frames, client.at_ms, strict=True) if _is_heard(frame)]
        return max(after - before for before, after in pairwise([*heard, _now_ms()]) if after > self._began_ms)

    def _recovery_ms(self, client: Told) -> int:
        """The time from the fault's end until a client was told a price that was stored after it; if it was not, until
        now."""
        return (self._told_after(client) or _now_ms()) - self._ended_ms

    def _told_after(self, client: Told) -> int | None:
        """When a client was told a price that was stored after the fault."""
        seq = self.truth.first_after(self._ended_ms)
        found = (
            at
            for frame, at in zip(client.frames, client.at_ms, strict=True)
            if at > self._ended_ms and seq and any(quote["seq"] >= seq for quote in quotes_in(frame))
        )
        return next(found, None)

    async def ticking(self) -> None:
        """Wait until the feed ticks: after the fault before, the schedule may have to start an ingest."""
        async with asyncio.timeout(90):
            while len(self.truth.snapshots) < BEFORE_TICKS:
                await asyncio.sleep(0.2)

    async def recovered(self) -> None:
        """Wait until every client was told a price that was stored after the fault."""
        async with asyncio.timeout(LONGEST_RECOVERY_S):
            while not all(map(self._told_after, self.clients)):
                await asyncio.sleep(0.1)

    async def settled(self) -> None:
        """Choose the last tick to judge, and wait until clients have what was stored up to then, or had time to.

        A client that heard nothing of that tick or a later one is behind, on a busy machine for long. One that did, and
        lacks a quote, has lost it, unless a frame brings it within a few ticks.
        """
        await asyncio.sleep((TELL_TICKS + 2) * self._tick_s)
        self._last = self._heard_by_now()
        for _ in range(LONGEST_LAG_TICKS):
            told = [max((quote["seq"] for quote in client.heard()), default=0) for client in self.clients]
            if min(told) >= self._last.seq:
                break
            await asyncio.sleep(self._tick_s)
        for _ in range(SETTLE_TICKS - TELL_TICKS - 2):
            if not self.judge("").lost:
                return
            await asyncio.sleep(self._tick_s)

    def _heard_by_now(self) -> Snapshot:
        """The last snapshot that clients have had time to hear."""
        upto_ms = _now_ms() - TELL_TICKS * self._tick_s * 1000
        return [each for each, at in zip(self.truth.snapshots, self.truth.at_ms, strict=True) if at < upto_ms][-1]


@asynccontextmanager
async def watched(stack: Stack, tick_s: int, channels: Sequence[str]) -> AsyncIterator[Watch]:
    """Listen with a client for each of these channels during a block; begins when all have prices."""
    watch = Watch(QuotesTable(stack.table("Quotes")), tick_s)
    async with AsyncExitStack() as block:
        tasks = [asyncio.create_task(read_into(watch.truth, watch.table))]
        for channel in channels:
            client = await block.enter_async_context(opened(stack))
            await client.subscribe(channel)
            await client.until(lambda frame: bool(frame.get("data")), 60)
            watch.clients.append(client)
            tasks.append(asyncio.create_task(_listen(client)))
        await watch.ticking()
        try:
            yield watch
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def reconnecting(url: str, channel: str, **options: Any) -> AsyncIterator[Told]:
    """Listen during a block with the Python client, which reconnects by itself; begins when it has prices."""
    told = Told()

    def on_heard(heard: Heard) -> None:
        told.add(heard.text)

    async with Feed(url, channel=channel, on_heard=on_heard, max_size=None, **options):
        async with asyncio.timeout(60):
            while not told.quotes():
                await asyncio.sleep(0.1)
        yield told


async def read_into(truth: Truth, table: QuotesTable) -> None:
    """Note every snapshot that the table has, until cancelled. The emulator may be away for a while."""
    while True:
        with suppress(BotoCoreError, ClientError):
            snapshot = await asyncio.to_thread(table.snapshot)
            if snapshot.seq:
                truth.add(snapshot)
        await asyncio.sleep(1 / LOOKS_PER_S)


async def _listen(client: Client) -> None:
    with suppress(ConnectionClosed):
        await client.listen(3_600)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _is_heard(frame: Frame) -> bool:
    return bool(frame.get("data")) or frame["event"] == "heartbeat"


def _is_right(told: Frame, stored: Mapping[tuple[str, int], Quote]) -> bool:
    quote = stored.get((told["symbol"], told["seq"]))
    return quote is None or all(told[name] == quote_fields(quote)[name] for name in COMPARED)


def _older(client: Told, from_ms: int) -> int:
    """How many quotes of `rates`, whose readers may not look at `seq`, came after a newer one of their symbol since a
    time. Before it the client subscribed, and a tick may overtake the answer to that."""
    newest: dict[str, int] = {}
    count = 0
    for frame, at_ms in zip(client.frames, client.at_ms, strict=True):
        if frame.get("channel") == "rates" and isinstance(frame.get("data"), dict) and "id" not in frame:
            symbol, seq = frame["data"]["symbol"], frame["data"]["seq"]
            count += at_ms > from_ms and seq < newest.get(symbol, 0)
            newest[symbol] = max(seq, newest.get(symbol, 0))
    return count
