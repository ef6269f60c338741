"""Five hundred hostile messages over wss: each gets one answer, and nothing breaks."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count, islice

import pytest
from websockets.exceptions import ConnectionClosed

from shared.model.assets import catalogue
from shared.model.message_limit import CLOSED_AFTER
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.local_stack import Stack
from tests.hostile import Hostile, hostile_messages
from tests.right_answers import are_complete, direct, hold, may_be_silent

COUNT, SEED = 500, 20261122
PER_SECOND, BURST = 5, 10
PER_CONNECTION = BURST - 1  # and a ping after them: anything after its pong is an extra answer
AT_ONCE = 8
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


def test_every_message_gets_one_answer_that_is_documented(common_stack: Stack) -> None:
    messages = list(islice(filter(carried, hostile_messages(2 * COUNT, SEED)), COUNT))
    assert len(messages) == COUNT
    turns = asyncio.Semaphore(AT_ONCE)

    async def take_turn(batch: list[Hostile]) -> list[Frame]:
        async with turns:
            return await send(common_stack, batch)

    async def run() -> list[list[Frame]]:
        batches = (messages[first : first + PER_CONNECTION] for first in range(0, COUNT, PER_CONNECTION))
        return await asyncio.gather(*map(take_turn, batches))

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


async def ping_without_end(client: Client) -> None:
    for number in count():
        await client.send({"event": "ping", "id": number})
        await client.next()


def test_a_client_that_sends_too_fast_is_refused_until_it_waits(common_stack: Stack) -> None:
    async def run() -> None:
        async with opened(common_stack) as client:
            for number in range(4 * BURST):
                await client.send({"event": "ping", "id": number})
            await client.send({"event": "subscribe", "channel": "rates_batch", "id": 4 * BURST})
            while len(client.of("pong") + client.of("error") + client.of("subscribed")) < 4 * BURST + 1:
                await client.next()
            pongs, errors = client.of("pong"), client.of("error")
            assert [pong["id"] for pong in pongs][:BURST] == list(range(BURST))
            assert len(errors) > BURST / 2
            for error in errors:
                assert error["code"] == "rate_limited"
                assert error["retryable"] is True
                assert 0 < error["retry_in_ms"] < 10_000
            await asyncio.sleep(errors[-1]["retry_in_ms"] / 1000)
            await client.send({"event": "subscriptions"})
            told = await client.until(lambda frame: "subscriptions" in frame)
            # Messages over the limit have no effect.
            assert bool(told["subscriptions"]) == bool(client.of("subscribed"))

    asyncio.run(run())


def test_a_client_that_keeps_sending_too_fast_is_closed(common_stack: Stack) -> None:
    """Other clients do not notice."""

    async def run() -> None:
        async with opened(common_stack) as other, opened(common_stack) as client:
            await other.subscribe("rates_batch")
            began = time.monotonic()
            with pytest.raises(ConnectionClosed):
                await ping_without_end(client)
            assert {frame["event"] for frame in client.frames} == {"pong", "error"}
            # While answers take their time, the allowance grows.
            assert CLOSED_AFTER <= len(client.of("error")) <= CLOSED_AFTER + PER_SECOND * (time.monotonic() - began) + 5
            await other.until(lambda frame: frame["event"] == "update")
            async with opened(common_stack) as again:
                await again.subscribe("rates")
                await again.until(lambda _: again.quotes().keys() == catalogue().keys())

    asyncio.run(run())
