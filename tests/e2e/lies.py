"""One lying source over wss: how far it moves each quote from the honest sources' prices at that time."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any

import requests

from shared.model.assets import catalogue, price_sources
from shared.model.wire import loads
from shared.sources.settings import POLL_SECONDS, source_settings
from tests.e2e.clients import Client, opened
from tests.e2e.local_stack import Stack
from tools.simulator.faults import UPSTREAMS

TICK = 1
EXCHANGE = ["--seed=5"]
PACES = {setting.source: 3 for setting in source_settings() if setting.kind == POLL_SECONDS}
PACES["coingecko"] = 4
CONTEXT = [f"{name}_poll_seconds={seconds}" for name, seconds in PACES.items()]
FACTORS = ("0.5", "0.7", "0.9", "0.97", "1.03", "1.1", "1.2", "1.45", "2", "1000")
RATE_FACTORS = ("0.73", "0.9", "0.97", "1.03", "1.1")
LIARS = price_sources()
TICKS_OF_A_LIE = 2
TICKS_AFTER_HONEST_ANSWERS = 2
SAMPLE_MS = 2_000  # how often honest prices are requested


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the table: the largest distance from the honest prices, by an asset's number of sources."""

    three_or_more: Decimal
    two: Decimal
    one: Decimal

    def __str__(self) -> str:
        return " | ".join(f"{distance:.2%}" for distance in (self.three_or_more, self.two, self.one))


def sources_of(symbol: str) -> int:
    return len({market.source for market in catalogue()[symbol].markets})


async def honest(stack: Stack, client: Client) -> None:
    """Clear all faults and wait until each source has answered and none is suspect."""
    stack.control("faults", {source: {} for source in UPSTREAMS})
    stack.control("reset_counts", {})
    await asked(stack, client, UPSTREAMS)
    await ticks(client, TICKS_AFTER_HONEST_ANSWERS)
    while suspects_of(client):
        await ticks(client, 1)


def suspects_of(client: Client) -> list[str]:
    """Return the suspect sources by the last frame with their states."""
    told = [frame["status"] for frame in client.frames if "status" in frame and "channel" in frame]
    return [source for source, word in told[-1].items() if word == "suspect"]


async def lie(stack: Stack, client: Client, faults: Mapping[str, object]) -> Told:
    """Set a lie for some ticks, after all sources were honest."""
    await honest(stack, client)
    stack.control("reset_counts", {})
    stack.control("faults", dict(faults))
    client.frames.clear()
    client.at_ms.clear()
    await asked(stack, client, faults)
    await ticks(client, TICKS_OF_A_LIE)
    return told(stack, client, faults)


def told(stack: Stack, client: Client, liars: Iterable[str]) -> Told:
    """Return the distances of all quotes that came.

    Assert that no asset lost its price, and that those with three or more sources stayed within their band.
    """
    lost = [symbol for frame in client.frames for symbol in frame.get("unavailable", [])]
    assert not lost, lost
    farthest: dict[int, Decimal] = {1: Decimal(0), 2: Decimal(0), 3: Decimal(0)}
    by_moment = sorted(client.heard(), key=moment_of)
    for moment_ms, quotes in groupby(by_moment, moment_of):
        ranges = honest_ranges(stack, moment_ms, set(liars))
        for quote in quotes:
            symbol = quote["symbol"]
            away = beyond(quote, *ranges[symbol])
            count = min(3, sources_of(symbol))
            farthest[count] = max(farthest[count], away)
            if count == 3:
                assert away <= catalogue()[symbol].band, (quote, ranges[symbol])
    return Told(farthest[3], farthest[2], farthest[1])


def moment_of(quote: Mapping[str, Any]) -> int:
    return int(quote["ts"]) // SAMPLE_MS * SAMPLE_MS


def honest_ranges(stack: Stack, at_ms: int, liars: set[str]) -> dict[str, tuple[Decimal, Decimal]]:
    """Return by symbol the lowest bid and the highest ask in CAD of the other sources at about that time.

    For an asset that only the liar has, take its own without the lie.
    """
    bids: dict[str, list[Decimal]] = {}
    asks: dict[str, list[Decimal]] = {}
    said = [honest_at(stack.exchange, at_ms + step * SAMPLE_MS) for step in (-2, -1, 0, 1)]
    for of_liars in (False, True):
        known_to_others = frozenset(bids)
        for moment in said:
            sources = [rows for source, rows in moment["markets"].items() if (source in liars) is of_liars]
            for row in (row for rows in sources for row in rows.values() if row["symbol"] not in known_to_others):
                low, high = (1, 1) if row["currency"] == "CAD" else dollars(moment)
                bids.setdefault(row["symbol"], []).append(row["cad"] * row["bid"] / Decimal(row["price"]) * low)
                asks.setdefault(row["symbol"], []).append(row["cad"] * row["ask"] / Decimal(row["price"]) * high)
    return {symbol: (min(bids[symbol]), max(asks[symbol])) for symbol in bids}


def dollars(moment: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest honest rate of the dollar, relative to the one used for prices."""
    rates = (moment["usd_cad"], moment["coingecko_usd_cad"])
    return min(rates) / Decimal(moment["usd_cad"]), max(rates) / Decimal(moment["usd_cad"])


@lru_cache(maxsize=64)
def honest_at(exchange: str, at_ms: int) -> dict[str, Any]:
    """Return each source's markets at a time, without its faults (`tools/simulator/honest.py`)."""
    answer: dict[str, Any] = loads(requests.get(f"{exchange}/control/honest", {"at_ms": at_ms}, timeout=10).text)
    return answer


def beyond(quote: Mapping[str, Decimal], low: Decimal, high: Decimal) -> Decimal:
    """Return how far a quote is outside of a range, relative to the range's end."""
    return max(Decimal(0), *(max(1 - quote[side] / low, quote[side] / high - 1) for side in ("bid", "ask", "spot")))


async def asked(stack: Stack, client: Client, sources: Iterable[str]) -> None:
    """Wait until the exchange has answered as each of them since its counts were reset."""
    for _ in range(60):
        counts = stack.control("state")["requests"]
        if all(counts[source]["since_reset"] for source in sources):
            return
        await ticks(client, 1)
    raise AssertionError(f"not asked: {list(sources)}")


async def ticks(client: Client, count: int) -> None:
    for _ in range(count):
        await client.until(lambda frame: frame["event"] in {"update", "snapshot"})


@asynccontextmanager
async def listening(stack: Stack) -> AsyncIterator[Client]:
    async with opened(stack) as client:
        await client.subscribe("rates_batch")
        await client.until(lambda frame: bool(frame.get("data")), 60)
        yield client


def show(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")
