"""Clients with the habits of public code work on `rates` unchanged, over wss."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shared.model.assets import catalogue
from shared.model.staleness import HEARTBEAT_MS
from tests.e2e.clients import Client, Frame, opened
from tests.e2e.foreign import FOREIGN, NODE, running
from tests.e2e.local_stack import Stack
from tests.stored import stored

SUBSCRIBE = {"event": "subscribe", "channel": "rates"}
LATE_MS = 5_000  # the next tick, and a busy machine
QUIET_S = 38
# Only CoinGecko has it, whose prices change once a minute.
QUIET_SYMBOL = next(
    symbol for symbol, asset in catalogue().items() if {market.source for market in asset.markets} == {"coingecko"}
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def btc_seq(frame: Frame) -> int:
    """Return the tick of a frame with the price of BTC, which moves almost always; 0 for other frames."""
    return int(frame["data"]["seq"]) if frame.get("data", {}).get("symbol") == "BTC_CAD" else 0


async def more_ticks(client: Client, count: int = 2) -> None:
    """Listen until BTC has moved that often."""
    seen = {btc_seq(frame) for frame in client.frames} | {0}
    wanted = len(seen) + count
    async with asyncio.timeout(30):
        while len(seen) < wanted:
            seen.add(btc_seq(await client.next()))


@pytest.fixture(scope="module", autouse=True)
def quiet(common_stack: Stack) -> Iterator[Future[tuple[list[int], list[Frame]]]]:
    """Collect what a client of a quiet market and one without a subscription hear.

    They listen while the other tests run.
    """

    async def listen() -> tuple[list[int], list[Frame]]:
        async with opened(common_stack) as subscribed, opened(common_stack) as silent:
            await subscribed.subscribe("rates", symbols=[QUIET_SYMBOL])
            await asyncio.gather(subscribed.listen(QUIET_S), silent.listen(QUIET_S))
            assert {quote["symbol"] for quote in subscribed.heard()} == {QUIET_SYMBOL}
            return [*subscribed.at_ms, now_ms()], silent.frames

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(lambda: asyncio.run(listen()))


def test_a_client_takes_every_frame_with_data_for_quotes(common_stack: Stack) -> None:
    """`if (message.data) prices[message.data.symbol] = message.data`, without a look at the event."""

    async def run() -> None:
        prices: dict[str, dict[str, Any]] = {}
        async with opened(common_stack) as client:
            for message in (SUBSCRIBE, {"event": "ping"}, {"event": "subscriptions"}, {"event": "assets"}):
                await client.send(message)
            await client.send({"event": "login", "token": "x"}, valid=False)
            await client.send({**SUBSCRIBE, "symbols": ["BTC_CAD", "BTC-USD"]})
            await client.until(lambda frame: "rejected" in frame)
            await more_ticks(client)
            for frame in client.frames:
                if frame.get("data"):
                    prices[frame["data"]["symbol"]] = frame["data"]
            assert prices.keys() == catalogue().keys()
            assert {"subscribed", "pong", "subscriptions", "assets", "error"} <= {f["event"] for f in client.frames}

    asyncio.run(run())


def test_a_client_calls_number_methods_on_every_field(common_stack: Stack, tmp_path: Path) -> None:
    """`data.change.toFixed(2)`, `new Date(data.timestamp * 1000)`: a null or a text breaks it."""
    command: list[str | Path] = [NODE, FOREIGN / "takes_every_number.mjs", common_stack.feed, json.dumps(SUBSCRIBE)]
    with running(command, common_stack, tmp_path / "log") as program:
        lines = program.until(lambda lines: len(lines) > 3 * len(catalogue()))
    assert {line["symbol"].replace("/", "_") for line in lines} == catalogue().keys()
    for line in lines:
        assert abs(time.time() - datetime.fromisoformat(line["time"]).timestamp()) < 3600
        assert Decimal(line["spread"]) >= 0
        assert all(Decimal(line[field]).is_finite() for field in ("spot", "change", "change_pct"))
    assert {line["arrow"] for line in lines} == {"up", "down"}


def test_a_client_parses_every_number_as_a_float(common_stack: Stack) -> None:
    """`float(data["spot"])` and arithmetic with it: every number fits a float, and none becomes 0."""

    async def run() -> None:
        async with opened(common_stack) as client:
            await client.send(SUBSCRIBE)
            await client.until(lambda _: client.quotes().keys() == catalogue().keys())
            for quote in client.heard():
                spot, change = float(quote["spot"]), float(quote["change"])
                assert abs(Decimal(spot) - quote["spot"]) <= abs(quote["spot"]) / 10**15
                assert 0 < float(quote["bid"]) <= float(quote["ask"])
                assert float(quote["change_pct"]) == pytest.approx(change / (spot - change) * 100, abs=0.01)
                assert isinstance(quote["change"], int | Decimal)

    asyncio.run(run())


def test_a_client_pings_and_hangs_up_without_a_pong(common_stack: Stack) -> None:
    """`{"event":"ping"}` every 15 s, and a new connection after 30 s without a frame; here a tenth of both."""

    async def run() -> None:
        async with opened(common_stack) as client:
            more: list[dict[str, object]] = [{}, {"timestamp": now_ms()}, {"timestamp": 1718707723.5, "id": "p-3"}]
            for fields in more:
                await client.send({"event": "ping", **fields})
                pong = await client.next(10)
                assert pong["event"] == "pong"
                assert pong.keys() == {"event", "ts", *fields}
                assert all(pong[name] == value for name, value in fields.items())
                await client.listen(1.5)
            assert len(client.frames) == 3

    asyncio.run(run())


def test_a_client_that_subscribes_twice_gets_nothing_twice(common_stack: Stack) -> None:
    """It changes its symbols by another `subscribe`, as after a click, and never unsubscribes."""

    async def run() -> None:
        async with opened(common_stack) as client:
            await client.subscribe("rates")
            await more_ticks(client, 1)
            await client.subscribe("rates", symbols=["BTC_CAD"])
            await more_ticks(client, 2)  # the tick already on its way still had all symbols
            before = len(client.heard())
            await more_ticks(client, 5)
            later = client.heard()[before:]
            assert {quote["symbol"] for quote in later} == {"BTC_CAD"}
            came = Counter(quote["seq"] for quote in later)
            assert max(came.values()) <= 2
            # The snapshot of the minute may fall into these ticks.
            assert sum(count > 1 for count in came.values()) <= 1

    asyncio.run(run())


def test_a_client_sends_its_subscription_twice_in_a_row(common_stack: Stack) -> None:
    """Its `onopen` runs twice, or it sends at once and again when it thinks that it is ready."""

    async def run() -> None:
        async with opened(common_stack) as client:
            await client.send({**SUBSCRIBE, "id": 1})
            await client.send({**SUBSCRIBE, "id": 2})
            await client.until(lambda _: len(client.of("subscribed")) == 2)
            await more_ticks(client)
            await client.send({"event": "subscriptions"})
            state = await client.until(lambda frame: frame["event"] == "subscriptions")
            assert [ack["id"] for ack in client.of("subscribed")] == [1, 2]
            assert state["subscriptions"] == [{"channel": "rates", "symbols": list(catalogue())}]
            assert not client.of("error")

    asyncio.run(run())


def test_a_client_does_not_read_for_a_while(common_stack: Stack) -> None:
    """It is busy drawing. Its frames wait for it, and nobody else waits."""

    async def run() -> None:
        async with opened(common_stack) as slow, opened(common_stack) as other:
            await slow.subscribe("rates")
            await slow.until(lambda _: slow.quotes().keys() == catalogue().keys())
            await other.subscribe("rates", symbols=["BTC_CAD"])
            last = slow.quotes()["BTC_CAD"]["seq"]
            # Its library buffers 16 frames and then stops, so the rest waits in the sockets.
            await other.until(lambda frame: btc_seq(frame) >= last + 5)
            newest = other.quotes()["BTC_CAD"]["seq"]
            assert not any(btc_seq(frame) > last for frame in slow.frames)
            await slow.until(lambda frame: btc_seq(frame) >= newest)
            theirs = {btc_seq(frame) for frame in other.frames}
            assert {seq for seq in theirs if last < seq <= newest} <= {btc_seq(frame) for frame in slow.frames}
            slow.socket.transport.abort()  # its library would wait 10 s for a close frame behind the unread frames

    asyncio.run(run())


def test_a_client_sends_its_message_in_fragments(common_stack: Stack) -> None:
    """A streaming library sends one message in several frames, cut anywhere."""
    text = json.dumps({**SUBSCRIBE, "id": "é🚀"}, ensure_ascii=False)
    hears_quotes(common_stack, lambda client: client.socket.send([text[:1], text[1:9], "", text[9:-2], text[-2:]]))


def test_a_client_sends_unknown_fields_and_pretty_prints(common_stack: Stack) -> None:
    """Its template is for another server: `token`, `depth`, `req_id`, and line breaks."""
    message = {"op": "subscribe", "req_id": 7, "token": None, "depth": 5, **SUBSCRIBE, "symbols": None}
    hears_quotes(common_stack, lambda client: client.socket.send(f"\n{json.dumps(message, indent=2)}\r\n"))


def hears_quotes(stack: Stack, subscribe: Callable[[Client], Any]) -> None:
    """Assert that it gets the acknowledgement, every symbol, and then changes."""

    async def run() -> None:
        async with opened(stack) as client:
            await subscribe(client)
            assert (await client.next())["event"] == "subscribed"
            await client.until(lambda _: client.quotes().keys() == catalogue().keys())
            await more_ticks(client, 1)
            assert not client.of("error")

    asyncio.run(run())


def test_a_client_leaves_without_a_close_frame(common_stack: Stack) -> None:
    """A telephone in a tunnel: its connection is removed, and it returns at once with all prices."""

    def connections() -> int:
        return len(stored(common_stack.table("Connections")))

    async def run() -> None:
        before = await asyncio.to_thread(connections)
        async with opened(common_stack) as client:
            await client.subscribe("rates")
            await more_ticks(client, 1)
            client.socket.transport.abort()
        async with asyncio.timeout(20):
            while await asyncio.to_thread(connections) > before:
                await asyncio.sleep(0.2)
        async with opened(common_stack) as client:
            await client.subscribe("rates")
            await client.until(lambda _: client.quotes().keys() == catalogue().keys())

    asyncio.run(run())


def test_a_client_hangs_up_after_30_s_without_a_frame(
    quiet: Future[tuple[list[int], list[Frame]]],
) -> None:
    """It has a watchdog and a symbol that hardly moves: a heartbeat comes in time."""
    at_ms, _ = quiet.result(2 * QUIET_S)
    began_ms, ended_ms = at_ms[0], at_ms[-1]
    assert ended_ms - began_ms > HEARTBEAT_MS + LATE_MS
    pauses_ms = [after - before for before, after in pairwise(at_ms)]
    print(f"{len(at_ms) - 1} frames, the longest pause {max(pauses_ms)} ms")
    assert max(pauses_ms) <= HEARTBEAT_MS + LATE_MS
    # A heartbeat is due at each half minute, and another frame is unlikely at that moment.
    due = range(began_ms - began_ms % HEARTBEAT_MS + HEARTBEAT_MS, ended_ms - LATE_MS, HEARTBEAT_MS)
    assert all(any(0 <= ms - due_ms <= LATE_MS for ms in at_ms[:-1]) for due_ms in due)
    assert due


def test_a_client_never_subscribes(quiet: Future[tuple[list[int], list[Frame]]]) -> None:
    """It connects and waits, as for servers that send without a subscription. It gets nothing and stays connected."""
    _, silent = quiet.result(2 * QUIET_S)
    assert silent == []
