"""A deployment can limit the connections of an address."""

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.clients import opened
from tests.e2e.local_stack import Stack
from tests.stored import stored

TICK = 5
EXCHANGE = ["--seed=3"]
CONTEXT = ["max_connections_per_client=2"]


def test_an_address_has_at_most_its_limit_of_connections(stack: Stack) -> None:
    """A connection that ends makes room for another."""

    async def run() -> None:
        async with opened(stack), opened(stack) as second:
            with pytest.raises(InvalidStatus) as refused:
                async with opened(stack):
                    pass
            # API Gateway returns the 429; the emulator refuses every handshake with a 403.
            assert refused.value.response.status_code in (403, 429)
            await second.socket.close()
            async with asyncio.timeout(20):
                while len(stored(stack.table("Connections"))) > 2:
                    await asyncio.sleep(0.1)
            async with opened(stack) as third:
                await third.send({"event": "ping"})
                assert (await third.next())["event"] == "pong"

    asyncio.run(run())
