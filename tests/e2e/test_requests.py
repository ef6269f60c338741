"""A client's requests beside its subscription, and the closing notice, as in docs/protocol.md."""

import asyncio
import json
import time
import zlib
from collections.abc import Collection

import pytest

from shared.model.assets import catalogue
from tests.e2e.clients import Client, Frame, is_tick, opened
from tests.e2e.local_stack import ROOT, Stack
from tests.stored import stored

NOTICE_S, RECONNECT_WITHIN_MS = 6_600, 480_000  # "At the age of 110 minutes", "a number from 0 to 480,000"
RENAMED = {"MATIC": "POL", "MKR": "SKY", "EOS": "A", "FTM": "S", "UST": "USTC", "RNDR": "RENDER"}
SYMBOLS = ["BTC_CAD", "ETH_CAD", "SOL_CAD"]


async def ask(client: Client, **request: object) -> Frame:
    """Send a request and return its answer, ignoring other frames."""
    await client.send({**request, "id": "asked"})
    return await client.until(lambda frame: frame.get("id") == "asked")


async def hears_only(client: Client, stack: Stack, symbols: Collection[str]) -> None:
    """Assert that, after the tick already on its way, all frames are about these symbols."""
    async with opened(stack) as listener, asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(client.listen(60))
        await listener.subscribe("rates_batch")
        await ticks(listener, 2)
        before = len(client.heard())
        await ticks(listener, 4)
        listening.cancel()
    assert {quote["symbol"] for quote in client.heard()[before:]} == set(symbols)


async def ticks(client: Client, number: int) -> None:
    for _ in range(number):
        await client.until(is_tick)


def test_unsubscribing_some_symbols_answers_with_those_left(common_stack: Stack) -> None:
    async def run() -> None:
        async with opened(common_stack) as client:
            await client.subscribe("rates_batch", symbols=SYMBOLS)
            await ticks(client, 2)
            answer = await ask(
                client, event="unsubscribe", channel="rates_batch", symbols=["SOL_CAD", "ADA_CAD", "NONE_CAD"]
            )
            assert answer == {
                "event": "unsubscribed",
                "status": "unsubscribed",
                "channel": "rates_batch",
                "symbols": ["BTC_CAD", "ETH_CAD"],
                "rejected": [{"symbol": "NONE_CAD", "code": "unknown_symbol", "message": "no such symbol"}],
                "id": "asked",
            }
            await hears_only(client, common_stack, ["BTC_CAD", "ETH_CAD"])
            # The last of them end the channel.
            answer = await ask(client, event="unsubscribe", channel="rates_batch", symbols=["BTC_CAD", "ETH_CAD"])
            assert answer["symbols"] == []
            assert (await ask(client, event="subscriptions"))["subscriptions"] == []
            await hears_only(client, common_stack, [])

    asyncio.run(run())


def test_unsubscribing_some_of_all_symbols_keeps_the_others(common_stack: Stack) -> None:
    async def run() -> None:
        async with opened(common_stack) as client:
            everything = (await client.subscribe("rates"))["symbols"]
            answer = await ask(client, event="unsubscribe", channel="rates", symbols=SYMBOLS)
            left = [symbol for symbol in everything if symbol not in SYMBOLS]
            assert answer["symbols"] == left
            subscriptions = (await ask(client, event="subscriptions"))["subscriptions"]
            assert subscriptions == [{"channel": "rates", "symbols": left}]

    asyncio.run(run())


def test_unsubscribe_without_symbols_ends_the_channel(common_stack: Stack) -> None:
    """Without a channel it ends every subscription."""

    async def run() -> None:
        async with opened(common_stack) as client:
            for channel, symbol in (("rates", "BTC_CAD"), ("rates_batch", "ETH_CAD")):
                await client.subscribe(channel, symbols=[symbol])
            answer = await ask(client, event="unsubscribe", channel="rates")
            ended = {"event": "unsubscribed", "status": "unsubscribed", "id": "asked"}
            assert answer == {**ended, "channel": "rates", "symbols": []}
            await hears_only(client, common_stack, ["ETH_CAD"])
            await client.subscribe("rates", symbols=["BTC_CAD"])
            assert await ask(client, event="unsubscribe") == ended
            assert (await ask(client, event="subscriptions"))["subscriptions"] == []
            await hears_only(client, common_stack, [])

    asyncio.run(run())


def test_assets_answers_with_the_catalogue(common_stack: Stack) -> None:
    async def run() -> Frame:
        async with opened(common_stack) as client:
            await client.subscribe("rates_batch")
            await client.until(is_tick)
            return await ask(client, event="assets")

    answer = asyncio.run(run())
    rows = json.loads((ROOT / "shared" / "model" / "assets.json").read_text(encoding="utf-8"))
    assert len(rows) == len(catalogue())
    assert answer["assets"] == [
        {
            "symbol": f"{row['asset']}_CAD",
            "base": row["asset"],
            "quote": "CAD",
            "name": row["name"],
            "decimals": row["decimals"],
            "status": "live",
        }
        | ({"renamed_to": f"{RENAMED[row['asset']]}_CAD"} if row["asset"] in RENAMED else {})
        for row in rows
    ]
    assert len([asset for asset in answer["assets"] if "renamed_to" in asset]) == len(RENAMED)


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        ("1718714323500", "1718714323500"),
        ("1718714323.250", "1718714323.250"),
        ("-7", "-7"),
        ('"yesterday, at four"', '"yesterday, at four"'),
        (f'"{36 * "x"}"', f'"{36 * "x"}"'),
        (f'"{37 * "x"}"', None),
        ('["1718714323500"]', None),
        ("true", None),
        ("null", None),
    ],
)
def test_a_ping_gets_its_own_time_back_and_the_feeds(common_stack: Stack, sent: str, heard: str | None) -> None:
    async def run() -> tuple[str, Frame]:
        async with opened(common_stack) as client:
            await client.send(f'{{"event":"ping","timestamp":{sent},"id":6}}')
            text = str(await asyncio.wait_for(client.socket.recv(), 30))
            await client.send({"event": "ping"})
            return text, await client.next()

    began_ms = time.time_ns() // 1_000_000
    text, plain = asyncio.run(run())
    ended_ms = time.time_ns() // 1_000_000
    pong = json.loads(text, parse_float=str)
    assert (pong["event"], pong["id"]) == ("pong", 6)
    assert began_ms <= pong["ts"] <= plain["ts"] <= ended_ms
    if heard is None:
        assert "timestamp" not in pong
    else:
        assert f'"timestamp":{heard}' in text.replace(": ", ":")
    assert plain.keys() == {"event", "ts"}


def test_a_connection_gets_its_notice_at_110_minutes(common_stack: Stack) -> None:
    table = common_stack.table("Connections")

    def ids() -> set[tuple[str, str]]:
        return {(str(item["pk"]), str(item["sk"])) for item in stored(table)}

    async def run() -> None:
        async with opened(common_stack) as young:
            await young.subscribe("rates_batch")
            before = ids()
            async with opened(common_stack) as client:
                await client.subscribe("rates_batch")
                ((pk, sk),) = ids() - before
                due_s = int(time.time()) + 4  # a few ticks from now, even with a slow table
                table.update_item(
                    Key={"pk": pk, "sk": sk},
                    UpdateExpression="SET connected_at = :at",
                    ExpressionAttributeValues={":at": due_s - NOTICE_S},
                )
                closing = await client.until(lambda frame: frame["event"] == "closing")
                # The notice comes with the first tick at or after it, and with no other.
                before_ms, last_ms = (tick["ts"] for tick in client.ticks()[-2:])
                assert before_ms < due_s * 1000 <= last_ms == closing["ts"]
                reconnect_in_ms = zlib.crc32(sk.encode()) % (RECONNECT_WITHIN_MS + 1)
                assert closing == {
                    "event": "closing",
                    "reason": "max_duration",
                    "reconnect_in_ms": reconnect_in_ms,
                    "ts": closing["ts"],
                }
                # Only this connection gets it, once, and it gets the feed as before.
                await ticks(client, 3)
                assert len(client.of("closing")) == 1
            await young.until(lambda frame: is_tick(frame) and frame["seq"] > client.ticks()[-1]["seq"])
            assert young.of("closing") == []

    asyncio.run(run())
