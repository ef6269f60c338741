"""What hostile clients cause on the local stack: no more than the protocol's page says, and nobody misses a tick."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

import pytest

from infra.config import FeedConfig
from shared.gateway.token_bucket import TokenBucket
from shared.model.message_limit import MessageLimit
from shared.requests.prices import most_in
from tests.e2e.clients import Client, Frame, missed, opened
from tests.e2e.dynamodb_proxy import dynamodb_proxy, posts_proxy
from tests.e2e.local_stack import Stack

TICK = 5
EXCHANGE = ["--seed=16"]
QUOTA = 100  # posts a second
CONTEXT = [
    "post_rate=60",
    "post_burst=50",
    "answer_rate=20",
    "max_rates_connections=200",
    "rates_seconds=0",
]  # fit into it
EVERYTHING = {"event": "subscribe", "channel": "rates"}
SNAPSHOT = {"event": "snapshot", "channel": "rates"}  # the dearest message that no cap refuses
ANSWERING = ("ApiSubscribeFunction", "ApiRequestFunction")
POSTING = ("PublishFunction", *ANSWERING)
UNPACED = {"ANSWER_RATE": "500", "MAX_RATES_CONNECTIONS": "200"}
GOOD, GREEDY, HOSTILE = 20, 100, 3
TICKS = 8
pytestmark = pytest.mark.timeout(600)


async def ask(client: Client, message: Mapping[str, str], until: float) -> None:
    """Send a message again and again, at once where it is accepted, else as soon as the feed says."""
    for number in itertools.count(1):
        if (left := until - time.monotonic()) <= 0:
            return
        await client.send({**message, "id": number})
        try:
            answer = await client.until(partial(answers, number), left)
        except TimeoutError:
            return
        await client.listen(min(answer.get("retry_in_ms", 0) / 1000, until - time.monotonic()))


def answers(number: int, frame: Frame) -> bool:
    return bool(frame.get("id") == number)


def test_one_connection_causes_no_more_than_documented(stack: Stack) -> None:
    """In its first minute, by its messages. A call of DynamoDB takes one unit at least."""
    most = most_in(MessageLimit(FeedConfig().messages_per_minute, FeedConfig().message_burst), 1)

    async def run() -> None:
        async with opened(stack) as client:
            await ask(client, EVERYTHING, time.monotonic() + 45)

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
            everybody = [await open_clients.enter_async_context(opened(stack)) for _ in range(GOOD + GREEDY + HOSTILE)]
            good, greedy, hostile = everybody[:GOOD], everybody[GOOD:-HOSTILE], everybody[-HOSTILE:]
            for client in good:
                await client.subscribe("rates_batch")
            for client in greedy:
                await client.send({"event": "subscribe", "channel": "rates", "id": 1})
                await client.send({"event": "subscribe", "channel": "rates_batch", "id": 2})
            until = time.monotonic() + TICKS * TICK
            await asyncio.gather(
                *[ask(client, SNAPSHOT, until) for client in hostile],
                *[client.listen(TICKS * TICK) for client in (*good, *greedy)],
            )
        answers = Counter(
            frame.get("code", frame["event"]) for each in greedy for frame in each.frames if "id" in frame
        )
        heard = [len(client.ticks()) for client in good]
        print(f"ticks: {min(heard)} to {max(heard)}; greedy clients got {dict(answers)}")
        assert [missed(client.ticks()) for client in good] == [[]] * GOOD
        assert min(heard) >= TICKS - 2  # a machine that is late, too
        assert answers["channel_full"] > GREEDY / 2

    with posts_proxy(stack, *POSTING, quota=TokenBucket(QUOTA, QUOTA)) as posts:
        asyncio.run(run())
        print(posts.calls)
