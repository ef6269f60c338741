"""Holds what clients were told against what the feed stored: what was delivered, late, lost for good, or wrong."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

from websockets.exceptions import ConnectionClosed

from shared.model.values import Quote, Snapshot
from shared.protocol.quotes import quote_fields
from shared.store.quotes_table import QuotesTable
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.local_stack import Stack

LOOKS_PER_S = 8
SETTLE_TICKS = 8
TELL_TICKS = 3
COMPARED = ("bid", "ask", "spot", "change", "seq", "source")


@dataclass
class Truth:
    """The stored snapshots in their order, as a reader of the table saw them."""

    snapshots: list[Snapshot] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    quotes: dict[tuple[str, int], Quote] = field(default_factory=dict)

    def add(self, snapshot: Snapshot) -> None:
        if self.snapshots and snapshot.seq == self.snapshots[-1].seq:
            return
        self.snapshots.append(snapshot)
        self.at_s.append(time.monotonic())
        self.quotes.update({(quote.symbol, quote.seq): quote for quote in snapshot.quotes.values()})

    def longest_gap_s(self, from_s: float) -> float:
        """The longest time without a new snapshot that ended after `from_s`."""
        times = [*self.at_s, time.monotonic()]
        return max(after - before for before, after in pairwise(times) if after > from_s)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One row of the table of faults, whose columns docs/reliability.md explains.

    `expected`: updates; `delivered`: told; `healed`: replaced. `older`: quotes that came after a newer one.
    """

    fault: str
    clients: int
    expected: int
    delivered: int
    healed: int
    lost: int
    wrong: int
    older: int
    longest_silence_ticks: float
    recovery_ticks: float

    def cells(self) -> list[str]:
        counts = (self.expected, self.delivered, self.healed, self.lost, self.wrong + self.older)
        times = (self.longest_silence_ticks, self.recovery_ticks)
        return [self.fault, *(f"{count:,}" for count in counts), *(f"{ticks:.1f}" for ticks in times)]


class Watch:
    """Clients that listen while something fails, and a reader of the table."""

    def __init__(self, stack: Stack, tick_s: int) -> None:
        self.table = QuotesTable(stack.table("Quotes"))
        self._tick_s = tick_s
        self.truth = Truth()
        self.clients: list[Client] = []
        self.ended_s = 0.0

    def over(self) -> None:
        """Note that the fault has ended."""
        self.ended_s = time.monotonic()

    def judge(self, fault: str, from_seq: int) -> Judgement:
        """Judge the ticks after `from_seq` that clients have had time to hear. The feed has had time to settle."""
        upto_s = time.monotonic() - TELL_TICKS * self._tick_s
        last = [each for each, at in zip(self.truth.snapshots, self.truth.at_s, strict=True) if at < upto_s][-1]
        stored = {key: quote for key, quote in self.truth.quotes.items() if from_seq < key[1] <= last.seq}
        delivered = healed = lost = wrong = older = 0
        for client in self.clients:
            told = [each for each in client.heard() if each["seq"] > from_seq]
            heard = {(each["symbol"], each["seq"]) for each in told}
            wrong += sum(1 for each in told if not _is_right(each, self.truth.quotes))
            older += _older(client.frames)
            newest = {symbol: quote["seq"] for symbol, quote in client.quotes().items()}
            for symbol, seq in stored:
                if (symbol, seq) in heard:
                    delivered += 1
                elif newest.get(symbol, 0) > seq:
                    healed += 1
                else:
                    lost += 1
            lost += sum(1 for symbol, quote in last.quotes.items() if newest.get(symbol, 0) < quote.seq)
        first = next((at for at in self.truth.at_s if at > self.ended_s), time.monotonic())
        return Judgement(
            fault=fault,
            clients=len(self.clients),
            expected=len(stored) * len(self.clients),
            delivered=delivered,
            healed=healed,
            lost=lost,
            wrong=wrong,
            older=older,
            longest_silence_ticks=self.truth.longest_gap_s(self.truth.at_s[0]) / self._tick_s,
            recovery_ticks=(first - self.ended_s) / self._tick_s,
        )

    async def ticking(self) -> None:
        """Wait until the feed ticks: after the fault before, the schedule may have to start an ingest."""
        async with asyncio.timeout(90):
            while len(self.truth.snapshots) < 3:
                await asyncio.sleep(0.2)

    async def settled(self) -> None:
        """Wait until clients and table had time to agree."""
        await asyncio.sleep(SETTLE_TICKS * self._tick_s)


@asynccontextmanager
async def watched(stack: Stack, tick_s: int, channels: Sequence[str]) -> AsyncIterator[Watch]:
    """Listen with a client for each of these channels during a block; begins when all have prices."""
    watch = Watch(stack, tick_s)
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


async def read_into(truth: Truth, table: QuotesTable) -> None:
    """Note every snapshot that the table has, until cancelled."""
    while True:
        snapshot = await asyncio.to_thread(table.snapshot)
        if snapshot.seq:
            truth.add(snapshot)
        await asyncio.sleep(1 / LOOKS_PER_S)


async def _listen(client: Client) -> None:
    with suppress(ConnectionClosed):
        await client.listen(3_600)


def _is_right(told: Frame, stored: dict[tuple[str, int], Quote]) -> bool:
    quote = stored.get((told["symbol"], told["seq"]))
    # A snapshot that no look at the table saw cannot be judged; the next ones can.
    return quote is None or all(told[name] == quote_fields(quote)[name] for name in COMPARED)


def _older(frames: Sequence[Frame]) -> int:
    """How many quotes of `rates`, whose readers may not look at `seq`, came after a newer one of their symbol."""
    newest: dict[str, int] = {}
    count = 0
    for frame in frames:
        if frame.get("channel") == "rates" and isinstance(frame.get("data"), dict) and "id" not in frame:
            symbol, seq = frame["data"]["symbol"], frame["data"]["seq"]
            count += seq < newest.get(symbol, 0)
            newest[symbol] = max(seq, newest.get(symbol, 0))
    return count
