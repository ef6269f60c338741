"""One source lying, over wss: how far it moves each quote from what the honest ones said just before.

The market stands almost still in the few ticks that a lie lasts, so what the feed said before it is what the honest
sources say in it, but for some basis points.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from shared.assets import catalogue
from tests.e2e.clients import Client, opened
from tests.e2e.local_stack import Stack

TICK = 1
EXCHANGE = ["--seed=5"]
CONTEXT = ["coinbase_poll_seconds=1", "ndax_poll_seconds=1", "coingecko_poll_seconds=1"]
FACTORS = ("0.5", "0.7", "0.9", "0.97", "1.03", "1.1", "1.2", "1.45", "2", "1000")
RATE_FACTORS = ("0.73", "0.9", "0.97", "1.03", "1.1")
LIARS = ("binance", "kraken", "coinbase", "coingecko", "ndax")
# Sources of the simulated market differ by some basis points, and it moves a little.
NOISE = Decimal("0.005")
TICKS_OF_A_LIE = 3
# An answer of the liar before may be on its way or held for some seconds: two liars at once are another matter.
TICKS_UNTIL_HONEST = 6


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the table: the largest distance from what the honest said, by how many sources an asset has."""

    three_or_more: Decimal
    two: Decimal
    one: Decimal

    def __str__(self) -> str:
        return " | ".join(f"{distance:.2%}" for distance in (self.three_or_more, self.two, self.one))


def sources_of(symbol: str) -> int:
    return len({market.source for market in catalogue()[symbol].markets})


async def honest(stack: Stack, client: Client) -> dict[str, Decimal]:
    """What the feed says with all sources well, once nothing of an earlier lie is left."""
    stack.control("faults", {liar: {} for liar in LIARS})
    await ticks(client, TICKS_UNTIL_HONEST)
    return {symbol: quote["spot"] for symbol, quote in client.quotes().items()}


async def lie(stack: Stack, client: Client, faults: Mapping[str, object], reference: Mapping[str, Decimal]) -> Told:
    """Tell a lie for some ticks. Holds that no asset loses its price, and that those with three or more sources stay
    within their band."""
    stack.control("reset_counts", {})
    stack.control("faults", dict(faults))
    client.frames.clear()
    client.at_ms.clear()
    await heard_lying(stack, client, faults)
    await ticks(client, TICKS_OF_A_LIE)
    lost = [symbol for frame in client.frames for symbol in frame.get("unavailable", [])]
    assert not lost, lost
    return told(client, reference)


def told(client: Client, reference: Mapping[str, Decimal]) -> Told:
    """The distances of all quotes that came."""
    farthest: dict[int, Decimal] = {1: Decimal(0), 2: Decimal(0), 3: Decimal(0)}
    for quote in client.heard():
        symbol = quote["symbol"]
        away = max(abs(quote[side] / reference[symbol] - 1) for side in ("bid", "ask", "spot"))
        count = min(3, sources_of(symbol))
        farthest[count] = max(farthest[count], away)
        if count == 3:
            assert away <= catalogue()[symbol].band + NOISE, quote
    return Told(farthest[3], farthest[2], farthest[1])


async def heard_lying(stack: Stack, client: Client, faults: Iterable[str]) -> None:
    """Wait until the exchange has answered with each fault."""
    for _ in range(60):
        asked = stack.control("state")["requests"]
        if all(asked[source]["since_reset"] for source in faults):
            return
        await ticks(client, 1)
    raise AssertionError(f"not asked: {list(faults)}")


async def ticks(client: Client, count: int) -> None:
    for _ in range(count):
        await client.until(lambda frame: frame["event"] in {"update", "snapshot"})


@asynccontextmanager
async def listening(stack: Stack) -> AsyncIterator[Client]:
    async with opened(stack) as client:
        await client.subscribe("rates_batch")
        await client.until(lambda frame: frame["event"] == "update", 60)
        yield client


def show(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")
