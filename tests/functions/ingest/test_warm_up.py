"""A new ingest opens its connections while it starts, and no source can stop or delay that."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server
from threading import Event, Lock, Thread
from typing import Any

import pytest

from functions.ingest import warm_up as module
from functions.ingest.warm_up import IN_A_LAMBDA, LONGEST_S, warm_up
from shared.sources import http_get
from shared.sources.all_sources import SOURCES, AllSources
from tests.sources.test_upstream import respond
from tools.local.certificates import ensure, server_context

NAMES = [make().name for make in SOURCES]


class Upstream(ThreadingHTTPServer):
    """An HTTPS server that counts connections and requests."""

    connections = requests = 0
    lock = Lock()

    def get_request(self) -> tuple[Any, Any]:
        found = super().get_request()
        with self.lock:
            self.connections += 1
        return found

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a connection without a request


@contextmanager
def upstream(folder: Path) -> Iterator[Upstream]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with served.lock:
                served.requests += 1
            respond(503)(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
            pass

    with Upstream(("127.0.0.1", 0), Handler) as served:
        served.daemon_threads = True
        served.block_on_close = False
        served.socket = server_context(ensure(folder)).wrap_socket(
            served.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ensure(tmp_path).ca_pem))
    http_get.tls_context.cache_clear()
    yield tmp_path
    http_get.tls_context.cache_clear()


@pytest.fixture
def in_a_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IN_A_LAMBDA, "on-demand")


def sources_at(url: str) -> AllSources:
    return AllSources(dict.fromkeys(NAMES, url))


@pytest.mark.usefixtures("in_a_lambda")
def test_the_first_requests_use_the_connections_of_the_start(trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.ingest.warm_up.LONGEST_S", 30)  # a busy machine needs more than a second
    with upstream(trusted) as served:
        sources = sources_at(f"https://localhost:{served.server_port}")
        warm_up(sources, lambda: None)
        assert (served.connections, served.requests) == (len(NAMES), 0)
        time.sleep(0.1)  # until the server's session tickets are there
        polled = sources.poll(5)
        assert {state.error for state in polled.states.values()} == {"HTTP 503"}
        assert (served.connections, served.requests) == (len(NAMES), len(NAMES))


def test_outside_of_a_lambda_nothing_is_opened(trusted: Path) -> None:
    with upstream(trusted) as served:
        warm_up(sources_at(f"https://localhost:{served.server_port}"), pytest.fail)
        assert served.connections == 0


@pytest.mark.usefixtures("in_a_lambda")
def test_the_start_waits_for_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read beside the sources, which fail at once here."""
    monkeypatch.setattr("functions.ingest.warm_up.LONGEST_S", 30)
    read = Event()

    def slowly() -> None:
        time.sleep(0.3)
        read.set()

    warm_up(sources_at("http://127.0.0.1:9"), slowly)
    assert read.is_set()


@pytest.mark.usefixtures("in_a_lambda")
@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9", "https://no-such-host.invalid"])
def test_a_source_without_a_connection_does_not_break_the_start(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        if host == "no-such-host.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **options)

    def fail() -> None:
        raise RuntimeError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    sources = sources_at(url)
    warm_up(sources, fail)
    polled = sources.poll(5)
    assert all("no whole answer" in state.error for state in polled.states.values())


@pytest.mark.usefixtures("in_a_lambda")
def test_an_untrusted_server_does_not_break_the_start(tmp_path: Path) -> None:
    with upstream(tmp_path) as served:
        sources = sources_at(f"https://localhost:{served.server_port}")
        warm_up(sources, lambda: None)
        polled = sources.poll(5)
        assert {state.error for state in polled.states.values()} == {"SSLError: no whole answer"}
        assert served.requests == 0


@pytest.mark.usefixtures("in_a_lambda")
def test_a_source_that_hangs_delays_the_start_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections and never says anything; the table hangs as well, until the start is over."""
    longest_s = 0.2
    assert longest_s < LONGEST_S <= 1
    monkeypatch.setattr("functions.ingest.warm_up.LONGEST_S", longest_s)
    released, ended = Event(), Event()
    was_released: list[bool] = []

    def hang() -> None:
        was_released.append(released.wait(10))
        ended.set()

    with create_server(("127.0.0.1", 0), backlog=64) as silent:
        sources = sources_at(f"https://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        warm_up(sources, hang)
        took_s = time.monotonic() - began
        released.set()
    assert ended.wait(20)
    assert was_released == [True]
    assert took_s >= longest_s / 2


def test_certificates_are_read_once_for_all_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default each connection reads them, which takes longer than its handshake."""
    made: list[object] = []
    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *where: Any, **named: Any) -> None:
        made.append(context)
        load(context, *where, **named)

    http_get.tls_context.cache_clear()
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    with create_server(("127.0.0.1", 0), backlog=64) as silent:
        sources = sources_at(f"https://127.0.0.1:{silent.getsockname()[1]}")
        sources.poll(0.3)
    assert len(made) == 1


def test_the_ingest_warms_up_when_it_is_imported(monkeypatch: pytest.MonkeyPatch, load: Callable[[str], Any]) -> None:
    asked: list[object] = []
    monkeypatch.setattr(module, "warm_up", lambda *given: asked.append(given))
    ingest = load("ingest")
    assert asked == [(ingest.sources, ingest.quotes.lease)]
