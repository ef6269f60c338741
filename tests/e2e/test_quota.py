"""What hostile clients can cause on the local stack, counted, and a quota of posts that they cannot use up.

The quota is a hundredth of AWS's, 100 requests a second and 50 at once, so the settings are hundredths, too: the pace
of the posts, and the places on `rates`. The long answers get more than their twentieth: one of 75 posts has to end in
time.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial

import pytest

from infra.config import FeedConfig
from shared.gateway.token_bucket import TokenBucket
from shared.model.message_limit import MessageLimit
from shared.requests.prices import most_in
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.dynamodb_proxy import DynamoDbProxy, dynamodb_proxy, posts_proxy
from tests.e2e.local_stack import Stack

TICK = 5
EXCHANGE = ["--seed=16"]
QUOTA, QUOTA_BURST = 100, 50
POST_RATE, POST_BURST, ANSWER_RATE = 70, 25, 15
CONTEXT = [
    f"post_rate={POST_RATE}",
    f"post_burst={POST_BURST}",
    f"answer_rate={ANSWER_RATE}",
    "max_rates_connections=2",
]
EVERYTHING = {"event": "subscribe", "channel": "rates"}
ANSWERING = ("ApiSubscribeFunction", "ApiRequestFunction")
GOOD, HOSTILE, GREEDY = 20, 3, 100
AT_ONCE = 4
LISTENED_S = 60
pytestmark = pytest.mark.timeout(600)


async def ask_the_dearest(client: Client, until: float) -> None:
    """Send the dearest message again and again, at once where it is accepted, else as soon as the feed says."""
    while time.monotonic() < until:
        await client.send({**EVERYTHING, "id": 1})
        try:
            answer = await client.until(lambda frame: frame.get("id") == 1, until - time.monotonic())
        except TimeoutError:
            return
        wait_s = answer.get("retry_in_ms", 0) / 1000
        if wait_s and wait_s < until - time.monotonic():
            await client.listen(wait_s)
        elif wait_s:
            await client.listen(max(0.0, until - time.monotonic()))


def answers(message_id: str, frame: Frame) -> bool:
    return frame.get("id") == message_id


def test_one_connection_causes_no_more_than_documented(stack: Stack) -> None:
    """In its first minute, by its messages. A call of DynamoDB takes one unit at least."""
    most = most_in(MessageLimit(FeedConfig().messages_per_minute, FeedConfig().message_burst), 1)

    async def run() -> None:
        async with opened(stack) as client:
            await ask_the_dearest(client, time.monotonic() + 45)

    with posts_proxy(stack, *ANSWERING) as posts, dynamodb_proxy(stack, *ANSWERING) as calls:
        asyncio.run(run())
        caused, size_bytes = len(posts.sent), sum(posts.sent)
        reads = sum(count for (operation, _), count in calls.calls.items() if operation in {"GetItem", "Query"})
        writes = sum(count for (operation, _), count in calls.calls.items() if operation in {"PutItem", "UpdateItem"})
    print(
        f"{caused} posts of {most.posts}, {size_bytes:,} bytes of {most.size_bytes:,}, {reads} reads, {writes} writes"
    )
    assert 150 < caused <= most.posts
    assert size_bytes <= most.size_bytes
    assert reads <= most.read_units
    assert writes <= most.write_units


def test_hostile_clients_cost_well_behaved_ones_no_tick(stack: Stack) -> None:
    with posts_proxy(stack, "PublishFunction", *ANSWERING) as posts:
        attack(stack, posts)


def attack(stack: Stack, posts: DynamoDbProxy) -> None:
    async def join(clients: AsyncExitStack, gate: asyncio.Semaphore, *channels: str) -> Client:
        async with gate:
            client = await clients.enter_async_context(opened(stack))
            for channel in channels:
                await client.subscribe(channel)
        return client

    async def run() -> list[Client]:
        gate = asyncio.Semaphore(AT_ONCE)
        async with AsyncExitStack() as clients:
            good = await asyncio.gather(*(join(clients, gate, "rates_batch") for _ in range(GOOD)))
            hostile = await asyncio.gather(*(join(clients, gate) for _ in range(HOSTILE)))
            posts.quota = TokenBucket(QUOTA, QUOTA_BURST)
            until = time.monotonic() + LISTENED_S
            attacks = [asyncio.create_task(ask_the_dearest(each, until)) for each in hostile]
            greedy = asyncio.create_task(crowd(clients, gate))
            await asyncio.gather(*(each.listen(LISTENED_S) for each in good))
            await asyncio.gather(*attacks)
            refused.extend(await greedy)
            posts.quota = None
            return list(good)

    async def crowd(clients: AsyncExitStack, gate: asyncio.Semaphore) -> list[str]:
        """Subscribe many clients to everything; return why they were refused."""
        why: list[str] = []

        async def come() -> None:
            client = await join(clients, gate)
            async with gate:
                for channel in ("rates_batch", "rates"):
                    await client.send({"event": "subscribe", "channel": channel, "id": channel})
                    answer = await client.until(partial(answers, channel), 60)
                    why.append(str(answer.get("code", answer["event"])))
            listening.append(asyncio.create_task(client.listen(LISTENED_S)))

        listening: list[asyncio.Task[None]] = []
        await asyncio.gather(*(come() for _ in range(GREEDY)))
        for task in listening:
            task.cancel()
        return why

    refused: list[str] = []
    good = asyncio.run(run())
    print({code: refused.count(code) for code in set(refused)}, dict(posts.calls))
    assert refused.count("channel_full") > GREEDY / 2
    ticks = [[frame["seq"] for frame in client.ticks()] for client in good]
    everybodys = set.union(*map(set, ticks))
    first = max(heard[0] for heard in ticks)
    last = min(heard[-1] for heard in ticks)
    told = {seq for seq in everybodys if first < seq <= last}
    print(f"{len(told)} ticks, {posts.calls['POST', 'quota']} posts over the quota")
    assert len(told) >= LISTENED_S / TICK / 2
    for heard in ticks:
        assert told <= set(heard)
