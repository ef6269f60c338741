"""Prices over HTTP while no socket can be opened, and back again: without sockets, and with a server that refuses."""

import asyncio
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cadfeed_client import Feed, Link, Quote, SyncFeed, Withdrawn
from cadfeed_client.fetching import MOST_BYTES, fetched
from cadfeed_client.machine import Fetch, Heard, Machine
from cadfeed_client.polling import MOST_POLL_MS, POLL_AFTER_MS, POLL_FAILED_MS, Document, documents_address
from cadfeed_client.requests import Subscription
from shared.model.wire import dumps
from tests.client.frames import Frame, acknowledged, quote, snapshot, state
from tests.client.test_machine import Stage

LATE = Document(dumps({"status": 503, "code": "late"}), 0)


def document(seq: int, *quotes: Frame, kept_s: int = 5, **fields: object) -> Document:
    return Document(dumps({"seq": seq, "ts": seq * 1000, "data": quotes, "unavailable": []} | fields), kept_s)


class Polled(Stage):
    """A machine that may ask for the document. No socket can be opened, and it has asked for the first time."""

    def __init__(self, **subscription: object) -> None:
        super().__init__()
        self.machine = Machine(Subscription(**subscription), polls=True, draw=lambda _, most: most)  # type: ignore[arg-type]
        self.did = self.machine.start(0)
        self.lose(1)
        self.at(POLL_AFTER_MS)
        assert self.fetches == 1

    @property
    def word(self) -> str:
        return str(self.link)

    @property
    def fetches(self) -> int:
        return sum(isinstance(action, Fetch) for action in self.did)

    def answer(self, said: Document | None) -> None:
        self.did = self.machine.fetched(said, self.now_ms)

    def fails_until(self, now_ms: int) -> int:
        """Let time pass while no socket can be opened; return how often the document was asked for."""
        fetches = 0
        while (due_ms := self.machine.due_ms()) is not None and due_ms <= now_ms:
            self.now_ms = due_ms
            self.did = self.machine.tick(due_ms)
            fetches += self.fetches
            if self.fetches:
                self.answer(document(50 + fetches, quote("BTC_CAD", 50 + fetches)))
            if main := self.machine._main:
                self.lose(main.number)
        self.now_ms = now_ms
        return fetches


def test_the_document_lies_beside_the_socket() -> None:
    assert documents_address("wss://example.com/markets/ws/") == "https://example.com/markets/rates.json"
    assert documents_address("ws://localhost:8000/markets/ws") == "http://localhost:8000/markets/rates.json"
    assert documents_address("wss://example.com/other/ws/?x=1") == "https://example.com/other/rates.json"
    assert documents_address("wss://example.com/prod") is None
    assert documents_address("wss://ws") is None


def test_within_three_seconds_the_document_replaces_a_socket() -> None:
    stage = Polled()
    assert stage.word != "polling"
    stage.answer(document(41, quote("BTC_CAD", 41), quote("ETH_CAD", 40)))
    assert stage.word == "polling"
    assert state(stage.machine.book) == {"BTC_CAD": 41, "ETH_CAD": 40}
    assert [type(change) for change in stage.changes()] == [Quote, Quote]
    stage.at(stage.now_ms + 5_000)
    assert stage.fetches == 1
    stage.answer(document(42, quote("BTC_CAD", 42)))
    assert {type(change) for change in stage.changes()} == {Quote, Withdrawn}


def test_a_socket_that_opens_again_takes_over() -> None:
    stage = Polled()
    stage.answer(document(41, quote("BTC_CAD", 41)))
    number = stage.machine._number
    stage.opened(number)
    assert stage.word == "polling"
    stage.hear(number, acknowledged("BTC_CAD"), snapshot(42, quote("BTC_CAD", 42)))
    assert stage.word == "live"
    assert stage.machine._polling.due_ms is None
    stage.lose(number)
    assert stage.word == "reconnecting"


def test_an_answer_that_comes_after_the_socket_changes_nothing() -> None:
    stage = Polled()
    number = stage.machine._number
    stage.opened(number)
    stage.hear(number, acknowledged("BTC_CAD"), snapshot(42, quote("BTC_CAD", 42)))
    stage.answer(document(43, quote("BTC_CAD", 43)))
    assert (stage.link, stage.changes()) == (Link.LIVE, [])
    assert state(stage.machine.book) == {"BTC_CAD": 42}


def test_a_cache_that_is_behind_takes_nothing_back() -> None:
    stage = Polled()
    stage.answer(document(41, quote("BTC_CAD", 41)))
    stage.at(stage.now_ms + 5_000)
    stage.answer(document(40, quote("BTC_CAD", 40)))
    assert (stage.changes(), state(stage.machine.book)) == ([], {"BTC_CAD": 41})


def test_a_feed_that_starts_over_is_believed_by_its_time() -> None:
    stage = Polled()
    stage.answer(document(41, quote("BTC_CAD", 41)))
    stage.at(stage.now_ms + 5_000)
    stage.answer(document(2, quote("BTC_CAD", 2), ts=42_000))
    assert (stage.word, state(stage.machine.book)) == ("polling", {"BTC_CAD": 2})


def test_a_socket_that_breaks_during_a_fetch_makes_nothing_spin() -> None:
    stage = Polled()  # the document has not come yet
    number = stage.machine._number
    stage.opened(number)
    stage.hear(number, acknowledged("BTC_CAD"), snapshot(42, quote("BTC_CAD", 42)))
    stage.lose(number)
    stage.now_ms += 60_000
    stage.did = stage.machine.tick(stage.now_ms)
    assert stage.machine._polling.due_ms is None
    stage.answer(document(43, quote("BTC_CAD", 43)))
    assert stage.word == "polling"


@pytest.mark.parametrize(
    "text", ["", "[]", "<html>", '{"seq": 1}', '{"seq": "x", "data": []}', '{"code": "unavailable"}']
)
def test_what_cannot_be_read_is_asked_for_again_later(text: str) -> None:
    stage = Polled()
    stage.answer(Document(text, 0))
    assert stage.link in (Link.CONNECTING, Link.RECONNECTING)
    assert stage.machine._polling.due_ms == stage.now_ms + 2 * POLL_FAILED_MS


def test_a_feed_that_is_late_says_so() -> None:
    stage = Polled()
    stage.answer(LATE)
    assert stage.word != "late"  # nothing was shown that could be late
    stage.at(stage.now_ms + 20_000)
    stage.answer(document(41, quote("BTC_CAD", 41)))
    stage.at(stage.now_ms + 5_000)
    stage.answer(LATE)
    assert stage.word == "late"
    stage.at(stage.now_ms + 5_000)
    stage.answer(document(42, quote("BTC_CAD", 42)))
    assert stage.word == "polling"


def test_the_pace_is_that_of_the_caches_or_slower() -> None:
    for kept_s, every_s, wait_ms in (
        (5, None, 5_000),
        (0, None, 1_000),
        (9_999, None, MOST_POLL_MS),
        (5, 300, 300_000),
    ):
        stage = Polled(every_s=every_s)
        stage.answer(document(41, quote("BTC_CAD", 41), kept_s=kept_s))
        assert stage.machine._polling.due_ms == stage.now_ms + wait_ms


def test_hours_without_a_socket_cost_one_question_per_tick() -> None:
    stage = Polled()
    stage.answer(document(50, quote("BTC_CAD", 50)))
    assert stage.fails_until(stage.now_ms + 3_600_000) == 720


def test_only_what_was_asked_for_is_shown() -> None:
    stage = Polled(symbols=("ETH_CAD", "SHIB_CAD", "NONE_CAD"))
    stage.answer(document(41, quote("BTC_CAD", 41), quote("ETH_CAD", 40), unavailable=["SHIB_CAD", "XMR_CAD"]))
    book = stage.machine.book
    assert state(book) == {"ETH_CAD": 40, "SHIB_CAD": None}
    assert book.rejected == ("NONE_CAD",)
    assert book.order == ("ETH_CAD", "SHIB_CAD")


def test_a_machine_that_may_not_never_asks() -> None:
    stage = Stage()
    stage.lose(1)
    stage.at(20_000)
    assert not any(isinstance(action, Fetch) for action in stage.did)


@contextmanager
def refusing(body: bytes, status: int = 200, **headers: str) -> Iterator[str]:
    """A server that answers everything, also a WebSocket's handshake, with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_document = self.path == "/markets/rates.json"
            self.send_response(status if is_document else 503)
            for name, value in (headers if is_document else {}).items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body) if is_document else 0))
            self.end_headers()
            if is_document:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}/markets/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(address: str) -> Document | None:
    return asyncio.run(fetched(address, None, None))


def test_an_answer_is_read_with_the_time_that_caches_keep_it() -> None:
    text = document(41, quote("BTC_CAD", 41)).text
    kept = "public, max-age=5, must-revalidate"
    with refusing(gzip.compress(text.encode()), Content_Encoding="gzip", Cache_Control=kept, Age="2") as folder:
        assert fetch(f"http://{folder}rates.json") == Document(text, 3)
    with refusing(LATE.text.encode(), 503) as folder:
        assert fetch(f"http://{folder}rates.json") == LATE
    assert fetch(f"http://{folder}rates.json") is None


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"\xff\xfe", "identity"),
        (b"no", "gzip"),
        (gzip.compress(b"x")[:-4], "gzip"),
        (gzip.compress(b"x" * 50)[:12] + b"\xff" * 20, "gzip"),
        (gzip.compress(bytes(10 * MOST_BYTES)), "gzip"),
    ],
    ids=["not a text", "not compressed", "cut", "broken", "a bomb"],
)
def test_a_body_that_cannot_be_read_is_left_out(body: bytes, encoding: str) -> None:
    with refusing(body, Content_Encoding=encoding) as folder:
        assert fetch(f"http://{folder}rates.json") is None


def test_an_answer_that_comes_in_drops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's own limit is for each of its pieces."""
    monkeypatch.setattr("cadfeed_client.fetching.TIMEOUT_S", 0.3)

    async def run() -> None:
        async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _drop in range(20):
                writer.write(b" ")
                await asyncio.sleep(0.1)
            writer.close()

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            assert await fetched(f"http://127.0.0.1:{port}/markets/rates.json", None, None) is None

    asyncio.run(run())


def test_a_loop_gets_the_prices_although_every_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadfeed_client.polling.POLL_AFTER_MS", 50)
    text = document(41, quote("BTC_CAD", 41, "97000.25")).text
    with refusing(text.encode()) as folder:
        links: list[str] = []
        with SyncFeed(f"ws://{folder}ws/", on_state=lambda now: links.append(now.link)) as feed:
            first = next(iter(feed))
            assert (first.symbol, first.spot) == ("BTC_CAD", Decimal("97000.25"))
            assert feed.state.reason
        assert "polling" in links


def test_a_program_that_wants_none_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadfeed_client.polling.POLL_AFTER_MS", 50)

    async def run(url: str) -> None:
        heard: list[Heard] = []
        async with Feed(url, polls=False, on_heard=heard.append) as feed:
            await asyncio.sleep(0.5)
            assert feed.state.link in (Link.CONNECTING, Link.RECONNECTING)
            assert heard == []

    with refusing(document(41, quote("BTC_CAD", 41)).text.encode()) as folder:
        asyncio.run(run(f"ws://{folder}ws/"))
