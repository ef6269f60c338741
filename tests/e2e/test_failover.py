"""Every source failing in every way: over wss no wrong price, no gap where another source has the asset, and back."""

import asyncio
import itertools
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from shared.assets import catalogue
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.local_stack import Stack

TICK = 1
EXCHANGE = ["--seed=5"]
CONTEXT = ["stale_after_seconds=5"]

PRICE_SOURCES = ("binance", "kraken", "coinbase", "coingecko")
OFF = {"status": 503}
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "retry_after": 2},
    "418": {"status": 418, "retry_after": 2},
    "451": {"status": 451, "retry_after": 2},
    "500": {"status": 500},
    "a cut-off body": {"cut": True},
    "HTML": {"garbage": True},
    "an empty list": {"empty": True},
    "prices x 1000": {"absurd": {"*": "x1000"}},
    "bid above ask": {"absurd": {"*": "crossed"}},
    "a frozen clock": {"clock_frozen": True},
}
# Each asset's first market trades in the simulation, but for the one that is dead on the real exchange, too.
FIRST_CHOICE = {symbol: asset.markets[0].source for symbol, asset in catalogue().items()} | {"DAI_CAD": "kraken"}
# Simulated sources agree within 20 basis points; a wrong price is off by far more.
NEAR = Decimal("0.01")
BACK_WITHIN_S = 12  # two ticks of 5 s, and what they take
EVERY_TICK = {"binance", "kraken"}  # the others are asked at a slower pace, and move no faster
LATE_MS = 500  # a tick's time is when its sources have answered


def is_update(frame: Frame) -> bool:
    return bool(frame["event"] == "update")


def sources_of(client: Client) -> dict[str, str]:
    return {symbol: quote["source"].partition(":")[0] for symbol, quote in client.quotes().items()}


def wrong(client: Client, reference: dict[str, Decimal]) -> list[str]:
    """Quotes that ever came and are not near what the market was before."""
    return [
        f"{quote['symbol']} {quote['spot']} {quote['source']}"
        for quote in client.heard()
        if not abs(quote["spot"] / reference[quote["symbol"]] - 1) < NEAR or not quote["bid"] <= quote["ask"]
    ]


async def settled(stack: Stack, client: Client) -> dict[str, Decimal]:
    """Wait until every asset is served by the first of its sources; the prices then."""
    stack.control("faults", {})
    await client.subscribe("rates_batch")
    await client.until(lambda _: sources_of(client) == FIRST_CHOICE and not stale(client), 90)
    client.frames.clear()
    await client.send({"event": "snapshot", "channel": "rates_batch"})
    await client.until(lambda frame: frame["event"] == "snapshot")
    return {symbol: quote["spot"] for symbol, quote in client.quotes().items()}


def stale(client: Client) -> set[str]:
    return {symbol for symbol, quote in client.quotes().items() if quote.get("stale")}


def elsewhere(failing: tuple[str, ...]) -> set[str]:
    """The assets that some source has that does not fail."""
    return {
        symbol for symbol, asset in catalogue().items() if any(market.source not in failing for market in asset.markets)
    }


@pytest.mark.parametrize(
    "failing",
    [*((name,) for name in PRICE_SOURCES), *itertools.combinations(PRICE_SOURCES, 2)],
    ids=" and ".join,
)
def test_the_loss_of_any_one_or_two_sources_is_not_seen(stack: Stack, failing: tuple[str, ...]) -> None:
    check(stack, dict.fromkeys(failing, OFF), failing)


@pytest.mark.parametrize("failing", [("binance",), ("kraken",), ("coinbase", "coingecko")], ids=" and ".join)
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_source_that_answers_badly_is_passed_over(stack: Stack, failing: tuple[str, ...], fault: str) -> None:
    check(stack, dict.fromkeys(failing, FAULTS[fault]), failing)


def check(stack: Stack, faults: dict[str, Any], failing: tuple[str, ...]) -> None:
    async def run() -> None:
        async with opened(stack) as client:
            reference = await settled(stack, client)
            stack.control("faults", faults)
            before = len(client.frames)
            await client.listen(5 * TICK)
            assert not wrong(client, reference)
            ticks_ms = [frame["ts"] for frame in client.frames[before:] if is_update(frame)]
            if not set(failing) >= EVERY_TICK:
                assert len(ticks_ms) >= 2
                gaps_ms = [later - earlier for earlier, later in pairwise(ticks_ms)]
                assert max(gaps_ms) <= 2 * TICK * 1000 + LATE_MS
            assert not stale(client) & elsewhere(failing)
            stack.control("faults", {})
            await client.until(lambda _: sources_of(client) == FIRST_CHOICE and not stale(client), 90)
            assert not wrong(client, reference)

    try:
        asyncio.run(run())
    finally:
        stack.control("faults", {})


def test_with_every_source_off_all_is_marked_stale_heartbeats_go_on_and_it_recovers(stack: Stack) -> None:
    everything = (*PRICE_SOURCES, "bank_of_canada", "er_api")
    every_tick = {symbol for symbol, source in FIRST_CHOICE.items() if source in EVERY_TICK}

    async def run() -> None:
        async with opened(stack) as client:
            reference = await settled(stack, client)
            stack.control("faults", dict.fromkeys(everything, OFF))
            await client.until(lambda _: stale(client) == set(catalogue()), 240)
            heartbeat = await client.until(lambda frame: frame["event"] == "heartbeat", 60)
            assert set(heartbeat["stale"]) == set(catalogue())
            assert heartbeat["status"]["binance"] == heartbeat["status"]["kraken"] == "down"
            stack.control("faults", {})
            await client.until(lambda _: not stale(client) & every_tick, BACK_WITHIN_S)
            await client.until(lambda _: not stale(client), 120)
            assert not wrong(client, reference)

    try:
        asyncio.run(run())
    finally:
        stack.control("faults", {})
