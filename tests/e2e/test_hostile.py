"""Five hundred hostile messages over wss: each gets one answer, and nothing breaks."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice

import pytest
from websockets.exceptions import ConnectionClosed

from infra.config import FeedConfig
from shared.model.assets import catalogue
from shared.model.message_limit import CLOSED_AFTER, MessageLimit
from shared.model.values import Connection
from shared.protocol import BadRequest, parse_message
from shared.requests.prices import DEAREST, price
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.local_stack import Stack
from tests.hostile import Hostile, hostile_messages
from tests.right_answers import are_complete, direct, hold, may_be_silent
from tests.stored import stored

COUNT, SEED = 500, 20261122
LIMIT = MessageLimit(FeedConfig().messages_per_minute, FeedConfig().message_burst)
MOST_PER_CONNECTION = 9  # and a ping after them: anything after its pong is an extra answer
AT_ONCE = 8
EVERYTHING = {"event": "subscribe", "channel": "rates"}
# The emulator parses a message to find its route, and closes the connection if it is too deep.
CARRIED_DEPTH = 500


@pytest.fixture(autouse=True)
def no_errors_in_the_logs(common_stack: Stack) -> Iterator[None]:
    """Assert that neither `ingest`, `publish` nor the emulator log an error.

    The emulator drops the logs of a route's Lambda; if one fails, its client gets a text that is not a frame.
    """
    before = len(common_stack.aws_log())
    yield
    log = common_stack.aws_log()[before:].splitlines()
    levels = [json.loads(line).get("level") for line in log if line.startswith("{")]
    assert not {"ERROR", "CRITICAL"} & set(levels)
    assert not [line for line in log if "Traceback" in line or " ERROR [" in line]


def carried(message: Hostile) -> bool:
    return message.text.count("[") + message.text.count('{"a":') < CARRIED_DEPTH


async def answers(client: Client, message: Hostile) -> list[Frame]:
    """Return a message's frames, up to the last frame of its answer."""
    before = len(client.frames)
    await client.send(message.text, valid=False)
    if not may_be_silent(message.text):
        await client.until(lambda _: are_complete(direct(message.text, client.frames[before:])))
    return client.frames[before:]


async def send(stack: Stack, messages: Sequence[Hostile]) -> list[Frame]:
    """Send messages over one connection, check each answer, and return all frames."""
    async with opened(stack) as client:
        for message in messages:
            hold(message.text, await answers(client, message))
        end = len(client.frames)
        await client.send({"event": "ping", "id": "the end"})
        await client.until(lambda frame: frame.get("id") == "the end")
        assert [frame["event"] for frame in direct("", client.frames[end:])] == ["pong"]
        return client.frames


def within_the_limit(messages: Iterable[Hostile]) -> Iterator[list[Hostile]]:
    """Return the messages in batches that one connection may send at once, with a ping."""
    batch: list[Hostile] = []
    spent = 1
    for message in messages:
        costs = price_of_text(message.text)
        if batch and (spent + costs > LIMIT.burst or len(batch) == MOST_PER_CONNECTION):
            yield batch
            batch, spent = [], 1
        batch.append(message)
        spent += costs
    yield batch


def price_of_text(text: str) -> int:
    try:
        return price(parse_message(text), Connection("", {}))
    except BadRequest as error:
        return price(error, Connection("", {}))


def test_every_message_gets_one_answer_that_is_documented(common_stack: Stack) -> None:
    messages = list(islice(filter(carried, hostile_messages(2 * COUNT, SEED)), COUNT))
    assert len(messages) == COUNT
    turns = asyncio.Semaphore(AT_ONCE)

    async def take_turn(batch: list[Hostile]) -> list[Frame]:
        async with turns:
            return await send(common_stack, batch)

    async def run() -> list[list[Frame]]:
        return await asyncio.gather(*map(take_turn, within_the_limit(messages)))

    frames = [frame for heard in asyncio.run(run()) for frame in heard]
    heard = Counter(str(frame.get("code", frame["event"])) for frame in frames)
    print(dict(heard))
    assert heard.keys() >= {
        "bad_json",
        "bad_request",
        "too_large",
        "unknown_event",
        "unknown_channel",
        "unknown_symbol",
    }


async def use_up(client: Client) -> int:
    """Use up the burst but for some pings, with the dearest message. Returns how many pings are left."""
    dearest = LIMIT.burst // DEAREST
    for _ in range(dearest):
        await client.send(EVERYTHING)
    await client.until(lambda _: len(client.of("subscribed")) == dearest, 60)
    return LIMIT.burst - dearest * DEAREST


async def ping_without_end(client: Client) -> None:
    for number in count():
        await client.send({"event": "ping", "id": number})
        await client.until(lambda frame: frame["event"] in {"pong", "error"})


def test_a_client_that_sends_too_fast_is_refused_until_it_waits(common_stack: Stack) -> None:
    """It waits as long as it was told, by the number in its item: the test moves that back instead of waiting."""
    table = common_stack.table("Connections")
    before = {str(item["sk"]) for item in stored(table)}

    async def run() -> None:
        async with opened(common_stack) as client:
            await client.send({"event": "ping", "id": "first"})
            await client.until(lambda frame: frame["event"] == "pong")
            (key,) = ({"pk": item["pk"], "sk": item["sk"]} for item in stored(table) if item["sk"] not in before)
            left = await use_up(client)
            while not (errors := client.of("error")):
                await client.send({"event": "ping", "id": len(client.of("pong"))})
                await client.until(lambda frame: frame["event"] in {"pong", "error"})
            (error,) = errors
            # The first ping was one of them. While answers take their time, the allowance grows.
            assert 0 <= len(client.of("pong")) - left <= 10
            assert (error["code"], error["retryable"]) == ("rate_limited", True)
            assert 0 < error["retry_in_ms"] <= 2 * LIMIT.interval_ms
            await client.send({"event": "subscribe", "channel": "rates_batch", "id": "too dear"})
            refused = await client.until(lambda frame: frame.get("id") == "too dear")
            assert refused["event"] == "error"
            assert refused["retry_in_ms"] > error["retry_in_ms"] + 2 * LIMIT.interval_ms
            waited = {":waited": -refused["retry_in_ms"]}
            table.update_item(Key=key, UpdateExpression="ADD tat_ms :waited", ExpressionAttributeValues=waited)
            await client.send({"event": "subscriptions"})
            told = await client.until(lambda frame: "subscriptions" in frame)
            # Messages over the limit have no effect.
            assert [each["channel"] for each in told["subscriptions"]] == ["rates"]

    asyncio.run(run())


def test_a_client_that_keeps_sending_too_fast_is_closed(common_stack: Stack) -> None:
    """Other clients do not notice."""

    async def run() -> None:
        async with opened(common_stack) as other, opened(common_stack) as client:
            await other.subscribe("rates_batch")
            began = time.monotonic()
            await use_up(client)
            with pytest.raises(ConnectionClosed):
                await ping_without_end(client)
            # While answers take their time, the allowance grows.
            more = (time.monotonic() - began) * 1000 / LIMIT.interval_ms
            assert CLOSED_AFTER - 1 <= len(client.of("error")) <= CLOSED_AFTER + more + 5
            await other.until(lambda frame: frame["event"] == "update")
            async with opened(common_stack) as again:
                await again.subscribe("rates")
                await again.until(lambda _: again.quotes().keys() == catalogue().keys())

    asyncio.run(run())
