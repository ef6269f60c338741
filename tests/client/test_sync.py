"""The feed without asyncio: the same quotes and answers, errors that come out, and nothing that is left running."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.asyncio.server import ServerConnection

from cadfeed_client import (
    Change,
    Heard,
    Link,
    PingRequest,
    Pong,
    Quote,
    Refused,
    RequestError,
    State,
    SyncFeed,
    Withdrawn,
)
from tests.client.frames import state, update
from tests.client.servers import DEADLINE_S, SNAPSHOT, Session, asked, send, serving, steady, welcome
from tests.client.test_answers import answers


@contextmanager
def served(session: Session) -> Iterator[str]:
    """The address of a server in a thread of its own. Afterwards no feed is left running."""
    addresses: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def run() -> None:
        async with serving(session) as url:
            addresses.append(url)
            ready.set()
            await asyncio.to_thread(over.wait, DEADLINE_S)

    server = threading.Thread(target=lambda: asyncio.run(run()))
    server.start()
    try:
        assert ready.wait(DEADLINE_S)
        yield addresses[0]
    finally:
        over.set()
        server.join()
    assert feeds() == []


def feeds() -> list[str]:
    """The threads of feeds that are open."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("feed ")]


def until(feed: SyncFeed, seq: int) -> list[Quote]:
    """The quotes up to the one of that tick."""
    quotes = []
    for quote in feed:
        quotes.append(quote)
        if quote.seq == seq:
            break
    return quotes


async def refuses(connection: ServerConnection, _number: int) -> None:
    message = await asked(connection)
    words = {"code": "unknown_symbol", "message": "no such symbol: X", "retryable": False}
    await send(connection, {"event": "error", "id": message["id"], **words})
    await connection.wait_closed()


async def silent(connection: ServerConnection, _number: int) -> None:
    await welcome(connection)
    await connection.wait_closed()


def test_a_loop_gets_each_quote_that_changes() -> None:
    with served(steady) as url, SyncFeed(url, ["BTC_CAD", "ETH_CAD"]) as feed:
        quotes = until(feed, 43)
        assert {quote.symbol for quote in quotes} <= {"BTC_CAD", "ETH_CAD"}
        assert state(feed.book) == {"BTC_CAD": 43, "ETH_CAD": 40}
        assert feed.state == State(Link.LIVE)
        assert until(feed, 43)[-1].seq == 43, "a second loop begins with what is held"
        feed.close()
        assert feed.state == State(Link.CLOSED)
        assert state(feed.book) == {"BTC_CAD": 43, "ETH_CAD": 40}


def test_iterating_alone_opens_and_closes_it() -> None:
    with served(steady) as url:
        feed = SyncFeed(url)
        assert feeds() == []
        for _ in feed:
            assert feeds() == [f"feed {url}"]
            break
        assert feeds() == []
        with pytest.raises(RuntimeError, match="a feed is used once"):
            next(iter(feed))


def test_a_symbol_without_a_price_is_among_the_changes() -> None:
    async def withdraws(connection: ServerConnection, _number: int) -> None:
        await welcome(connection, SNAPSHOT, update(43, 41, unavailable=["ETH_CAD"]))
        await connection.wait_closed()

    changes: list[Change] = []
    with served(withdraws) as url, SyncFeed(url) as feed:
        for change in feed.changes():
            changes.append(change)
            if isinstance(change, Withdrawn):
                break
    assert changes[-1] == Withdrawn("ETH_CAD")


def test_a_book_that_was_taken_changes_no_more() -> None:
    go_on = threading.Event()

    heard = threading.Event()

    def on_heard(what: Heard) -> None:
        if "update" in what.text:
            heard.set()

    async def moves(connection: ServerConnection, _number: int) -> None:
        await welcome(connection)
        await asyncio.to_thread(go_on.wait, DEADLINE_S)
        await send(connection, update(43, 41, unavailable=["BTC_CAD"]))
        await connection.wait_closed()

    with served(moves) as url, SyncFeed(url, on_heard=on_heard) as feed:
        next(iter(feed))
        book = feed.book
        before = state(book)
        go_on.set()
        assert heard.wait(DEADLINE_S)
        assert state(feed.book) == {"BTC_CAD": None, "ETH_CAD": 40}
        assert (state(book), book.seq, book.whole) == (before, 41, True)


def test_requests_are_answered_and_refusals_are_errors() -> None:
    with served(answers) as url, SyncFeed(url) as feed:
        assert feed.request(PingRequest()) == Pong(5)
        assert feed.explain("BTC_CAD").symbol == "BTC_CAD"
        with pytest.raises(RequestError, match="unknown_symbol"):
            feed.explain("X_CAD")


def test_a_feed_that_is_not_open_answers_nothing() -> None:
    with served(steady) as url:
        feed = SyncFeed(url)
        for _ in range(2):
            with pytest.raises(RequestError, match="closed"):
                feed.request(PingRequest())
            feed.close()


def test_a_request_of_a_refused_feed_gets_the_refusal() -> None:
    with served(refuses) as url:
        feed = SyncFeed(url, ["X"])
        feed.__enter__()
        for _ in range(2):  # the second one is made when the feed has ended
            with pytest.raises(RequestError, match="unknown_symbol: no such symbol: X"):
                feed.request(PingRequest())
        with pytest.raises(Refused):
            feed.__exit__(None, None, None)
        with pytest.raises(RequestError, match="unknown_symbol: no such symbol: X"):
            feed.request(PingRequest())


def test_a_refused_subscription_ends_the_loop_and_the_context() -> None:
    with served(refuses) as url:
        with pytest.raises(Refused, match="unknown_symbol"):
            next(iter(SyncFeed(url, ["X"])))
        with pytest.raises(Refused, match="unknown_symbol"), SyncFeed(url, ["X"]) as feed:
            list(feed)
        with pytest.raises(KeyError), SyncFeed(url, ["X"]):
            raise KeyError


def test_an_error_of_a_callback_comes_out() -> None:
    def on_heard(_: Heard) -> None:
        raise ZeroDivisionError

    with served(steady) as url, pytest.raises(ZeroDivisionError):
        list(SyncFeed(url, on_heard=on_heard))


def test_a_callback_that_calls_its_feed_is_told_so() -> None:
    with served(steady) as url:
        feed = SyncFeed(url, on_heard=lambda _: feed.request(PingRequest()))
        with pytest.raises(RuntimeError, match="a callback must not call its feed"):
            list(feed)


def test_closing_ends_who_waits_in_other_threads() -> None:
    ended: list[object] = []

    def iterate(feed: SyncFeed) -> None:
        ended.append([quote.symbol for quote in feed])

    def ask(feed: SyncFeed) -> None:
        try:
            feed.request(PingRequest())
        except RequestError as error:
            ended.append(error.code)

    with served(silent) as url, SyncFeed(url) as feed:
        next(iter(feed))
        threads = [threading.Thread(target=target, args=[feed]) for target in (iterate, ask)]
        for thread in threads:
            thread.start()
        feed.close()
        for thread in threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
    assert "closed" in ended
    assert len(ended) == 2


def test_an_invalid_address_is_refused_at_once() -> None:
    for url in ("https://localhost/", "wss:///markets/ws/", "ws://[::1/"):
        with pytest.raises(ValueError, match="an address begins with wss://"):
            SyncFeed(url)
