"""One source lying, over wss: how far it moves each quote away from what the honest ones say at that time."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any

import requests

from shared.model.assets import catalogue
from shared.model.wire import loads
from tests.e2e.clients import Client, opened
from tests.e2e.local_stack import Stack

TICK = 1
EXCHANGE = ["--seed=5"]
CONTEXT = ["coinbase_poll_seconds=3", "ndax_poll_seconds=3", "coingecko_poll_seconds=4"]
FACTORS = ("0.5", "0.7", "0.9", "0.97", "1.03", "1.1", "1.2", "1.45", "2", "1000")
RATE_FACTORS = ("0.73", "0.9", "0.97", "1.03", "1.1")
LIARS = ("binance", "kraken", "coinbase", "coingecko", "ndax")
TICKS_OF_A_LIE = 2
TICKS_AFTER_HONEST_ANSWERS = 2
SAMPLE_MS = 2_000  # so often is asked what was honest


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


async def honest(stack: Stack, client: Client) -> None:
    """All sources well, until nothing of an earlier lie is left: each has answered since, and none is suspect."""
    stack.control("faults", {liar: {} for liar in LIARS})
    stack.control("reset_counts", {})
    await asked(stack, client, LIARS)
    await ticks(client, TICKS_AFTER_HONEST_ANSWERS)
    while suspects_of(client):
        await ticks(client, 1)


def suspects_of(client: Client) -> list[str]:
    """The sources that the feed suspects, by the last frame that says how they do."""
    told = [frame["status"] for frame in client.frames if "status" in frame and "channel" in frame]
    return [source for source, word in told[-1].items() if word == "suspect"]


async def lie(stack: Stack, client: Client, faults: Mapping[str, object]) -> Told:
    """Tell a lie for some ticks, after all sources were well."""
    await honest(stack, client)
    stack.control("reset_counts", {})
    stack.control("faults", dict(faults))
    client.frames.clear()
    client.at_ms.clear()
    await asked(stack, client, faults)
    await ticks(client, TICKS_OF_A_LIE)
    return told(stack, client, faults)


def told(stack: Stack, client: Client, liars: Iterable[str]) -> Told:
    """The distances of all quotes that came. Holds that no asset lost its price, and that those with three or more
    sources stayed within their band."""
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
    """By symbol, the lowest bid and the highest ask in CAD that the other sources say about then; the liar's own
    without its lie for an asset that only it has."""
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
    """The lowest and the highest honest rate of the dollar, as parts of the one that prices are made with."""
    rates = (moment["usd_cad"], moment["coingecko_usd_cad"])
    return min(rates) / Decimal(moment["usd_cad"]), max(rates) / Decimal(moment["usd_cad"])


@lru_cache(maxsize=64)
def honest_at(exchange: str, at_ms: int) -> dict[str, Any]:
    """Each source's markets at a time, without its faults (`tools/simulator/honest.py`)."""
    answer: dict[str, Any] = loads(requests.get(f"{exchange}/control/honest", {"at_ms": at_ms}, timeout=10).text)
    return answer


def beyond(quote: Mapping[str, Decimal], low: Decimal, high: Decimal) -> Decimal:
    """How far a quote reaches out of a range, relative to its end."""
    return max(Decimal(0), *(max(1 - quote[side] / low, quote[side] / high - 1) for side in ("bid", "ask", "spot")))


async def asked(stack: Stack, client: Client, sources: Iterable[str]) -> None:
    """Wait until the exchange has answered for each of them since its counts were reset."""
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
