"""The lie matrix: every source lies about all its markets by every factor, then about single markets, slowly, about
currency rates, and for a short time.

`make lies` tries every cell and prints the table of docs/prices.md; else it is some of them, and of each source.
"""

import asyncio
from decimal import Decimal

import pytest

from shared.model.assets import catalogue
from tests.e2e.lies import (
    CONTEXT,
    EXCHANGE,
    FACTORS,
    LIARS,
    RATE_FACTORS,
    TICK,
    Told,
    honest,
    lie,
    listening,
    show,
    ticks,
    told,
)
from tests.e2e.local_stack import Stack
from tests.e2e.matrix import cells, some

__all__ = ["CONTEXT", "EXCHANGE", "TICK"]  # of the module's stack

DRIFT_A_SECOND = "1.002"  # which is a tick here
TICKS_OF_DRIFT = 18  # three and a half percent: beyond the band
RATES = (
    "kraken:USDCAD",
    "kraken:USDTCAD",
    "kraken:USDTUSD",
    "coinbase:USDT-USD",
    "coingecko:tether",
    "bank_of_canada:FXUSDCAD",
    "er_api:CAD",
)


@pytest.mark.parametrize(("liar", "factor"), cells(LIARS, FACTORS, 5))
def test_a_lie_about_all_markets_keeps_quotes_within_their_bands(stack: Stack, liar: str, factor: str) -> None:
    """This holds for assets with three sources."""

    async def run() -> Told:
        async with listening(stack) as client:
            return await lie(stack, client, {liar: {"lie": {"factor": factor}}})

    show(liar, f"all markets x {factor}", asyncio.run(run()))


@pytest.mark.parametrize("liar", some(LIARS, 2))
def test_a_lie_about_one_market_keeps_quotes_within_their_bands(stack: Stack, liar: str) -> None:
    """Each factor has its own market, few enough that the source does not become suspect."""
    named = [
        m.name for asset in catalogue().values() for m in asset.markets if m.source == liar and asset.code != "USDT"
    ]
    every = max(1, len(named) // len(FACTORS))
    lies = dict(zip(named[::every], (f"x{factor}" for factor in FACTORS), strict=False))

    async def run() -> Told:
        async with listening(stack) as client:
            return await lie(stack, client, {liar: {"absurd": lies}})

    show(liar, f"{len(lies)} single markets, each by another factor", asyncio.run(run()))


@pytest.mark.parametrize("liar", some(LIARS, 3))
def test_a_slow_drift_is_followed_to_the_band_and_no_farther(stack: Stack, liar: str) -> None:
    async def run() -> Told:
        async with listening(stack) as client:
            await honest(stack, client)
            client.frames.clear()
            stack.control("faults", {liar: {"lie": {"per_second": DRIFT_A_SECOND}}})
            await ticks(client, TICKS_OF_DRIFT)
            return told(stack, client, {liar})

    show(liar, "all markets, 0.2 % a tick to 3 %", asyncio.run(run()))


@pytest.mark.parametrize(("rate", "factor"), cells(RATES, RATE_FACTORS, 5))
def test_a_lie_about_a_currency_keeps_quotes_within_their_bands(stack: Stack, rate: str, factor: str) -> None:
    """This holds for assets with three sources."""
    source, market = rate.split(":")

    async def run() -> Told:
        async with listening(stack) as client:
            return await lie(stack, client, {source: {"lie": {"factor": factor, "markets": [market]}}})

    show(source, f"{market} x {factor}", asyncio.run(run()))


def test_a_lie_of_two_seconds_leaves_no_trace_after_two_ticks(stack: Stack) -> None:
    """It checks quotes, rates and candles, which contain only prices that were sent."""

    async def run() -> None:
        async with listening(stack) as client:
            await honest(stack, client)
            reference = {symbol: quote["spot"] for symbol, quote in client.quotes().items()}
            await lie(stack, client, {"kraken": {"lie": {"factor": "0.55", "markets": ["USDTCAD"]}}})
            stack.control("faults", {})
            await ticks(client, 2)
            client.frames.clear()
            await ticks(client, 3)
            assert all(abs(q["spot"] / reference[q["symbol"]] - 1) < Decimal("0.01") for q in client.heard())
            for symbol in ("BTC_CAD", "SHIB_CAD", "LTC_CAD"):
                await client.send({"event": "history", "symbol": symbol, "interval": "1d", "limit": 1})
                answer = await client.until(lambda frame: frame["event"] == "history")
                _, *prices = answer["in_progress"]
                assert all(abs(price / reference[symbol] - 1) < Decimal("0.03") for price in prices)

    asyncio.run(run())
