"""A client brings its token with each connection, and goes on when none can be fetched for a while."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest
from websockets.asyncio.server import ServerConnection

from cadfeed_client import Feed, Link, SyncFeed, machine, tokens
from cadfeed_client.tokens import NoToken, subprotocols_with
from tests.client.servers import eventually, send, serving, steady, welcome


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BACKOFF_BASE_MS", 10)
    monkeypatch.setattr("cadfeed_client.feed.Machine", partial(machine.Machine, draw=lambda _, most: most))


def offered(connection: ServerConnection) -> str:
    assert connection.request
    return connection.request.headers.get("Sec-WebSocket-Protocol", "")


def is_live(feed: Feed) -> bool:
    return feed.state.link is Link.LIVE


async def fetched(token: str) -> str:
    await asyncio.sleep(0)
    return token


@pytest.mark.parametrize("token", ["a.b.c", lambda: "a.b.c", lambda: fetched("a.b.c"), partial(fetched, "a.b.c")])
def test_a_token_is_a_text_or_is_fetched(token: tokens.Token) -> None:
    assert asyncio.run(subprotocols_with(token)) == ["cadfeed", "cadfeed.token.a.b.c"]


@pytest.mark.parametrize("token", [" a.b.c\n", lambda: "a.b.c\r\n"])
def test_white_space_around_a_token_does_not_count(token: tokens.Token) -> None:
    """Files and the output of commands end with a new line."""
    assert asyncio.run(subprotocols_with(token)) == ["cadfeed", "cadfeed.token.a.b.c"]


@pytest.mark.parametrize("token", ["a.b.c\r\nHost: b", "a b", '"a.b.c"', "a,b", "é", " ", lambda: "<html>"])
def test_a_text_of_another_kind_is_not_sent(token: tokens.Token) -> None:
    """In a header a new line would begin another header, and a comma another subprotocol."""
    with pytest.raises(NoToken, match="characters that no token has"):
        asyncio.run(subprotocols_with(token))


def fails() -> str:
    raise OSError("secret address")


async def hangs() -> str:
    await asyncio.sleep(60)
    return "never"


@pytest.mark.parametrize("token", [fails, hangs, lambda: "", lambda: None, lambda: b"a"])
def test_what_gives_no_token_is_said(token: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "FETCH_TIMEOUT_S", 0.05)
    with pytest.raises(NoToken, match="no token could be fetched") as error:
        asyncio.run(subprotocols_with(token))
    assert "secret" not in str(error.value)


def test_each_connection_gets_a_token_of_its_own() -> None:
    """The function runs in a thread, so it may block."""
    seen: list[str] = []
    threads: set[int] = set()

    def token() -> str:
        threads.add(threading.get_ident())
        return f"token{len(seen)}"

    async def session(connection: ServerConnection, number: int) -> None:
        seen.append(offered(connection))
        await welcome(connection)
        if number == 1:
            await send(connection, {"event": "closing", "reason": "token_ends", "reconnect_in_ms": 0, "ts": 1})
        await (connection.wait_closed() if number < 3 else connection.close())

    async def run() -> None:
        async with serving(session, subprotocols=["cadfeed"]) as url, Feed(url, token=token):
            await eventually(lambda: len(seen) == 2)

    asyncio.run(run())
    assert seen == ["cadfeed, cadfeed.token.token0", "cadfeed, cadfeed.token.token1"]
    assert threading.get_ident() not in threads


def test_a_client_tries_again_when_no_token_comes() -> None:
    reasons: list[str] = []
    calls: list[int] = []

    async def token() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise OSError
        return "late"

    async def run() -> None:
        async with serving(steady) as url:
            feed = Feed(url, token=token, on_state=lambda state: reasons.append(state.reason))
            async with feed:
                await eventually(lambda: feed.state.link is Link.LIVE)

    asyncio.run(run())
    assert reasons.count("no token could be fetched: OSError") >= 2
    assert len(calls) == 3


def test_other_subprotocols_are_offered_too() -> None:
    seen: list[str] = []

    async def session(connection: ServerConnection, number: int) -> None:
        seen.append(offered(connection))
        await steady(connection, number)

    async def run() -> None:
        async with serving(session) as url:
            for feed in (Feed(url, token="a"), Feed(url, token="a", subprotocols=["own"]), Feed(url)):
                async with feed:
                    await eventually(partial(is_live, feed))

    asyncio.run(run())
    assert seen == ["cadfeed, cadfeed.token.a", "own, cadfeed, cadfeed.token.a", ""]


def test_a_program_without_asyncio_brings_a_token_too() -> None:
    seen: list[str] = []

    async def session(connection: ServerConnection, number: int) -> None:
        seen.append(offered(connection))
        await steady(connection, number)

    def read(url: str) -> None:
        with SyncFeed(url, token=lambda: "a") as feed:
            next(iter(feed))

    async def run() -> None:
        async with serving(session) as url:
            await asyncio.to_thread(read, url)

    asyncio.run(run())
    assert seen == ["cadfeed, cadfeed.token.a"]
