"""What hostile clients cause on the local stack: no more than the protocol's page says, and nobody misses a tick."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from infra.config import FeedConfig
from shared.gateway.token_bucket import TokenBucket
from shared.model.message_limit import MessageLimit
from shared.requests.prices import most_in
from tests.e2e.clients import Client, missed, opened
from tests.e2e.dynamodb_proxy import dynamodb_proxy, posts_proxy
from tests.e2e.local_stack import Stack

TICK = 5
EXCHANGE = ["--seed=16"]
QUOTA = 100  # posts a second
CONTEXT = [f"post_rate={7 * QUOTA // 10}", f"post_burst={QUOTA // 2}", "max_rates_connections=200"]
EVERYTHING = {"event": "subscribe", "channel": "rates"}
ANSWERING = ("ApiSubscribeFunction", "ApiRequestFunction")
POSTING = ("PublishFunction", *ANSWERING)
UNPACED = {"ANSWER_RATE": "500", "MAX_RATES_CONNECTIONS": "200"}
GOOD, GREEDY, HOSTILE = 20, 100, 3
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


def test_one_connection_causes_no_more_than_documented(stack: Stack) -> None:
    """In its first minute, by its messages. A call of DynamoDB takes one unit at least."""
    most = most_in(MessageLimit(FeedConfig().messages_per_minute, FeedConfig().message_burst), 1)

    async def run() -> None:
        async with opened(stack) as client:
            await ask_the_dearest(client, time.monotonic() + 45)

    with posts_proxy(stack, *ANSWERING) as posts, dynamodb_proxy(stack, *ANSWERING, settings=UNPACED) as calls:
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


def test_with_a_small_quota_nobody_misses_a_tick(stack: Stack) -> None:
    """The account may post 100 times a second. A hundred clients subscribe to everything, and three send the dearest
    message as fast as they may."""

    async def run() -> None:
        async with AsyncExitStack() as open_clients:

            async def come(*channels: str) -> Client:
                client = await open_clients.enter_async_context(opened(stack))
                for channel in channels:
                    await client.send({"event": "subscribe", "channel": channel})
                return client

            good = [await come("rates_batch") for _ in range(GOOD)]
            for client in good:
                await client.until(lambda frame: bool(frame.get("data")), 120)
            greedy = [await come("rates", "rates_batch") for _ in range(GREEDY)]
            hostile = [await come() for _ in range(HOSTILE)]
            until = time.monotonic() + 12 * TICK
            await asyncio.gather(
                *[ask_the_dearest(client, until) for client in hostile],
                *[client.listen(12 * TICK) for client in (*good, *greedy)],
            )
        heard = [len(client.ticks()) for client in good]
        codes = Counter(frame["code"] for client in (*greedy, *hostile) for frame in client.of("error"))
        print(f"ticks: {min(heard)} to {max(heard)}, refused: {dict(codes)}")
        assert [missed(client.ticks()) for client in good] == [[]] * GOOD
        assert min(heard) >= 12
        assert codes["channel_full"] >= GREEDY - 5

    with posts_proxy(stack, *POSTING, quota=TokenBucket(QUOTA, QUOTA)) as posts:
        asyncio.run(run())
        print(f"{posts.calls}")
