"""What one hostile client can cause on the local stack, counted: no more than the protocol's page says."""

import asyncio
import time

import pytest

from infra.config import FeedConfig
from shared.model.message_limit import MessageLimit
from shared.requests.prices import most_in
from tests.e2e.clients import Client, opened
from tests.e2e.dynamodb_proxy import dynamodb_proxy, posts_proxy
from tests.e2e.local_stack import Stack

TICK = 5
EXCHANGE = ["--seed=16"]
EVERYTHING = {"event": "subscribe", "channel": "rates"}
ANSWERING = ("ApiSubscribeFunction", "ApiRequestFunction")
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
