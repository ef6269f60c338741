"""The sink, a stand-in for API Gateway, answers as the id says, in time, and counts its answers."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tools.simulator.sink import Sink, running

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=nobody"}


class Client:
    """One kept-alive connection to a sink."""

    def __init__(self, sink: Sink, timeout_s: float = 5) -> None:
        address = urlsplit(sink.url)
        self.path = address.path
        assert address.hostname
        if sink.ca:
            context = ssl.create_default_context(cafile=sink.ca)
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                address.hostname, address.port, timeout=timeout_s, context=context
            )
        else:
            self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout_s)

    def post(self, connection_id: str, body: bytes = b"{}", method: str = "POST", **headers: str) -> int:
        self.connection.request(method, f"{self.path}/@connections/{connection_id}", body, headers or SIGNED)
        response = self.connection.getresponse()
        response.read()
        return response.status


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    folder = tmp_path_factory.mktemp("sink")
    with running(folder, latency_ms=1, log=folder / "posts.log") as made:
        yield made


@pytest.fixture
def client(sink: Sink) -> Iterator[Client]:
    made = Client(sink)
    yield made
    made.connection.close()


@pytest.mark.parametrize(
    ("connection_id", "statuses"),
    [
        ("L0SM9cOFvHcCIhw=", [200, 200]),
        ("gone-1=", [410, 410]),
        ("busy-2=", [429, 429]),
        ("busy1-3=", [429, 200]),
        ("fail1-4=", [503, 200]),
        ("big-5=", [413]),
        ("denied-6=", [403]),
        ("gone%2D7%3D", [410]),
    ],
)
def test_the_id_says_what_is_answered(client: Client, connection_id: str, statuses: list[int]) -> None:
    assert [client.post(connection_id) for _ in statuses] == statuses


@pytest.mark.parametrize("connection_id", ["ends-1=", "busy-ends-2="])
def test_a_connection_that_was_closed_is_gone(client: Client, connection_id: str) -> None:
    assert client.post(connection_id, b"", "DELETE", Host="localhost") == 403
    assert client.post(connection_id) in {200, 429}
    assert client.post(connection_id, b"", "DELETE") == 204
    assert client.post(connection_id) == 410
    assert client.post(connection_id, b"", "DELETE") == 410


def test_a_template_may_be_escaped(client: Client) -> None:
    client.path = client.path.replace("@", "%40")
    assert client.post("abc=") == 200


def test_a_post_without_a_signature_is_forbidden(client: Client) -> None:
    assert client.post("unsigned=", Host="localhost") == 403


def test_a_path_that_is_not_a_connection_is_not_found(client: Client) -> None:
    client.path += "/elsewhere"
    client.connection.request("POST", "/live/ping", b"{}", SIGNED)
    assert client.connection.getresponse().status == 404


@pytest.mark.parametrize("word", ["cut", "torn"])
def test_a_cut_answer_is_not_an_answer(client: Client, word: str) -> None:
    with pytest.raises((http.client.HTTPException, OSError)):
        client.post(f"{word}-1=")


def test_a_reset_is_not_an_end_of_file(client: Client) -> None:
    with pytest.raises(ConnectionResetError):
        client.post("reset-1=")


def test_a_slow_one_is_never_answered(sink: Sink) -> None:
    client = Client(sink, timeout_s=0.2)
    with pytest.raises(TimeoutError):
        client.post("slow-1=")


def test_answers_wait_for_the_latency(sink: Sink, client: Client) -> None:
    sink.tell(latency_ms=60)
    try:
        began = time.monotonic()
        client.post("abc=")
        assert time.monotonic() - began >= 0.059
    finally:
        sink.tell(latency_ms=1)


def test_while_it_is_down_every_post_is_a_fault(sink: Sink, client: Client) -> None:
    sink.tell(down_s=60)
    assert client.post("gone-8=") == 503
    sink.tell(down_s=0)
    assert client.post("gone-8=") == 410


@pytest.mark.parametrize("order", ["close_all", "drop_all"])
def test_closing_all_takes_idle_connections_only(sink: Sink, client: Client, order: str) -> None:
    assert client.post("abc=") == 200
    before = sink.counts()["by_status"].get("slow", 0)
    waiting = Client(sink)
    waiting.connection.request("POST", f"{waiting.path}/@connections/slow-9=", b"{}", SIGNED)
    while not sink.counts()["by_status"].get("slow", 0) > before:
        pass
    assert sink.tell(**{order: True})["closed"] >= 1
    with pytest.raises((http.client.HTTPException, OSError)):
        client.post("abc=")
    assert sink.counts()["connections"] >= 1


def test_a_post_in_pieces_is_one_post(sink: Sink, client: Client) -> None:
    before = sink.counts()["posts"]
    client.connection.connect()
    lines = [
        f"POST {client.path}/@connections/pieces= HTTP/1.1",
        "authorization: AWS4-HMAC-SHA256 x",
        "content-length: 4",
    ]
    for byte in "\r\n".join([*lines, "", "12"]).encode():
        client.connection.sock.sendall(bytes([byte]))
    client.connection.sock.sendall(b"34")
    assert client.connection.sock.recv(12) == b"HTTP/1.1 200"
    assert sink.counts()["posts"] == before + 1


def test_the_log_has_a_line_per_post(sink: Sink, client: Client) -> None:
    client.post("logged=", b'{"seq":7,"text":"' + b"x" * 100 + b'"}')
    sink.counts()
    assert sink.log
    ms, status, connection_id, body = sink.log.read_text(encoding="utf-8").splitlines()[-1].split(" ", 3)
    assert (status, connection_id) == ("200", "logged=")
    assert json.loads(body).startswith('{"seq":7,')
    assert abs(int(ms) - time.time() * 1000) < 10_000


def test_the_log_holds_as_much_of_the_bodies_as_asked(tmp_path: Path) -> None:
    body = b'{"seq":7,"text":"' + b"x" * 100_000 + b'"}'
    with running(tmp_path, plain=True, latency_ms=0, log=tmp_path / "log", logged_bytes=200_000) as whole:
        Client(whole).post("logged=", body)
    text = (tmp_path / "log").read_text(encoding="utf-8").split(" ", 3)[3]
    assert json.loads(text).encode() == body


def test_it_speaks_tls_1_3_only(sink: Sink) -> None:
    address = urlsplit(sink.url)
    context = ssl.create_default_context(cafile=sink.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=context)
    with pytest.raises(ssl.SSLError):
        connection.connect()


def test_it_speaks_plain_http_when_asked_and_ends_with_its_block(tmp_path: Path) -> None:
    with running(tmp_path, plain=True, latency_ms=0) as plain:
        assert plain.ca == ""
        assert Client(plain).post("abc=") == 200
    with pytest.raises(ConnectionRefusedError):
        Client(plain).post("abc=")


def test_a_sink_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").mkdir()
    with pytest.raises(RuntimeError, match="IsADirectoryError"), running(tmp_path):
        pass
