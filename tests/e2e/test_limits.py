"""One address has no more connections than it may have, where a deployment limits them."""

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.clients import opened
from tests.e2e.local_stack import Stack

TICK = 5
EXCHANGE = ["--seed=3"]
CONTEXT = ["max_connections_per_client=2"]


def test_one_address_has_no_more_connections_than_it_may_have_and_one_that_ends_makes_room(stack: Stack) -> None:
    async def run() -> None:
        async with opened(stack), opened(stack) as second:
            with pytest.raises(InvalidStatus) as refused:
                async with opened(stack):
                    pass
            # API Gateway passes the 429 on; the emulator refuses every handshake with a 403.
            assert refused.value.response.status_code in (403, 429)
            await second.socket.close()
            async with asyncio.timeout(20):
                while len(stack.table("Connections").scan(ConsistentRead=True)["Items"]) > 2:
                    await asyncio.sleep(0.1)
            async with opened(stack) as third:
                await third.send({"event": "ping"})
                assert (await third.next())["event"] == "pong"

    asyncio.run(run())
