"""Twenty connections, five cut without a close frame: the others miss nothing, and the five are removed."""

import asyncio
from contextlib import AsyncExitStack

from tests.e2e.clients import Client, missed, opened
from tests.e2e.local_stack import Stack
from tests.stored import stored

TICK = 2
EXCHANGE = ["--seed=3"]
CONNECTIONS, CUT = 20, 5
ON_RATES = 10  # one in ten hears `rates`: each of its ticks is 75 frames
SUBSCRIBE_AT_ONCE = 5  # the emulator starts a process for each invocation that runs beside others


def connection_ids(stack: Stack) -> set[str]:
    return {str(item["sk"]) for item in stored(stack.table("Connections"))}


async def first_prices(client: Client, channel: str, few: asyncio.Semaphore) -> None:
    async with few:
        await client.subscribe(channel)
        await client.until(lambda _: "BTC_CAD" in client.quotes(), 60)


async def has_tick(client: Client, seq: int) -> None:
    """Wait until a client has the first quote of a tick, and so every earlier tick."""
    if client.quotes()["BTC_CAD"]["seq"] < seq:
        await client.until(lambda _: client.quotes()["BTC_CAD"]["seq"] >= seq, 60)


def seqs(client: Client, window: range) -> set[tuple[str, int]]:
    """Return the quotes of these ticks that a client received."""
    return {(quote["symbol"], quote["seq"]) for quote in client.heard() if quote["seq"] in window}


def test_the_rest_get_every_update_when_some_are_cut(stack: Stack) -> None:
    async def run() -> None:
        async with AsyncExitStack() as block:
            clients = [await block.enter_async_context(opened(stack)) for _ in range(CONNECTIONS)]
            few = asyncio.Semaphore(SUBSCRIBE_AT_ONCE)
            await asyncio.gather(
                *(
                    first_prices(client, "rates_batch" if n % ON_RATES else "rates", few)
                    for n, client in enumerate(clients)
                )
            )
            assert len(connection_ids(stack)) == CONNECTIONS
            cut, rest = clients[:CUT], clients[CUT:]
            await asyncio.gather(*(client.listen(3 * TICK) for client in clients))
            for client in cut:
                client.socket.transport.abort()
            reference = rest[-1]
            cut_at = reference.ticks()[-1]["seq"]
            await asyncio.gather(*(client.listen(4 * TICK) for client in rest))
            assert len(connection_ids(stack)) == CONNECTIONS - CUT
            last = reference.ticks()[-1]["seq"]
            assert last >= cut_at + 3
            await asyncio.gather(*(has_tick(client, last) for client in rest))
            window = range(cut_at, last)
            for client in rest:
                assert seqs(client, window) == seqs(reference, window)
            for client in (each for n, each in enumerate(clients) if n >= CUT and n % ON_RATES):
                assert not missed([frame for frame in client.ticks() if frame["seq"] in window])

    asyncio.run(run())
