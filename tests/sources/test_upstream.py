"""One polite request at a time: its form, refused answers, and the pauses of a failing upstream."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.model.values import SourceState, Ticker
from shared.sources import bank_of_canada, binance, er_api, http_get, kraken
from shared.sources import upstream as pollers
from shared.sources.circuit import FIRST_PACE_MS
from shared.sources.upstream import Answer, Poller, Source, SourceUnavailable
from tools.simulator.faults import parse_faults
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

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


def poller_of(source: Source, url: str) -> Poller:
    """Return a poller without jitter."""
    return Poller(source, url, random=lambda: 0.5)


def poller(exchange: Exchange, name: str) -> Poller:
    return poller_of(MODULES[name].source(), exchange.url)


def failing(exchange: Exchange, name: str, **fault: object) -> None:
    exchange.set_faults(parse_faults({name: fault}))


def poll(asked: Poller, now_ms: int = NOW_MS) -> list[Ticker]:
    """Make one request and settle its outcome."""
    try:
        tickers = asked.ask(now_ms, TIMEOUT_S)
    except SourceUnavailable as error:
        asked.failed(error, now_ms)
        raise
    asked.succeeded(tickers, now_ms)
    return tickers


def rest_s(asked: Poller, match: str | None = None) -> float:
    """Make a poll fail and return the seconds of the pause after it."""
    with pytest.raises(SourceUnavailable, match=match):
        poll(asked)
    retry_ms = asked.state.retry_ms
    assert asked.due(retry_ms)
    assert not asked.due(retry_ms - 1)
    return (retry_ms - NOW_MS) / 1000


@contextmanager
def server(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Run an upstream for faults that the exchange lacks."""

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
def test_a_poll_is_one_request_with_simulated_tickers(exchange: Exchange, name: str) -> None:
    tickers = poller(exchange, name).ask(NOW_MS, TIMEOUT_S)
    assert {(ticker.source, ticker.simulated) for ticker in tickers} == {(name, True)}
    assert exchange.requests_since_reset == {name: 1}


@EVERY
def test_a_source_is_due_again_at_its_own_pace(exchange: Exchange, name: str) -> None:
    asked = poller(exchange, name)
    assert asked.due(0)
    poll(asked)
    # A source that is due slightly later is asked in this tick already.
    rest_ms = max(0, MODULES[name].source().poll_every_ms - pollers.PACE_SLACK_MS)
    assert asked.due(NOW_MS + rest_ms)
    assert not asked.due(NOW_MS + rest_ms - 1)
    assert (asked.state.ok_ms, asked.state.error, asked.state.retry_ms) == (NOW_MS, "", 0)


@EVERY
@pytest.mark.parametrize("fault", ["cut", "garbage", "empty", "bad_json"])
def test_a_broken_answer_pauses_for_a_second_or_the_pace(exchange: Exchange, name: str, fault: str) -> None:
    failing(exchange, name, **{fault: True})
    pace_ms = max(0, MODULES[name].source().poll_every_ms - pollers.PACE_SLACK_MS)
    answered_before = poller(exchange, name)
    answered_before.resume(SourceState(ok_ms=NOW_MS - 1), NOW_MS)
    assert rest_s(answered_before) == max(1_000, min(pace_ms, FIRST_PACE_MS)) / 1000
    assert rest_s(poller(exchange, name)) == 1


@EVERY
def test_a_connection_that_is_refused_is_unavailable(exchange: Exchange, name: str) -> None:  # noqa: ARG001
    with server(respond(200)) as url:
        pass
    with pytest.raises(SourceUnavailable, match="no whole answer"):
        Poller(MODULES[name].source(), url).ask(NOW_MS, TIMEOUT_S)


@EVERY
def test_a_hanging_upstream_is_given_up_after_the_time_limit(exchange: Exchange, name: str) -> None:
    failing(exchange, name, hang=True)
    with pytest.raises(SourceUnavailable, match="no whole answer"):
        poller(exchange, name).ask(NOW_MS, 0.05)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"status": 500}, 1),
        ({"status": 503, "retry_after": 30}, 30),
        ({"status": 429, "retry_after": 7}, 7),
        ({"status": 429, "retry_after": 0}, 1),
        ({"status": 429}, 60),
        ({"status": 503, "retry_after": 7_200}, 3_600),
        ({"status": 429, "retry_after": 7_200}, 7_200),
        ({"status": 403}, 120),
        ({"status": 418}, 120),
        ({"status": 451}, 120),
        ({"status": 418, "retry_after": 600}, 600),
        ({"status": 451, "retry_after": 7}, 7),
        ({"status": 418, "retry_after": 3_600_000}, 259_200),
    ],
)
def test_an_upstream_gets_the_pause_it_asks_for(exchange: Exchange, fault: dict[str, object], seconds: int) -> None:
    failing(exchange, "binance", **fault)
    assert rest_s(poller(exchange, "binance"), match=f"HTTP {fault['status']}") == seconds


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (formatdate(NOW_MS / 1000 + 90, usegmt=True), 90),
        (formatdate(NOW_MS / 1000 - 90, usegmt=True), 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 259_200),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", 60),
        ("9" * 5_000, 60),
        ("-5", 60),
        ("soon", 60),
    ],
)
def test_any_retry_after_is_at_most_three_days(retry_after: str, seconds: int) -> None:
    with server(respond(429, Retry_After=retry_after)) as url:
        assert rest_s(poller_of(kraken.source(), url)) == seconds


def test_failures_double_the_pause_and_a_success_ends_it(exchange: Exchange) -> None:
    asked = poller(exchange, "kraken")
    failing(exchange, "kraken", status=500)
    assert [rest_s(asked) for _ in range(6)] == [1, 2, 4, 8, 8, 8]
    assert asked.state.failures == 6
    exchange.set_faults({})
    poll(asked)
    failing(exchange, "kraken", status=500)
    assert rest_s(asked) == 1


def test_an_unknown_symbol_makes_the_next_request_list_all() -> None:
    queries: list[dict[str, list[str]]] = []
    row = (
        b'{"symbol":"BTCUSDT","bidPrice":"1","askPrice":"1.01","lastPrice":"1","openPrice":"1","count":1,"closeTime":%d}'
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
        asked.ask(NOW_MS, TIMEOUT_S)
        with pytest.raises(SourceUnavailable, match="HTTP 400"):
            asked.ask(NOW_MS, TIMEOUT_S)
        asked.ask(NOW_MS, TIMEOUT_S)
    everything = {"type": ["FULL"]}
    named = everything | {"symbolStatus": ["TRADING"], "symbols": ['["BTCUSDT"]']}
    assert queries == [everything, named, everything]


KRAKEN_ROW = b'{"a":["1.02","1","1"],"b":["1.01","1","1"],"c":["1.01","1"],"t":[1,2]}'


def test_an_unknown_pair_makes_kraken_list_all_again() -> None:
    queries: list[str] = []

    def kraken_of_two_minds(request: BaseHTTPRequestHandler) -> None:
        queries.append(urlsplit(request.path).query)
        if queries[-1]:
            respond(200, b'{"error":["EQuery:Unknown asset pair"]}')(request)
        else:
            respond(200, b'{"error":[],"result":{"XXBTZCAD":%s,"SOLUSD":%s}}' % (KRAKEN_ROW, KRAKEN_ROW))(request)

    with server(kraken_of_two_minds) as url:
        asked = poller_of(kraken.source(), url)
        assert [ticker.market for ticker in poll(asked)] == ["XBTCAD", "SOLUSD"]
        assert rest_s(asked, match="EQuery:Unknown asset pair") == 1
        poll(asked)
    assert queries == ["", "pair=SOLUSD%2CXBTCAD", ""]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ("EAPI:Rate limit exceeded", 60),
        ("EGeneral:Temporary lockout", 900),
        ("EService:Unavailable", 1),
        ("EGeneral:Internal error", 1),
    ],
)
def test_an_error_of_kraken_with_status_200_opens_the_circuit(error: str, seconds: int) -> None:
    with server(respond(200, b'{"error":["%s"]}' % error.encode())) as url:
        assert rest_s(poller_of(kraken.source(), url), match=error) == seconds


REFUSED = [
    b'{"error":["EService:Unavailable"]}',
    b'{"error":["EService:Busy"]}',
    b'{"error":[],"result":{}}',
    b'{"error":[],"result":{"AAAUSD":{}}}',
    b"<html>",
    b"[]",
]


@pytest.mark.parametrize("refusal", REFUSED)
def test_kraken_is_asked_for_own_names_if_its_list_is_refused(refusal: bytes) -> None:
    def without_a_list(request: BaseHTTPRequestHandler) -> None:
        is_named = "pair=" in request.path
        respond(200, b'{"error":[],"result":{"SOLUSD":%s}}' % KRAKEN_ROW if is_named else refusal)(request)

    with server(without_a_list) as url:
        asked = Poller(kraken.source(), url)
        with pytest.raises(SourceUnavailable):
            asked.ask(NOW_MS, TIMEOUT_S)
        assert [ticker.market for ticker in asked.ask(NOW_MS, TIMEOUT_S)] == ["SOLUSD"]


@pytest.mark.parametrize("refusal", [b"[]", b"{}", b"<html>"])
def test_binance_is_asked_for_own_names_if_its_list_is_refused(refusal: bytes) -> None:
    queries: list[str] = []

    def without_a_list(request: BaseHTTPRequestHandler) -> None:
        queries.append(urlsplit(request.path).query)
        respond(200, refusal)(request)

    with server(without_a_list) as url:
        asked = Poller(binance.source(), url)
        for _ in range(2):
            with pytest.raises(SourceUnavailable):
                asked.ask(NOW_MS, TIMEOUT_S)
    assert ["symbols=" in query for query in queries] == [False, True]


def test_the_second_request_to_binance_weighs_half_of_the_first(exchange: Exchange) -> None:
    asked = poller(exchange, "binance")
    used = exchange.meter.used
    first = asked.ask(NOW_MS, TIMEOUT_S)
    assert exchange.meter.used == used + 80
    second = asked.ask(NOW_MS, TIMEOUT_S)
    assert exchange.meter.used == used + 80 + 40
    assert {ticker.market for ticker in first} == {ticker.market for ticker in second}


def test_a_request_has_the_feeds_user_agent_and_path() -> None:
    asked: list[tuple[str, str | None]] = []

    def note(request: BaseHTTPRequestHandler) -> None:
        asked.append((request.path, request.headers["User-Agent"]))
        respond(200)(request)

    with server(note) as url, pytest.raises(SourceUnavailable):
        Poller(kraken.source(), url + "/").ask(NOW_MS, TIMEOUT_S)
    assert asked == [("/0/public/Ticker", http_get.USER_AGENT)]
    assert http_get.USER_AGENT.startswith("cadfeed/")


def test_a_redirect_is_not_followed() -> None:
    paths: list[str] = []

    def redirect(request: BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        respond(302, b"{}", Location="/elsewhere")(request)

    with server(redirect) as url, pytest.raises(SourceUnavailable, match="HTTP 302"):
        Poller(er_api.source(), url).ask(NOW_MS, TIMEOUT_S)
    assert paths == ["/v6/latest/USD"]


def test_an_oversized_answer_is_refused() -> None:
    sound = b'{"result":"success","base_code":"USD","time_last_update_unix":1767200000,"rates":{"CAD":1.3}%s}'
    source = replace(er_api.source(), max_body_bytes=100_000)
    too_long = sound % (b" " * 200_000)
    with server(respond(200, too_long)) as url, pytest.raises(SourceUnavailable, match="more than 100000 bytes"):
        Poller(source, url).ask(NOW_MS, TIMEOUT_S)
    with server(respond(200, sound % (b" " * 90_000))) as url:
        assert Poller(source, url).ask(NOW_MS, TIMEOUT_S)


@pytest.mark.parametrize("body", [b"[1e99999999999999999999]", b"[" * 100_000, b"\xff\xfe", b"", b'{"result":NaN}'])
def test_an_unreadable_body_is_unavailable(body: bytes) -> None:
    source = Source("any", "", "/", dict, lambda _answer: [])
    with server(respond(200, body)) as url, pytest.raises(SourceUnavailable, match="not JSON"):
        Poller(source, url).ask(NOW_MS, TIMEOUT_S)
    with server(respond(502, body)) as url, pytest.raises(SourceUnavailable, match="HTTP 502"):
        Poller(source, url).ask(NOW_MS, TIMEOUT_S)


def test_a_market_without_the_header_is_not_simulated() -> None:
    body = b'{"result":"success","base_code":"USD","time_last_update_unix":1767200000,"rates":{"CAD":1.3}}'
    with server(respond(200, body)) as url:
        assert [ticker.simulated for ticker in Poller(er_api.source(), url).ask(NOW_MS, TIMEOUT_S)] == [False]


@pytest.mark.parametrize("error", [KeyError("CAD"), TypeError("unhashable"), ArithmeticError("overflow")])
def test_a_failing_parser_costs_only_its_own_source(exchange: Exchange, error: Exception) -> None:
    def stumble(_: Answer) -> list[Ticker]:
        raise error

    asked = poller_of(replace(kraken.source(), parse=stumble), exchange.url)
    assert rest_s(asked, match="could not be read") == 1


def test_a_trickling_answer_is_given_up_after_the_time_limit() -> None:
    began = Event()

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        while not began.wait(0.05):
            try:
                request.wfile.write(b" ")
            except OSError:  # the client has given up
                return

    with server(trickle) as url, pytest.raises(SourceUnavailable, match="too slow"):
        Poller(er_api.source(), url).ask(NOW_MS, 0.3)
    began.set()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read(encoding: str) -> None:
    body = b'{"result":"success","base_code":"USD","time_last_update_unix":1767200000,"rates":{"CAD":1.3}%s}' % (
        b" " * 300_000
    )
    source = replace(er_api.source(), max_body_bytes=400_000)
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    with server(respond(200, packed, Content_Encoding=encoding)) as url:
        assert len(Poller(source, url).ask(NOW_MS, TIMEOUT_S)) == 1


def test_an_answer_in_chunks_is_read() -> None:
    body = b'{"result":"success","base_code":"USD","time_last_update_unix":1767200000,"rates":{"CAD":1.3}}'

    def in_chunks(request: BaseHTTPRequestHandler) -> None:
        request.protocol_version = "HTTP/1.1"
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.send_header("Connection", "close")  # as for a request before the version was set
        request.end_headers()
        for part in (body[:10], body[10:]):
            request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        request.wfile.write(b"0\r\n\r\n")

    with server(in_chunks) as url:
        asked = Poller(er_api.source(), url)
        assert [len(asked.ask(NOW_MS, TIMEOUT_S)) for _ in range(2)] == [1, 1]


def test_the_last_answer_is_held_through_failures() -> None:
    price = Ticker("any", "market", Decimal(1), Decimal(1), Decimal(1), None, NOW_MS, NOW_MS)
    asked = poller_of(Source("any", "", "/", dict, lambda _: [price], poll_every_ms=10_000, hold_ms=30_000), "")
    assert asked.held(NOW_MS) == []
    asked.succeeded([price], NOW_MS)
    asked.failed(SourceUnavailable("HTTP 500"), NOW_MS + 10_000)
    (held,) = asked.held(NOW_MS + 29_999)
    assert held is price
    assert asked.held(NOW_MS + 30_000) == []


def test_a_source_without_a_hold_serves_only_one_tick(exchange: Exchange) -> None:
    asked = poller(exchange, "kraken")
    assert poll(asked)
    assert asked.held(NOW_MS) == []


def test_a_new_poller_obeys_the_stored_circuit() -> None:
    asked = poller_of(kraken.source(), "")
    asked.resume(SourceState(NOW_MS - 5_000, "HTTP 451", 3, NOW_MS + 480_000), NOW_MS)
    assert not asked.due(NOW_MS + 479_999)
    assert asked.due(NOW_MS + 480_000)
    asked.failed(SourceUnavailable("HTTP 451", banned=True), NOW_MS + 480_000)
    assert asked.state == SourceState(NOW_MS - 5_000, "HTTP 451", 4, NOW_MS + 480_000 + 960_000)


def test_a_stored_pause_longer_than_any_is_ignored() -> None:
    """The clock of the Lambda that stored it was wrong."""
    asked = poller_of(kraken.source(), "")
    asked.resume(SourceState(NOW_MS, "HTTP 451", 3, NOW_MS + 4 * 86_400_000), NOW_MS)
    assert asked.due(NOW_MS)


def many(changed: int, count: int = pollers.FEWEST_TO_BE_FROZEN) -> list[Ticker]:
    """Return that many markets; one of them has traded since."""
    price = Ticker("kraken", "", Decimal(1), Decimal(1), Decimal(1), None, NOW_MS, NOW_MS)
    return [replace(price, market=f"M{n}", activity_24h=Decimal(changed if n == 0 else 5)) for n in range(count)]


def test_a_source_unchanged_for_over_a_minute_is_frozen() -> None:
    """It repeats the same answer for many markets."""
    asked = poller_of(kraken.source(), "")
    for second in range(0, 61, 5):
        asked.succeeded(many(1), NOW_MS + second * 1_000)
    with pytest.raises(SourceUnavailable, match="nothing has moved"):
        asked.succeeded(many(1), NOW_MS + 60_001)
    asked.succeeded(many(2), NOW_MS + 65_000)
    assert asked.state.ok_ms == NOW_MS + 65_000


def test_a_frozen_source_stays_frozen_over_a_cold_start() -> None:
    asked = poller_of(kraken.source(), "")
    asked.succeeded(many(1), NOW_MS)
    later = poller_of(kraken.source(), "")
    later.resume(asked.state, NOW_MS + 61_000)
    with pytest.raises(SourceUnavailable, match="nothing has moved"):
        later.succeeded(many(1), NOW_MS + 61_000)


def test_a_source_of_few_markets_is_never_frozen() -> None:
    asked = poller_of(kraken.source(), "")
    for minute in range(60):
        asked.succeeded(many(1, count=pollers.FEWEST_TO_BE_FROZEN - 1), NOW_MS + minute * 60_000)


def test_a_source_with_a_pace_is_frozen_two_requests_later() -> None:
    asked = poller_of(replace(kraken.source(), poll_every_ms=60_000), "")
    for minute in range(4):
        asked.succeeded(many(1), NOW_MS + minute * 60_000)
    with pytest.raises(SourceUnavailable, match="nothing has moved"):
        asked.succeeded(many(1), NOW_MS + 240_000)
