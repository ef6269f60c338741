"""The feed over real sockets, against servers that misbehave in every way."""

import asyncio
import hashlib
import re
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from cadfeed_client import (
    Feed,
    Heard,
    HistoryRequest,
    Link,
    Quote,
    Refused,
    RequestError,
    State,
    Withdrawn,
    machine,
)
from tests.client.frames import acknowledged, data, in_parts, quote, snapshot, state, update
from tests.client.servers import ACK, DEADLINE_S, SNAPSHOT, UPDATE, asked, eventually, send, serving, steady, welcome

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # https://www.rfc-editor.org/rfc/rfc6455#section-1.3
Scene = Callable[[str], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BACKOFF_BASE_MS", 10)
    monkeypatch.setattr(machine, "BACKOFF_CAP_MS", 50)
    # A random wait may be zero, which nobody would notice.
    monkeypatch.setattr("cadfeed_client.feed.Machine", partial(machine.Machine, draw=lambda _, most: most))


def play(session: Callable[[ServerConnection, int], Awaitable[object]], scene: Scene, **options: Any) -> None:
    """Run a scene against a server, and assert that it leaves nothing running."""

    async def run() -> None:
        async with serving(session, **options) as url:
            before = asyncio.all_tasks()
            await scene(url)
            left = [task for task in asyncio.all_tasks() - before if "handler" not in repr(task.get_coro())]
            assert not left

    asyncio.run(run())


async def until(feed: Feed, done: Callable[[], bool]) -> list[Quote]:
    """Return the quotes until the condition holds."""
    quotes: list[Quote] = []
    async for each in feed:
        quotes.append(each)
        if done():
            break
    return quotes


def seqs(quotes: list[Quote]) -> list[tuple[str, int]]:
    return [(quote.symbol, quote.seq) for quote in quotes]


def test_each_changed_quote_is_yielded() -> None:
    async def scene(url: str) -> None:
        async with Feed(url, symbols=["BTC_CAD", "ETH_CAD"]) as feed:
            seen = await until(feed, lambda: feed.book.seq == 43 and feed.book.whole)
            assert seqs(seen)[:2] == [("BTC_CAD", 41), ("ETH_CAD", 40)] or seqs(seen)[0] == ("BTC_CAD", 43)
            assert feed.book.quotes["BTC_CAD"].seq == 43
            assert feed.state == State(Link.LIVE)
            assert feed.book.order == ("BTC_CAD", "ETH_CAD")
        assert feed.state.link is Link.CLOSED

    play(steady, scene)


def test_iterating_alone_is_enough_and_leaves_nothing_behind() -> None:
    async def scene(url: str) -> None:
        async for each in Feed(url):
            assert each.symbol == "BTC_CAD"
            break
        # The loop closes an iterator that was left early.
        await eventually(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("feed")])

    play(steady, scene)


def test_a_cut_connection_is_reopened_and_subscribed_again() -> None:
    subscriptions = []

    async def cuts(connection: ServerConnection, number: int) -> None:
        subscriptions.append(await asked(connection))
        await send(connection, ACK, snapshot(40 + number, quote("BTC_CAD", 40 + number)))
        if number == 1:
            connection.transport.abort()
        elif number == 2:
            await connection.close(1012, "restarting")
        await connection.wait_closed()

    async def scene(url: str) -> None:
        states: list[State] = []
        async with Feed(url, symbols=["BTC_CAD"], on_state=states.append) as feed:
            await until(feed, lambda: feed.book.seq == 43)
            await eventually(lambda: feed.state.link is Link.LIVE)
        lost = [state.reason for state in states if state.link is Link.RECONNECTING]
        assert lost == [
            "the connection was cut or no longer answers",
            "the server closed the connection (1012 restarting)",
        ]
        assert [state.link for state in states] == [
            *([Link.LIVE, Link.RECONNECTING, Link.CONNECTING] * 2),
            Link.LIVE,
            Link.CLOSED,
        ]
        expected = {"event": "subscribe", "channel": "rates_compact", "id": 1, "symbols": ["BTC_CAD"]}
        assert subscriptions == [expected] * 3

    play(cuts, scene)


def test_a_feed_that_starts_over_is_believed() -> None:
    async def restarts(connection: ServerConnection, number: int) -> None:
        await welcome(connection, SNAPSHOT if number == 1 else snapshot(2, quote("BTC_CAD", 2)))
        if number == 1:
            await connection.close()
        await connection.wait_closed()

    async def scene(url: str) -> None:
        async with Feed(url) as feed:
            changes = []
            async for change in feed.changes():
                changes.append(change)
                if isinstance(change, Withdrawn):
                    break
            assert changes[-1] == Withdrawn("ETH_CAD", listed=False)
            assert state(feed.book) == {"BTC_CAD": 2}

    play(restarts, scene)


def test_a_silent_connection_is_given_up() -> None:
    async def silent(connection: ServerConnection, number: int) -> None:
        await welcome(connection)
        while number > 1:
            await asyncio.sleep(0.1)
            await send(connection, {"event": "heartbeat", "ts": 1, "seq": 42, "stale": []})
        await connection.wait_closed()

    async def scene(url: str) -> None:
        states: list[State] = []
        async with Feed(url, dead_after_s=0.3, on_state=states.append) as feed:
            await eventually(lambda: states.count(State(Link.LIVE)) == 2)
            reason = next(state.reason for state in states if state.link is Link.RECONNECTING)
            silent = re.fullmatch(r"nothing was heard for (\d+\.?\d*) s", reason)
            assert silent, reason
            assert 0.3 <= float(silent[1]) < DEADLINE_S
            await asyncio.sleep(0.5)  # it gets heartbeats now, for longer than its limit of silence
            assert feed.state.link is Link.LIVE

    play(silent, scene)


def test_a_server_of_rates_needs_no_heartbeats() -> None:
    async def plain(connection: ServerConnection, number: int) -> None:
        assert number == 1
        await asked(connection)
        await send(connection, data("BTC_CAD", None, "1.5"))
        await asyncio.sleep(0.4)
        await send(connection, data("BTC_CAD", None, "1.75"))
        await connection.wait_closed()

    async def scene(url: str) -> None:
        async with Feed(url, channel="rates", dead_after_s=0.2) as feed:
            seen = await until(feed, lambda: str(feed.book.quotes["BTC_CAD"].spot).startswith("1.75"))
            assert [str(quote.spot)[:4] for quote in seen] == ["1.50", "1.75"]

    play(plain, scene)


def test_duplicates_and_frames_out_of_order_change_nothing() -> None:
    async def doubles(connection: ServerConnection, _: int) -> None:
        later = update(44, 43, quote("ETH_CAD", 44))
        await welcome(connection, SNAPSHOT, later, UPDATE, SNAPSHOT, UPDATE, later, update(45, 44, quote("X_CAD", 45)))
        await connection.wait_closed()

    async def scene(url: str) -> None:
        async with Feed(url) as feed:
            seen = await until(feed, lambda: "X_CAD" in feed.book.quotes)
            assert len(seqs(seen)) == len(set(seqs(seen)))
            assert state(feed.book) == {"BTC_CAD": 43, "ETH_CAD": 44, "X_CAD": 45}

    play(doubles, scene)


def test_a_gap_asks_for_one_snapshot_and_shows_until_closed() -> None:
    questions = []

    async def loses(connection: ServerConnection, _: int) -> None:
        await welcome(connection)
        await send(connection, update(45, 43, quote("BTC_CAD", 45)), update(46, 45, quote("BTC_CAD", 46)))
        questions.append(await asked(connection))
        heal = snapshot(46, quote("BTC_CAD", 46), quote("ETH_CAD", 43), quote("X_CAD", 42), id=questions[0]["id"])
        parts = in_parts(heal, [1, 1, 1])
        await send(connection, parts[2], parts[0])
        await asyncio.sleep(0.05)
        await send(connection, parts[1])
        questions.append(await asked(connection))

    async def scene(url: str) -> None:
        states: list[State] = []
        async with Feed(url, on_state=states.append) as feed:
            await until(feed, lambda: "X_CAD" in feed.book.quotes and "ETH_CAD" in feed.book.quotes)
            await eventually(lambda: states[-1].link is Link.LIVE and len(states) > 2)
            assert state(feed.book) == {"BTC_CAD": 46, "ETH_CAD": 43, "X_CAD": 42}
        assert [state.link for state in states] == [Link.LIVE, Link.STALE, Link.LIVE, Link.CLOSED]
        assert questions == [{"event": "snapshot", "channel": "rates_compact", "id": 2}]

    play(loses, scene)


def test_garbage_is_survived() -> None:
    async def babbles(connection: ServerConnection, _: int) -> None:
        await asked(connection)
        batch: dict[str, object] = {"channel": "rates_batch", "event": "snapshot", "seq": 41}
        for nonsense in ("", "{", "[]", "null", '{"event":"tomorrow"}', "NaN", "[" * 100_000, '{"event":{}}', b"\xff"):
            await connection.send(nonsense)
        for wrong in (batch, batch | {"data": 1}, batch | {"data": [{"symbol": "BTC_CAD", "bid": "1"}]}):
            await send(connection, wrong)
        await send(connection, ACK, SNAPSHOT)
        await connection.wait_closed()

    async def scene(url: str) -> None:
        heard: list[Heard] = []
        async with Feed(url, on_heard=heard.append) as feed:
            await until(feed, lambda: len(feed.book.quotes) == 2)
        assert len(heard) == 14
        assert sum(bool(each.message) for each in heard) >= 9

    play(babbles, scene)


def test_the_next_connection_opens_before_the_server_closes_one() -> None:
    closed: dict[int, int | None] = {}
    subscribed_while_open: list[bool] = []

    async def closes(connection: ServerConnection, number: int) -> None:
        await asked(connection)
        subscribed_while_open.append(1 not in closed)
        await send(connection, ACK)
        if number == 1:
            await send(connection, SNAPSHOT, {"event": "closing", "reason": "max_duration", "reconnect_in_ms": 50})
            await asyncio.sleep(0.15)
            # The old one moves on while the new one's snapshot is still on its way.
            await send(connection, UPDATE)
        else:
            await asyncio.sleep(0.3)
            await send(connection, SNAPSHOT)
            await asyncio.sleep(0.1)
            assert 1 not in closed, "it knows less than the first one"
            await send(connection, UPDATE, update(44, 43, quote("ETH_CAD", 44)))
        await connection.wait_closed()
        closed[number] = connection.close_code

    async def scene(url: str) -> None:
        states: list[State] = []
        async with Feed(url, on_state=states.append) as feed:
            seen = await until(feed, lambda: feed.book.quotes["ETH_CAD"].seq == 44)
            await eventually(lambda: 1 in closed)
        assert seqs(seen) in (
            [("BTC_CAD", 41), ("ETH_CAD", 40), ("BTC_CAD", 43), ("ETH_CAD", 44)],
            [("BTC_CAD", 43), ("ETH_CAD", 40), ("ETH_CAD", 44)],
        )
        assert [state.link for state in states] == [Link.LIVE, Link.CLOSED]
        assert subscribed_while_open == [True, True]
        assert closed[1] == 1000

    play(closes, scene)


def test_a_handshake_refused_with_429_is_tried_again() -> None:
    tries = 0

    def busy(connection: ServerConnection, _: Request) -> Response | None:
        nonlocal tries
        tries += 1
        return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "too many\n") if tries < 4 else None

    async def scene(url: str) -> None:
        states: list[State] = []
        async with Feed(url, on_state=states.append) as feed:
            await until(feed, lambda: feed.state.link is Link.LIVE)
        reasons = [state.reason for state in states if state.link is Link.RECONNECTING]
        assert len(reasons) == 3
        for reason in reasons:
            assert reason.endswith(
                "refused the connection with HTTP 429: too many connections, the client tries again later"
            )

    play(steady, scene, process_request=busy)


def test_a_closed_port_is_retried_forever() -> None:
    async def scene(_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"ws://127.0.0.1:{free.getsockname()[1]}/"
        states: list[State] = []
        async with Feed(url, on_state=states.append):
            await eventually(lambda: len(states) > 8)
        assert {state.link for state in states} == {Link.CONNECTING, Link.RECONNECTING, Link.CLOSED}
        assert isinstance(states[0].error, ConnectionRefusedError)

    play(steady, scene)


def test_a_rate_limited_message_is_resent_when_the_server_says() -> None:
    came_ms = []

    async def limits(connection: ServerConnection, _: int) -> None:
        message = await asked(connection)
        came_ms.append(time.monotonic() * 1000)
        words = {"code": "rate_limited", "message": "too fast", "retryable": True, "retry_in_ms": 200}
        await send(connection, {"event": "error", "id": message["id"], **words})
        again = await asked(connection)
        came_ms.append(time.monotonic() * 1000)
        assert (again["event"], again["id"]) == ("subscribe", 2)
        await send(connection, ACK, SNAPSHOT)
        await connection.wait_closed()

    async def scene(url: str) -> None:
        async with Feed(url) as feed:
            await until(feed, lambda: True)
        assert 195 <= came_ms[1] - came_ms[0] < 1_000

    play(limits, scene)


def test_a_lambda_that_failed_is_asked_again() -> None:
    async def fails(connection: ServerConnection, _: int) -> None:
        await asked(connection)
        await send(connection, {"message": "Internal server error", "connectionId": "a=", "requestId": "b="})
        await welcome(connection)
        await connection.wait_closed()

    async def scene(url: str) -> None:
        async with Feed(url) as feed:
            await until(feed, lambda: True)

    play(fails, scene)


async def refuses(connection: ServerConnection, _: int) -> None:
    message = await asked(connection)
    words = {"code": "unknown_symbol", "message": "no such symbol: FOO_CAD", "retryable": False}
    await send(connection, {"event": "error", "id": message["id"], **words})
    await connection.wait_closed()


def test_a_refused_subscription_is_an_error() -> None:
    async def scene(url: str) -> None:
        with pytest.raises(Refused, match="unknown_symbol: no such symbol: FOO_CAD") as refused:
            async for _ in Feed(url, symbols=["FOO_CAD"]):
                pass
        assert refused.value.code == "unknown_symbol"
        with pytest.raises(Refused):
            async with Feed(url, symbols=["FOO_CAD"]) as feed:
                await feed.wait_closed()

    play(refuses, scene)


def test_a_request_of_a_refused_feed_gets_the_refusal() -> None:
    async def scene(url: str) -> None:
        feed = Feed(url, symbols=["FOO_CAD"])
        await feed.__aenter__()
        for _ in range(2):  # the second one is made when the feed has ended
            with pytest.raises(RequestError, match="unknown_symbol: no such symbol: FOO_CAD"):
                await feed.request(HistoryRequest("BTC_CAD", "1m"))
            assert feed.state == State(Link.CLOSED, "the server says: no such symbol: FOO_CAD")
            assert isinstance(feed.state.error, Refused)
        with pytest.raises(Refused):
            await feed.__aexit__(None, None, None)

    play(refuses, scene)


def test_an_error_in_a_callback_ends_the_feed_and_is_raised() -> None:
    class Enough(Exception):
        pass

    def raises(_: object) -> None:
        raise Enough

    async def scene(url: str) -> None:
        for callback in ("on_state", "on_heard"):
            with pytest.raises(Enough):
                async for _ in Feed(url, **{callback: raises}):  # type: ignore[arg-type]
                    pass

    play(steady, scene)


def test_a_server_that_ignores_the_close_delays_nobody_for_long() -> None:
    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept the handshake, send one snapshot, and then only read."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accept = b64encode(hashlib.sha1(f"{key}{MAGIC}".encode()).digest()).decode()  # noqa: S324 - RFC 6455
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        text = b'{"channel":"rates_batch","event":"update","seq":1,"prev_seq":0,"data":[]}'
        writer.write(bytes([0x81, len(text)]) + text)
        try:
            while await reader.read(1024):
                pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(listens, "127.0.0.1", 0)
        async with server, asyncio.timeout(DEADLINE_S):
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            feed = Feed(url)
            async with feed:
                await eventually(lambda: feed.state.link is Link.LIVE)
                began = time.monotonic()
            assert time.monotonic() - began < DEADLINE_S / 2
            assert [task for task in asyncio.all_tasks() if task.get_name().startswith(("feed", "connection"))] == []

    asyncio.run(run())


def test_a_slow_consumer_gets_the_newest_of_each_symbol() -> None:
    async def fast(connection: ServerConnection, _: int) -> None:
        await welcome(connection)
        for seq in range(42, 2_042):
            await send(connection, update(seq, seq - 1, quote("BTC_CAD", seq)))
        await connection.wait_closed()

    async def scene(url: str) -> None:
        async with Feed(url) as feed:
            changes = feed.changes()
            seen = [await anext(changes)]
            await eventually(lambda: feed.book.seq == 2_041)
            (waiting,) = feed._consumers
            assert len(waiting) <= 2
            seen += [await anext(changes) for _ in range(len(waiting))]
            assert len(seen) <= 3
            assert {change.symbol: change.seq for change in seen if isinstance(change, Quote)} == {
                "ETH_CAD": 40,
                "BTC_CAD": 2_041,
            }
            await changes.aclose()
            assert feed._consumers == []

    play(fast, scene)


def test_withdrawn_symbols_are_among_the_changes() -> None:
    async def withdraws(connection: ServerConnection, _: int) -> None:
        await welcome(connection, SNAPSHOT, update(42, 41, unavailable=["ETH_CAD"]), snapshot(43))
        await connection.wait_closed()

    async def scene(url: str) -> None:
        async with Feed(url) as feed:
            gone: set[str] = set()
            async for change in feed.changes():
                if isinstance(change, Withdrawn):
                    gone.add(change.symbol)
                if len(gone) == 2:
                    break
            assert state(feed.book) == {}

    play(withdraws, scene)


@pytest.mark.parametrize("after_s", [0, 0.001, 0.005, 0.02, 0.1])
def test_a_feed_can_be_cancelled_at_any_moment(after_s: float) -> None:
    async def scene(url: str) -> None:
        async def consume() -> None:
            async with Feed(url) as feed:
                async for _ in feed:
                    pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(steady, scene)


def test_closing_ends_the_iteration_of_every_consumer() -> None:
    async def scene(url: str) -> None:
        feed = Feed(url)

        async def consume(items: AsyncIterator[object]) -> int:
            return len([item async for item in items])

        async with feed:
            consumers = [asyncio.create_task(consume(items)) for items in (aiter(feed), feed.changes())]
            await eventually(lambda: feed.book.seq == 43)
            await asyncio.sleep(0.02)
            await feed.aclose()
            assert min(await asyncio.gather(*consumers)) >= 2
        await feed.aclose()
        assert [quote async for quote in feed] == list(feed.book.quotes.values())

    play(steady, scene)


def test_symbols_are_a_list_of_names() -> None:
    wrong: list[list[str] | str] = [[], "BTC_CAD"]
    for symbols in wrong:
        with pytest.raises(ValueError, match="symbols"):
            Feed("ws://127.0.0.1/", symbols=symbols)


def test_rejected_symbols_are_reported() -> None:
    async def rejects(connection: ServerConnection, _: int) -> None:
        await asked(connection)
        rejected = [{"symbol": "FOO_CAD", "code": "unknown_symbol", "message": "no such symbol"}]
        await send(connection, acknowledged("BTC_CAD", rejected=rejected), SNAPSHOT)
        await connection.wait_closed()

    async def scene(url: str) -> None:
        heard: list[Heard] = []
        async with Feed(url, on_heard=heard.append) as feed:
            await until(feed, lambda: True)
        assert heard[0].message == "not served: FOO_CAD (unknown_symbol)"

    play(rejects, scene)
