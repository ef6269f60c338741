"""The basics for every client on the simulated market: subscribe, snapshot, updates, requests, errors."""

import asyncio
import json
import subprocess
import sys
from decimal import Decimal

import pytest

from shared.model.assets import catalogue
from shared.model.wire import MIN_SIGNIFICANT_DIGITS
from tests.e2e.clients import Client, Frame, is_tick, opened
from tests.e2e.local_stack import ROOT, Stack
from tools.simulator.faults import UPSTREAMS

PRICED = set(catalogue())
FIRST = {symbol: asset.markets[0] for symbol, asset in catalogue().items()}
RATE = {"CAD": "", "USD": " x kraken:USDCAD", "USDT": " x kraken:USDTCAD"}


def is_update(frame: Frame) -> bool:
    return bool(frame["event"] == "update")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_rates_client_gets_the_ack_all_assets_then_updates(stack: Stack, slash: str) -> None:
    async def run() -> None:
        async with opened(stack, stack.feed.rstrip("/") + slash) as client:
            await client.send('{"event":"subscribe","channel":"rates"}')
            ack = await client.next()
            assert ack["event"] == ack["status"] == "subscribed"
            assert ack["symbols"] == list(catalogue())
            assert "data" not in ack
            await client.until(lambda _: {quote["symbol"] for quote in client.heard()} >= PRICED)
            first = client.quotes()
            await client.until(lambda _: client.quotes()["BTC_CAD"]["spot"] != first["BTC_CAD"]["spot"])
            data = client.of("data")
            assert all(frame["channel"] == "rates" for frame in data)
            assert {frame["data"]["symbol"] for frame in data} == PRICED

    asyncio.run(run())


def test_every_quote_names_its_source_and_says_it_is_simulated(stack: Stack) -> None:
    async def run() -> None:
        async with opened(stack) as client:
            await client.subscribe("rates_batch")
            await client.until(lambda _: len(client.quotes()) == len(PRICED))
            for symbol, quote in client.quotes().items():
                assert quote["simulated"] is True
                if symbol != "DAI_CAD":  # dead at Binance, as on the real exchange
                    market = FIRST[symbol]
                    assert quote["source"] == f"{market.source}:{market.name}{RATE[market.quote]}"
                assert 0 < quote["bid"] <= quote["ask"]
                assert isinstance(quote["change"], Decimal | int)
                assert isinstance(quote["timestamp"], int)
                assert quote["timestamp"] == quote["ts"] // 1000

    asyncio.run(run())


def test_a_batch_client_gets_a_snapshot_and_unbroken_updates(stack: Stack) -> None:
    async def run() -> None:
        async with opened(stack) as other, opened(stack) as client:
            await other.subscribe("rates_batch", symbols=["BTC_CAD"])
            await other.until(is_update)
            ack = await client.subscribe("rates_batch", id="my id")
            assert ack["id"] == "my id"
            snapshot = await client.next()
            assert snapshot["event"] == "snapshot"
            assert snapshot["unavailable"] == []
            assert set(snapshot["status"].values()) == {"ok"}
            assert {quote["symbol"] for quote in snapshot["data"]} == PRICED
            seq = snapshot["seq"]
            for _ in range(5):
                tick = await client.until(is_tick)
                if is_update(tick):
                    assert tick["prev_seq"] == seq
                    assert all(quote["seq"] == tick["seq"] for quote in tick["data"])
                seq = tick["seq"]

    asyncio.run(run())


def test_a_client_sees_only_the_symbols_that_it_subscribed_to(stack: Stack) -> None:
    async def run() -> None:
        async with opened(stack) as client:
            ack = await client.subscribe("rates_batch", symbols=["SHIB_CAD", "BTC_CAD", "DOGE_USD"], id=1)
            assert ack["symbols"] == ["BTC_CAD", "SHIB_CAD"]
            assert ack["rejected"] == [{"symbol": "DOGE_USD", "code": "unknown_symbol", "message": "no such symbol"}]
            for _ in range(3):
                await client.until(is_update)
            assert {quote["symbol"] for quote in client.heard()} <= {"BTC_CAD", "SHIB_CAD"}
            shib = client.quotes()["SHIB_CAD"]["spot"]
            assert 0 < shib < Decimal("0.001")
            assert len(shib.as_tuple().digits) >= MIN_SIGNIFICANT_DIGITS

    asyncio.run(run())


def test_nothing_is_sent_before_a_subscription_nor_after_its_end(stack: Stack) -> None:
    async def run() -> None:
        async with opened(stack) as listener, opened(stack) as client:
            await listener.subscribe("rates_batch")
            for _ in range(2):
                await listener.until(is_update)
            await client.send({"event": "ping"})
            assert (await client.next())["event"] == "pong"  # the first frame
            await client.subscribe("rates_batch")
            await client.until(is_update)
            await client.send({"event": "unsubscribe", "channel": "rates_batch", "id": 2})
            await client.until(lambda frame: frame["event"] == "unsubscribed" and frame["id"] == 2)
            for _ in range(3):
                await listener.until(is_update)
            await client.send({"event": "subscriptions", "id": 3})
            # Before the answer comes at most the tick that was already on its way.
            answer = await client.next()
            answer = await client.next() if is_tick(answer) else answer
            assert answer == {"event": "subscriptions", "subscriptions": [], "id": 3}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("message", "code", "message_id"),
    [
        ("no json", "bad_json", None),
        ("[1, 2]", "bad_request", None),
        ('"subscribe"', "bad_request", None),
        ("null", "bad_request", None),
        ('{"channel":"rates"}', "bad_request", None),
        ('{"event":7,"id":1}', "bad_request", 1),
        ('{"event":"buy","id":2}', "unknown_event", 2),
        ('{"event":"subscribe","id":"x"}', "unknown_channel", "x"),
        ('{"event":"subscribe","channel":"trades","id":3}', "unknown_channel", 3),
        ('{"event":"subscribe","channel":"rates","symbols":"BTC_CAD","id":4}', "bad_request", 4),
        ('{"event":"subscribe","channel":"rates","symbols":["BTC_USD"],"id":5}', "unknown_symbol", 5),
        ('{"event":"unsubscribe","channel":"all","id":6}', "unknown_channel", 6),
        ('{"event":"ping","id":1.5}', "bad_request", None),
    ],
)
def test_a_bad_message_gets_an_error_and_keeps_its_connection(
    stack: Stack, message: str, code: str, message_id: object
) -> None:
    async def run() -> None:
        async with opened(stack) as client:
            await client.send(message, valid=False)
            error = await client.next()
            assert error["event"] == "error"
            assert error["code"] == code
            assert error.get("id") == message_id
            assert error["retryable"] is False
            await client.send({"event": "ping", "id": 9})
            assert (await client.next())["id"] == 9

    asyncio.run(run())


def test_a_snapshot_can_be_asked_for(stack: Stack) -> None:
    async def run() -> None:
        async with opened(stack) as client:
            await client.subscribe("rates_batch", symbols=["ETH_CAD"])
            await client.until(is_update)
            await client.send({"event": "snapshot", "channel": "rates_batch", "id": 11})
            snapshot = await client.until(lambda frame: frame["event"] == "snapshot" and frame.get("id") == 11)
            assert [quote["symbol"] for quote in snapshot["data"]] == ["ETH_CAD"]

    asyncio.run(run())


def test_one_tick_makes_at_most_one_request_per_source(stack: Stack) -> None:
    async def run() -> Client:
        async with opened(stack) as client:
            await client.subscribe("rates_batch")
            await client.until(is_update)
            stack.control("reset_counts", {})
            for _ in range(10):
                await client.until(is_update)
            return client

    ticks = len(asyncio.run(run()).ticks()) + 1  # one may have begun without arriving
    asked = {name: count["since_reset"] for name, count in stack.control("state")["requests"].items()}
    assert asked["binance"] >= 9
    assert max(asked.values()) <= ticks
    assert sum(asked.values()) / ticks < 8 * len(catalogue()) / 100


def test_a_tick_asks_every_source_at_the_same_time(stack: Stack) -> None:
    """So a tick takes as long as its slowest source, not as all of them together."""

    async def run() -> None:
        async with opened(stack) as client:
            await client.subscribe("rates_batch")
            await client.until(is_update)
            stack.control("reset_counts", {})
            for _ in range(10):
                await client.until(is_update)

    try:
        stack.control("faults", {name: {"latency_ms": 200} for name in UPSTREAMS})
        asyncio.run(run())
        state = stack.control("state")
    finally:
        stack.control("faults", {})
    asked_each_tick = [name for name, count in state["requests"].items() if count["since_reset"] >= 9]
    assert {"binance", "kraken"} <= set(asked_each_tick)
    assert state["unanswered"]["most_since_reset"] >= len(asked_each_tick)


def test_the_terminal_client_ends_after_the_frames_asked_for(stack: Stack) -> None:
    command = [sys.executable, "-m", "tools.watch", f"--url={stack.feed}", f"--ca={stack.ca}", "--json", "--count=2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert frames[0]["event"] == "subscribed"
    assert len(frames) == 3
    assert all(map(is_tick, frames[1:]))
