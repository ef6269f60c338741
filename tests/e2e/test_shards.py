"""Two shards: with many connections workers take over from `publish`, and nobody misses a tick."""

import asyncio
import json
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

from shared.store.progress_table import PARTITION
from tests.e2e.clients import Client, missed, opened
from tests.e2e.local_stack import Stack
from tests.stored import stored

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TICK = 1
EXCHANGE = ["--seed=5"]
CONTEXT = ["connection_shards=2", "connections_per_worker=3"]
SHARDS = ["SHARD#0", "SHARD#1"]
BATCH_CLIENTS, LEAST_PER_SHARD, PLAIN_CLIENTS = 12, 4, 2
MOST_WAIT_S = 90  # on a busy machine a tick takes several seconds
WARM_UP_TICKS, STEADY_TICKS, LAST_TICKS = 5, 25, 5


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A listening client, and where its connection is stored."""

    shard: str
    client: Client
    block: AsyncExitStack
    listening: asyncio.Task[None]

    async def leave(self) -> None:
        await self.block.aclose()
        with suppress(ConnectionClosed):
            await self.listening


def shards_of_connections(connections: "Table") -> dict[str, str]:
    """Return the shard of each connection, by its ID. Each of the two has every other partition."""
    return {str(item["sk"]): SHARDS[int(str(item["pk"]).partition("#")[2]) % 2] for item in stored(connections)}


def whole_seqs(connections: "Table") -> dict[str, int]:
    """Return per shard the last tick that a worker posted to everybody."""
    items = connections.scan(ConsistentRead=True)["Items"]
    return {str(item["sk"]): int(str(item.get("whole_seq", 0))) for item in items if item["pk"] == PARTITION}


def posted(stack: Stack, service: str, from_ms: int, to_ms: int) -> list[int]:
    """Return how many connections each batch of a function reached in that time, by its metrics."""
    logged = [json.loads(line) for line in stack.aws_log().splitlines() if line.startswith('{"_aws":')]
    return [
        int(line["Connections"][0])
        for line in logged
        if line["service"] == service and "Posts" in line and from_ms <= line["_aws"]["Timestamp"] < to_ms
    ]


async def join(stack: Stack, connections: "Table", channel: str) -> Member:
    """Connect, subscribe and keep listening."""
    before = shards_of_connections(connections)
    block = AsyncExitStack()
    client = await block.enter_async_context(opened(stack))
    ((_, shard),) = shards_of_connections(connections).items() - before.items()
    await client.subscribe(channel)
    return Member(shard, client, block, asyncio.create_task(client.listen(600)))


async def has_tick(members: list[Member], seq: int) -> None:
    """Wait until every client has a tick."""
    async with asyncio.timeout(MOST_WAIT_S):
        while any(max((quote["seq"] for quote in each.client.heard()), default=0) < seq for each in members):
            await asyncio.sleep(0.1)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def quotes_in(client: Client, window: range) -> set[tuple[str, int]]:
    return {(quote["symbol"], quote["seq"]) for quote in client.heard() if quote["seq"] in window}


def test_clients_of_both_shards_get_every_tick_in_order(stack: Stack) -> None:
    """This holds too while workers start and stop."""
    asyncio.run(run(stack))


async def run(stack: Stack) -> None:
    connections = stack.table("Connections")
    batch = [await join(stack, connections, "rates_batch")]
    plain: list[Member] = []
    try:
        while len(batch) < BATCH_CLIENTS or min(Counter(each.shard for each in batch)[s] for s in SHARDS) < (
            LEAST_PER_SHARD
        ):
            batch.append(await join(stack, connections, "rates_batch"))
        plain += [await join(stack, connections, "rates") for _ in range(PLAIN_CLIENTS)]
        sizes = Counter(each.shard for each in batch + plain)
        window, began_ms = await workers_take_over(connections)
        assert posted(stack, "publish", 0, began_ms), "nothing was posted before the workers"
        # What a batch that is cut short leaves out comes with the next one.
        await has_tick(batch + plain, window[-1] + 3)
        ended_ms = now_ms()
        assert not posted(stack, "publish", began_ms, ended_ms)
        reached = Counter(posted(stack, "worker", began_ms, ended_ms))
        print(f"connections {dict(sizes)}, reached in {reached.total()} batches of workers: {dict(reached)}")
        # A busy machine cuts a batch short now and then; `hold_to_the_window` shows that the next one reaches the rest.
        assert set(sizes.values()) <= reached.keys()
        assert max(reached) == max(sizes.values())
        # On a stalling machine the moment is read late, and the first batches of the window lie before it.
        assert reached.total() > len(SHARDS) * STEADY_TICKS // 2
        hold_to_the_window(window, batch, plain)

        stay = [next(each for each in batch if each.shard == shard) for shard in SHARDS]
        await asyncio.gather(*(each.leave() for each in batch + plain if each not in stay))
        first = await publish_takes_over_again(stack, connections, ended_ms)
        await has_tick(stay, first + LAST_TICKS)
        for each in batch:
            assert not missed(each.client.ticks())
        for each in stay:
            assert each.client.ticks()[-1]["seq"] >= first + LAST_TICKS
        assert max(whole_seqs(connections).values()) <= first
    finally:
        for each in batch + plain:
            await each.leave()


async def workers_take_over(connections: "Table") -> tuple[range, int]:
    """Wait until workers serve every shard and have had time to start; return the first tick to check."""
    async with asyncio.timeout(MOST_WAIT_S):
        while not whole_seqs(connections).keys() >= set(SHARDS) or not all(whole_seqs(connections).values()):
            await asyncio.sleep(0.2)
        first = max(whole_seqs(connections).values()) + WARM_UP_TICKS
        while min(whole_seqs(connections).values()) < first - 1:
            await asyncio.sleep(0.1)
    return range(first + 1, first + 1 + STEADY_TICKS), now_ms()


def hold_to_the_window(window: range, batch: list[Member], plain: list[Member]) -> None:
    for each in batch:
        ticks = [frame for frame in each.client.ticks() if frame["seq"] in window]
        assert [frame["seq"] for frame in ticks] == list(window)
        # A batch that is cut short before the answer to a post counts it as unsent, so the next frame repeats a tick.
        assert not missed(ticks)
    reference = quotes_in(batch[0].client, window)
    for each in plain:
        heard = quotes_in(each.client, window)
        assert heard <= reference
        # Where a batch was cut short, the next one tells a newer quote of a symbol instead.
        newest = {quote["symbol"]: quote["seq"] for quote in each.client.heard()}
        assert [(symbol, seq) for symbol, seq in reference - heard if newest[symbol] <= seq] == []
        assert len(heard) > len(reference) * 9 // 10
        last: dict[str, int] = {}
        for quote in each.client.heard():
            if quote["seq"] in window:
                # A repeated one is the snapshot of the minute.
                assert quote["seq"] >= last.get(quote["symbol"], 0)
                last[quote["symbol"]] = quote["seq"]


async def publish_takes_over_again(stack: Stack, connections: "Table", since_ms: int) -> int:
    """Wait until `publish` posts to the two remaining clients; return a tick that no worker posts."""
    async with asyncio.timeout(30):
        while not posted(stack, "publish", since_ms, now_ms()):
            await asyncio.sleep(0.1)
    return max(whole_seqs(connections).values()) + 1
