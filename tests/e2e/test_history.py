"""A stack that was just started has years of candles soon. `tests/backfill` has cuts, failures and holes."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from shared.model.assets import catalogue
from tests.e2e.clients import Client, Frame, is_tick, opened
from tests.e2e.local_stack import Stack

TICK = 1
EXCHANGE = ["--seed=17"]
CONTEXT = ["backfill=true", "message_burst=10000"]  # a client asks for every chart
FULL = 500
# CoinGecko comes first for these, or after one other exchange. It allows a request every few seconds, and has one year.
SLOW = {"MKR_CAD", "QCAD_CAD", "ETHW_CAD", "ELF_CAD", "XMR_CAD", "DAI_CAD"}
WITHIN_S = 180  # a minute on a quiet machine
LONGEST_GAP_S = 6 * TICK
numbers = itertools.count(1)


async def ask(client: Client, **request: Any) -> list[Frame]:
    """Return the parts of an answer in order."""
    number = next(numbers)
    while True:
        await client.send({**request, "id": number})
        parts = [await client.until(lambda frame: frame.get("id") == number)]
        if parts[0]["event"] != "error":
            break
        await asyncio.sleep(0.5)
    while len(parts) < parts[0]["parts"]:
        parts.append(await client.until(lambda frame: frame.get("id") == number))
    return sorted(parts, key=lambda part: int(part["part"]))


async def history(client: Client, symbol: str, interval: str) -> list[list[Any]]:
    """Return rows of a candle and its ticks, as many as one answer has."""
    parts = await ask(client, event="history", symbol=symbol, interval=interval, limit=FULL)
    return [[*row, ticks] for part in parts for row, ticks in zip(part["candles"], part["ticks"], strict=True)]


async def is_full(client: Client, symbol: str) -> bool:
    hours, days = await history(client, symbol, "1h"), await history(client, symbol, "1d")
    return len(hours) == len(days) == FULL


def gaps_s(client: Client) -> list[float]:
    """Return the seconds between ticks."""
    at_ms = [at for at, frame in zip(client.at_ms, client.frames, strict=True) if is_tick(frame)]
    return [(after - before) / 1000 for before, after in itertools.pairwise(at_ms)]


def test_every_chart_is_full_soon_and_ticks_are_not_late(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()

    async def run() -> tuple[float, float, list[float]]:
        async with opened(stack) as listener, opened(stack) as client:
            await listener.subscribe("rates_batch")
            listening = asyncio.create_task(listener.listen(WITHIN_S + 60))
            while len((await ask(client, event="trends"))[0]["trends"]) < len(catalogue()) // 3:
                await asyncio.sleep(0.5)
            trends_s = time.monotonic() - began
            for symbol in (symbol for symbol in catalogue() if symbol not in SLOW):
                while not await is_full(client, symbol):
                    assert time.monotonic() - began < WITHIN_S, f"without history: {symbol}"
                    await asyncio.sleep(2)
            listening.cancel()
            return trends_s, time.monotonic() - began, gaps_s(listener)

    trends_s, took_s, gaps = asyncio.run(run())
    with capsys.disabled():
        print(f"\ntrends after {trends_s:.0f} s, all charts after {took_s:.0f} s; longest gap {max(gaps):.1f} s")
    assert max(gaps) < LONGEST_GAP_S


def test_trends_have_a_whole_day_in_a_few_frames(stack: Stack) -> None:
    async def run() -> list[Frame]:
        async with opened(stack) as client:
            return await ask(client, event="trends")

    parts = asyncio.run(run())
    rows = [row for part in parts for row in part["trends"]]
    quick = [symbol for symbol in catalogue() if symbol not in SLOW]
    assert [row[0] for row in rows if row[0] not in SLOW] == quick
    assert all(None not in row[1:-1] for row in rows if row[0] not in SLOW)
    assert 2 <= len(parts) <= 3


def test_the_first_change_counts_the_rates_of_a_day_ago(stack: Stack) -> None:
    async def run() -> list[Frame]:
        async with opened(stack) as client:
            return [(await explained(client, symbol)) for symbol in ("LTC_CAD", "BTC_CAD", "USDT_CAD")]

    async def explained(client: Client, symbol: str) -> Frame:
        number = next(numbers)
        await client.send({"event": "explain", "symbol": symbol, "id": number})
        return await client.until(lambda frame: frame.get("id") == number)

    assert not [frame for frame in asyncio.run(run()) if "change_at_current_rate" in frame]


def test_no_limit_of_an_exchange_was_exceeded(stack: Stack) -> None:
    paths = stack.control("state")["paths"]
    assert {path for path, counts in paths.items() if counts["over_limit_since_start"]} == set()
    assert paths["/api/v3/klines"]["since_start"] > len(catalogue())
