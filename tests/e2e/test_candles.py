"""Recorded one-minute candles at 60 times their speed, through the crash of May 2021: prices follow the file."""

import asyncio
import csv
import os
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

from shared.model.assets import catalogue
from shared.pricing.consensus import ASSET_LEEWAY
from tests.e2e.clients import is_tick, opened
from tests.e2e.local_stack import Stack
from tests.recordings import recording

TICK = 1
USD_CAD = Decimal("1.2096")  # of 2021-05-12
RECORDING = "klines/binance_1m_2021-05-11T20_2021-05-13T08.csv"
DAY = 1440
# By default the first hour of the fall; CADFEED_REPLAY=720 replays all twelve hours.
SECONDS = int(os.environ.get("CADFEED_REPLAY", "0"))
START = [] if SECONDS else ["--start=2021-05-12T22:00"]
FIRST_MINUTE = DAY if SECONDS else 26 * 60


def EXCHANGE() -> list[str]:  # noqa: N802 - read by the fixture like the constant of other modules
    return [f"--candles={recording(RECORDING)}", "--speed=60", f"--usd-cad={USD_CAD}", *START]


HELD_MINUTES = 65
LEAP = ASSET_LEEWAY.base


def closes() -> dict[str, list[Decimal]]:
    """Return the closing prices by symbol, minute by minute."""
    by_market: dict[str, list[Decimal]] = defaultdict(list)
    with recording(RECORDING).open() as file:
        for row in csv.DictReader(file):
            by_market[row["symbol"]].append(Decimal(row["close"]))
    symbols = {
        market.name: symbol
        for symbol, asset in catalogue().items()
        for market in asset.markets
        if market.source == "binance" and market.name == f"{asset.code}USDT"
    }
    return {symbols[market]: prices for market, prices in by_market.items() if market in symbols}


def shows(quotes: dict[str, dict[str, Any]], prices: dict[str, list[Decimal]], minute: int) -> bool:
    """Return whether every quote has this minute's close and change of 24 h.

    A price that jumped shortly before may be held: a minute of the file is a second here, and nobody confirms Binance.
    """
    return all(
        (
            quotes[symbol]["spot"] == close[minute] * USD_CAD
            and quotes[symbol]["change"] == (close[minute] - close[minute - DAY]) * USD_CAD
        )
        or leapt(close, minute)
        for symbol, close in prices.items()
    )


def leapt(close: list[Decimal], minute: int) -> bool:
    """Return whether the price moved by more than a single source may, within the time of a hold."""
    recent = close[minute - HELD_MINUTES : minute + 1]
    return any(max(pair) / min(pair) > 1 + LEAP for pair in pairwise(recent))


def unlike(quotes: dict[str, dict[str, Any]], prices: dict[str, list[Decimal]], minute: int) -> str:
    """Say what the quotes do not have of a minute."""
    wrong = {
        symbol: f"{quotes[symbol]['spot']} instead of {close[minute] * USD_CAD}"
        for symbol, close in prices.items()
        if not shows(quotes, {symbol: close}, minute)
    }
    return f"minute {minute}: {wrong}"


def test_prices_follow_the_recorded_crash_minute_by_minute(stack: Stack) -> None:
    prices = closes()
    assert len(prices) == 35  # the file's LUNAUSDT is another coin under that name today

    async def run() -> list[int]:
        minutes: list[int] = []
        async with opened(stack) as client:
            await client.subscribe("rates_batch")
            await client.until(lambda frame: bool(frame.get("data")))
            assert client.quotes().keys() == prices.keys()
            first = stack.control("state")["market"]["minute"]
            candidates = range(first + 1)  # the first tick may be late
            for _ in range(SECONDS or 60):
                quotes = client.quotes()
                shown = [minute for minute in candidates if shows(quotes, prices, minute)]
                assert shown, [unlike(quotes, prices, minute) for minute in candidates]
                minutes.append(shown[0])
                if shown[0] + 1 >= len(prices["BTC_CAD"]):
                    break
                await client.until(is_tick)
                now = stack.control("state")["market"]["minute"]
                # The same minute again: after a late tick the next one comes within the exchange's minute.
                candidates = range(shown[0], min(now + 1, len(prices["BTC_CAD"])))
        return minutes

    minutes = asyncio.run(run())
    steps = [after - before for before, after in pairwise(minutes)]
    bitcoin = [prices["BTC_CAD"][minute] for minute in minutes]
    print(f"{len(minutes)} ticks, {steps.count(1)} steps of one; BTC {bitcoin[0]} -> {min(bitcoin)} USDT at worst")
    # A slow machine may see its first tick minutes after the fall began.
    assert min(bitcoin) < Decimal("0.97") * prices["BTC_CAD"][FIRST_MINUTE]
