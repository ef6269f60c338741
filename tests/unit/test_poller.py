"""One polite request at a time: what is asked and how, what is refused, how long a failing upstream is left alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.sources import bank_of_canada, binance, er_api, kraken
from shared.sources import upstream as pollers
from shared.sources.upstream import Answer, Poller, Source, SourceUnavailable
from shared.values import Ticker
from tools.exchange.faults import parse_faults
from tools.exchange.server import Exchange, exchange_in_thread
from tools.exchange.simulated import SimulatedMarket

NOW_MS = 1_767_225_600_000
TIMEOUT_S = 5.0
MODULES = {"binance": binance, "kraken": kraken, "bank_of_canada": bank_of_canada, "er_api": er_api}
EVERY = pytest.mark.parametrize("name", MODULES)


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=lambda: NOW_MS) as exchange:
        yield exchange


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    running.set_faults({})
    running.requests_since_reset.clear()
    return running


def poller(exchange: Exchange, name: str) -> Poller:
    return Poller(MODULES[name].source(), exchange.url)


def failing(exchange: Exchange, name: str, **fault: object) -> None:
    exchange.set_faults(parse_faults({name: fault}))


def rest_s(asked: Poller, match: str | None = None) -> float:
    """Poll in vain, and see for how many seconds the source is left alone."""
    with pytest.raises(SourceUnavailable, match=match):
        asked.poll(NOW_MS, TIMEOUT_S)
    waits = [0, 1, 2, 4, 7, 8, 16, 30, 32, 60, 90, 120, 600, 3_600, 259_200]
    return next(s for s in waits if asked.due(NOW_MS + s * 1000) and not (s and asked.due(NOW_MS + s * 1000 - 1)))


@contextmanager
def server(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An upstream of its own, for what the exchange does not do."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()
            thread.join()


def respond(status: int, body: bytes = b"{}", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return write


@EVERY
def test_one_poll_is_one_request_and_its_tickers_say_that_they_are_simulated(exchange: Exchange, name: str) -> None:
    tickers = poller(exchange, name).poll(NOW_MS, TIMEOUT_S)
    assert {(ticker.source, ticker.simulated) for ticker in tickers} == {(name, True)}
    assert exchange.requests_since_reset == {name: 1}


@EVERY
def test_a_source_is_due_again_at_its_own_pace(exchange: Exchange, name: str) -> None:
    asked = poller(exchange, name)
    assert asked.due(0)
    asked.poll(NOW_MS, TIMEOUT_S)
    pace_ms = MODULES[name].source().poll_every_ms
    assert asked.due(NOW_MS + pace_ms)
    assert not asked.due(NOW_MS + pace_ms - 1)


@EVERY
@pytest.mark.parametrize("fault", ["cut", "garbage", "empty", "bad_json"])
def test_a_broken_answer_is_unavailable_for_a_second(exchange: Exchange, name: str, fault: str) -> None:
    failing(exchange, name, **{fault: True})
    assert rest_s(poller(exchange, name)) == 1


@EVERY
def test_a_connection_that_is_refused_is_unavailable(exchange: Exchange, name: str) -> None:  # noqa: ARG001
    with server(respond(200)) as url:
        pass
    with pytest.raises(SourceUnavailable, match="no whole answer"):
        Poller(MODULES[name].source(), url).poll(NOW_MS, TIMEOUT_S)


@EVERY
def test_an_upstream_that_hangs_is_given_up_after_the_time_limit(exchange: Exchange, name: str) -> None:
    failing(exchange, name, hang=True)
    with pytest.raises(SourceUnavailable, match="no whole answer"):
        poller(exchange, name).poll(NOW_MS, 0.05)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"status": 500}, 1),
        ({"status": 503, "retry_after": 30}, 30),
        ({"status": 429, "retry_after": 7}, 7),
        ({"status": 429, "retry_after": 0}, 1),
        ({"status": 429}, 1),
        ({"status": 403}, 120),
        ({"status": 418}, 120),
        ({"status": 451}, 120),
        ({"status": 418, "retry_after": 600}, 600),
        ({"status": 418, "retry_after": 3_600_000}, 259_200),
    ],
)
def test_an_upstream_is_left_alone_for_as_long_as_it_asks(
    exchange: Exchange, fault: dict[str, object], seconds: int
) -> None:
    failing(exchange, "binance", **fault)
    assert rest_s(poller(exchange, "binance"), match=f"HTTP {fault['status']}") == seconds


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (formatdate(NOW_MS / 1000 + 90, usegmt=True), 90),
        (formatdate(NOW_MS / 1000 - 90, usegmt=True), 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 259_200),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", 120),
        ("9" * 5_000, 120),
        ("-5", 120),
        ("soon", 120),
    ],
)
def test_a_retry_after_of_any_form_is_a_time_of_at_most_three_days(retry_after: str, seconds: int) -> None:
    with server(respond(418, Retry_After=retry_after)) as url:
        assert rest_s(Poller(kraken.source(), url)) == seconds


def test_each_failure_doubles_the_rest_up_to_a_minute_and_a_success_ends_it(exchange: Exchange) -> None:
    asked = poller(exchange, "kraken")
    failing(exchange, "kraken", status=500)
    assert [rest_s(asked) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    exchange.set_faults({})
    asked.poll(NOW_MS, TIMEOUT_S)
    failing(exchange, "kraken", status=500)
    assert rest_s(asked) == 1


def test_an_unknown_symbol_makes_the_next_request_list_all_markets_again() -> None:
    queries: list[dict[str, list[str]]] = []
    row = (
        b'{"symbol":"BTCUSDT","bidPrice":"1","askPrice":"2","lastPrice":"1","openPrice":"1","count":1,"closeTime":%d}'
        % NOW_MS
    )

    def binance_of_two_minds(request: BaseHTTPRequestHandler) -> None:
        queries.append(parse_qs(urlsplit(request.path).query))
        if "symbols" in queries[-1]:
            respond(400, b'{"code":-1121,"msg":"Invalid symbol."}')(request)
        else:
            respond(200, b"[" + row + b"]")(request)

    with server(binance_of_two_minds) as url:
        asked = Poller(binance.source(), url)
        asked.poll(NOW_MS, TIMEOUT_S)
        with pytest.raises(SourceUnavailable, match="HTTP 400"):
            asked.poll(NOW_MS, TIMEOUT_S)
        asked.poll(NOW_MS, TIMEOUT_S)
    everything = {"type": ["FULL"], "symbolStatus": ["TRADING"]}
    assert queries == [everything, everything | {"symbols": ['["BTCUSDT"]']}, everything]


def test_the_second_request_to_binance_weighs_half_of_the_first(exchange: Exchange) -> None:
    asked = poller(exchange, "binance")
    used = exchange.meter.used
    first = asked.poll(NOW_MS, TIMEOUT_S)
    assert exchange.meter.used == used + 80
    second = asked.poll(NOW_MS, TIMEOUT_S)
    assert exchange.meter.used == used + 80 + 40
    assert {ticker.market for ticker in first} == {ticker.market for ticker in second}


def test_the_feed_says_who_asks_and_at_which_path() -> None:
    asked: list[tuple[str, str | None]] = []

    def note(request: BaseHTTPRequestHandler) -> None:
        asked.append((request.path, request.headers["User-Agent"]))
        respond(200)(request)

    with server(note) as url, pytest.raises(SourceUnavailable):
        Poller(kraken.source(), url + "/").poll(NOW_MS, TIMEOUT_S)
    assert asked == [("/0/public/Ticker?pair=USDCAD", pollers.USER_AGENT)]
    assert pollers.USER_AGENT.startswith("cadfeed/")


def test_a_redirect_is_not_followed() -> None:
    paths: list[str] = []

    def redirect(request: BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        respond(302, b"{}", Location="/elsewhere")(request)

    with server(redirect) as url, pytest.raises(SourceUnavailable, match="HTTP 302"):
        Poller(er_api.source(), url).poll(NOW_MS, TIMEOUT_S)
    assert paths == ["/v6/latest/USD"]


def test_an_answer_beyond_any_real_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pollers, "MAX_BODY_BYTES", 100_000)
    sound = b'{"result":"success","time_last_update_unix":1704412951,"rates":{"CAD":1.3}%s}'
    source = er_api.source()
    too_long = sound % (b" " * 200_000)
    with server(respond(200, too_long)) as url, pytest.raises(SourceUnavailable, match="more than 100000 bytes"):
        Poller(source, url).poll(NOW_MS, TIMEOUT_S)
    with server(respond(200, sound % (b" " * 90_000))) as url:
        assert Poller(source, url).poll(NOW_MS, TIMEOUT_S)


@pytest.mark.parametrize("body", [b"[1e99999999999999999999]", b"[" * 100_000, b"\xff\xfe", b"", b'{"result":NaN}'])
def test_a_body_that_no_reader_takes_is_unavailable(body: bytes) -> None:
    source = Source("any", "", "/", dict, lambda _answer: [])
    with server(respond(200, body)) as url, pytest.raises(SourceUnavailable, match="not JSON"):
        Poller(source, url).poll(NOW_MS, TIMEOUT_S)
    with server(respond(502, body)) as url, pytest.raises(SourceUnavailable, match="HTTP 502"):
        Poller(source, url).poll(NOW_MS, TIMEOUT_S)


def test_a_market_without_the_header_is_not_simulated() -> None:
    body = b'{"result":"success","time_last_update_unix":1704412951,"rates":{"CAD":1.3}}'
    with server(respond(200, body)) as url:
        assert [ticker.simulated for ticker in Poller(er_api.source(), url).poll(NOW_MS, TIMEOUT_S)] == [False]


@pytest.mark.parametrize("error", [KeyError("CAD"), TypeError("unhashable"), ArithmeticError("overflow")])
def test_a_parser_that_stumbles_costs_its_own_source_and_no_more(exchange: Exchange, error: Exception) -> None:
    def stumble(_: Answer) -> list[Ticker]:
        raise error

    asked = Poller(replace(kraken.source(), parse=stumble), exchange.url)
    assert rest_s(asked, match="could not be read") == 1
