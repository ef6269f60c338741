"""The transport on real sockets: certificates, kept and stale connections, and faults."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from select import select
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from shared.gateway import Gateway, Gone, Posted, PostFailed, open_gateway, transport
from shared.gateway.gateway import trusted_certificates
from shared.gateway.sockets import Poll, sockets
from tests.clients import ConnectionsServer
from tools.simulator.sink import Sink, running

FRAME = b'{"event":"data"}'
ID = "L0SM9cOFvHcCIhw="
HEAR = b""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
GONE = OK.replace(b"200 OK", b"410 Gone")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    with running(tmp_path_factory.mktemp("sink"), latency_ms=5) as started:
        yield started


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setattr("shared.gateway.batch.RETRY_BASE_S", 0.001)


@pytest.fixture(autouse=True, params=[sockets, Poll], ids=["the best there is", "poll"])
def _sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything with macOS's sockets too."""
    monkeypatch.setattr(transport, "sockets", request.param)


@pytest.fixture
def gateway(sink: Sink) -> Gateway:
    return open_gateway(sink.url, ca_file=sink.ca, post_timeout_s=0.5, in_flight=16)


def post_all(gateway: Gateway, *names: str, deadline_s: float = 20) -> Posted:
    return gateway.post_all(((name, (FRAME,)) for name in names), deadline_s=deadline_s, on_gone=lambda _ids: None)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


@contextmanager
def serving(*connections: Sequence[bytes]) -> Iterator[str]:
    """Serve these pieces to each connection in turn, wait for a post at `HEAR`, then close it."""

    def serve() -> None:
        for pieces in connections:
            connection, _ = server.accept()
            with connection:
                for piece in pieces:
                    time.sleep(0.01)
                    if piece is HEAR:
                        connection.recv(65_536)
                    else:
                        connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/live"
        thread.join(10)
        assert not thread.is_alive()


def answering(*answers: bytes) -> AbstractContextManager[str]:
    """Answer the first connection with the first of these and close it, and so on."""
    return serving(*[(HEAR, answer) for answer in answers])


# Requests


@pytest.mark.parametrize(
    ("connection_id", "path"),
    [
        (ID, "/live/@connections/L0SM9cOFvHcCIhw%3D"),
        ("a/b+c=", "/live/@connections/a%2Fb%2Bc%3D"),
        ("a%3Db", "/live/@connections/a%253Db"),
        ("a..b", "/live/@connections/a..b"),
    ],
)
def test_a_connection_id_is_encoded_once(api: ConnectionsServer, connection_id: str, path: str) -> None:
    open_gateway(api.url).post(connection_id, FRAME)
    assert api.posts == [(path, FRAME)]


def test_a_frame_goes_out_byte_by_byte_whatever_is_in_it(api: ConnectionsServer) -> None:
    frame = bytes(range(256)) * 500
    open_gateway(api.url).post(ID, frame)
    assert api.posts[0][1] == frame


def test_keys_that_change_are_used_from_the_next_batch_on(sink: Sink) -> None:
    class Rotating:
        reads = 0

        def get_frozen_credentials(self) -> Any:
            from botocore.credentials import ReadOnlyCredentials

            self.reads += 1
            return ReadOnlyCredentials("key", "secret", f"token-{self.reads}")

    keys = Rotating()
    gateway = open_gateway(sink.url, ca_file=sink.ca, credentials=keys, region="ca-central-1")  # type: ignore[arg-type]
    before = keys.reads
    post_all(gateway, *names("a", 50))
    assert keys.reads == before + 1


def test_a_gateway_needs_keys_and_a_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoRegionError):
        open_gateway("https://example.com/live")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NoCredentialsError):
        open_gateway("https://example.com/live", region="ca-central-1").post(ID, FRAME)


# Certificates


def test_an_untrusted_certificate_gets_no_post(sink: Sink) -> None:
    before = sink.counts()["posts"]
    with pytest.raises(PostFailed, match="untrusted"):
        open_gateway(sink.url).post(ID, FRAME)
    assert sink.counts()["posts"] == before


def test_a_certificate_of_another_name_gets_no_post(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sink's certificate is for 127.0.0.1 and localhost, not for this other name of the same address."""
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", urlsplit(sink.url).port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [address])
    with pytest.raises(PostFailed, match="untrusted"):
        open_gateway(sink.url.replace("127.0.0.1", "service.example"), ca_file=sink.ca).post(ID, FRAME)


def test_botocores_certificates_are_trusted_unless_configured(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    assert Path(trusted_certificates()).read_text(encoding="utf-8").count("BEGIN CERTIFICATE") > 50
    monkeypatch.setenv("AWS_CA_BUNDLE", sink.ca)
    open_gateway(sink.url).post(ID, FRAME)


def test_certificates_that_cannot_be_read_are_named(sink: Sink, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate", encoding="utf-8")
    for file in (tmp_path / "none.pem", broken):
        with pytest.raises(OSError, match=f"certificates in {file} cannot be read"):
            open_gateway(sink.url, ca_file=str(file)).post(ID, FRAME)


# Connections


def test_connections_are_kept_between_batches(gateway: Gateway, sink: Sink) -> None:
    before = sink.counts()["accepted"]
    for _ in range(3):
        assert post_all(gateway, *names("a", 200)).complete
    assert sink.counts()["accepted"] - before <= 16


def test_a_batch_is_complete_after_all_connections_were_closed(gateway: Gateway, sink: Sink) -> None:
    post_all(gateway, *names("a", 200))
    for _ in range(3):
        assert sink.tell(close_all=True)["closed"] >= 16
        posted = post_all(gateway, *names("a", 200))
        assert (posted.reached, posted.outcomes) == (200, {"ok": 200})


def test_a_post_that_resets_a_kept_connection_is_sent_again(gateway: Gateway, sink: Sink) -> None:
    """A router that has forgotten the connection answers the post with a reset."""
    gateway.post(ID, FRAME)
    before = sink.counts()["by_status"]
    posted = post_all(gateway, f"reset1-{uuid4()}")
    assert (posted.posts, posted.outcomes) == (1, {"ok": 1})
    after = sink.counts()["by_status"]
    assert after["reset"] - before.get("reset", 0) == 1


def test_a_kept_connection_that_swallows_a_post_is_replaced(gateway: Gateway, sink: Sink) -> None:
    gateway.post(ID, FRAME)
    before = sink.counts()["accepted"]
    posted = post_all(gateway, f"slow1-{uuid4()}")
    assert (posted.complete, posted.outcomes) == (True, {"timeout": 1, "ok": 1})
    assert sink.counts()["accepted"] == before + 1


def test_many_connections_work_beyond_the_limit_of_select(sink: Sink) -> None:
    """`select` fails above 1,024 file descriptors."""
    spare = [os.dup(0) for _ in range(1_100)]
    try:
        assert post_all(open_gateway(sink.url, ca_file=sink.ca), *names("a", 300)).complete
    finally:
        for descriptor in spare:
            os.close(descriptor)


def test_a_connection_that_was_idle_for_long_is_not_reused(
    gateway: Gateway, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.post(ID, FRAME)
    before = sink.counts()["accepted"]
    gateway.post(ID, FRAME)
    assert sink.counts()["accepted"] == before
    monkeypatch.setattr(transport, "MAX_IDLE_S", -1)
    gateway.post(ID, FRAME)
    assert sink.counts()["accepted"] == before + 1


@pytest.mark.parametrize("answer", [OK, CHUNKED])
def test_a_kept_connection_closed_by_a_post_costs_nothing(answer: bytes) -> None:
    """The service closes it at the moment of the post."""
    with serving([HEAR, answer, HEAR], [HEAR, answer]) as url:
        gateway = open_gateway(url)
        gateway.post(ID, FRAME)
        posted = post_all(gateway, ID)
    assert (posted.posts, posted.outcomes) == (1, {"ok": 1})


def test_a_connection_that_sends_unasked_is_not_reused() -> None:
    """Its bytes would be taken for the answer to the next post."""
    with serving([HEAR, OK, GONE, HEAR], [HEAR, OK]) as url:
        gateway = open_gateway(url)
        gateway.post(ID, FRAME)
        (connection,) = gateway._posts._open.values()  # type: ignore[attr-defined]
        assert select([connection.descriptor], [], [], 10)[0]
        gateway.post(ID, FRAME)


def test_an_answer_may_come_in_pieces() -> None:
    with serving([HEAR, OK[:1], OK[1:20], OK[20:], HEAR, CHUNKED[:-1], CHUNKED[-1:]]) as url:
        gateway = open_gateway(url)
        gateway.post(ID, FRAME)
        gateway.post(ID, FRAME)


def test_a_frame_that_no_buffer_holds_goes_out_in_pieces(sink: Sink) -> None:
    before = sink.counts()["posts"]
    open_gateway(sink.url, ca_file=sink.ca, post_timeout_s=60).post(ID, bytes(8_000_000))
    assert sink.counts()["posts"] == before + 1


# Faults


def test_status_410_means_gone(gateway: Gateway) -> None:
    with pytest.raises(Gone):
        gateway.post("gone", FRAME)


@pytest.mark.parametrize("word", ["busy1", "fail1", "reset1", "slow1"])
def test_a_post_that_fails_once_arrives(gateway: Gateway, word: str) -> None:
    posted = post_all(gateway, *names(f"{word}-once", 5), *names("a", 50))
    assert (posted.reached, posted.outcomes["ok"], posted.complete) == (55, 55, True)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("busy", "throttled"),
        ("fail", "server_error"),
        ("big", "too_large"),
        ("denied", "forbidden"),
        ("slow", "timeout"),
        ("reset", "broken"),
    ],
)
def test_a_failed_post_is_reported_and_delays_nobody(gateway: Gateway, word: str, outcome: str) -> None:
    posted = post_all(gateway, *names(word, 5), *names("a", 50))
    assert (posted.reached, posted.failures, posted.outcomes["ok"]) == (50, 5, 50)
    assert {reason.split(":")[0] for reason in posted.failed.values()} == {outcome}
    assert post_all(gateway, *names("a", 50)).complete


def test_an_answer_cut_after_its_status_is_delivered_once(gateway: Gateway, sink: Sink) -> None:
    before = sink.counts()["by_status"].get("cut", 0)
    posted = post_all(gateway, *names("cut", 5))
    assert (posted.reached, posted.complete) == (5, True)
    assert sink.counts()["by_status"]["cut"] == before + 5


def test_an_answer_cut_within_its_status_is_not_an_answer() -> None:
    with answering(b"HTTP/1.1 2", b"HTTP/1.1", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url:
        posted = post_all(open_gateway(url), ID)
    assert (posted.reached, posted.outcomes["ok"], posted.posts) == (1, 1, 3)


def test_a_closed_port_is_a_failed_post() -> None:
    with pytest.raises(PostFailed, match="broken"):
        open_gateway("http://127.0.0.1:1/live").post(ID, FRAME)


def test_a_server_without_tls_is_a_failed_post() -> None:
    with answering(b"no TLS", b"no TLS", b"no TLS") as url, pytest.raises(PostFailed, match="broken"):
        open_gateway(url.replace("http", "https")).post(ID, FRAME)


def test_a_batch_of_hanging_posts_ends_by_its_deadline(sink: Sink) -> None:
    """The next batch is complete."""
    timeout_s = 60
    gateway = open_gateway(sink.url, ca_file=sink.ca, post_timeout_s=timeout_s)
    posted = post_all(gateway, *names("slow", 300), deadline_s=0.5)
    assert 500 <= posted.elapsed_ms < timeout_s * 1_000
    assert (posted.reached, posted.unsent, posted.outcomes) == (0, 128, {"given_up": 128})
    assert not posted.complete
    assert post_all(gateway, *names("a", 300)).complete


def test_a_service_that_is_down_for_a_while_costs_one_batch(sink: Sink) -> None:
    gateway = open_gateway(sink.url, ca_file=sink.ca)
    sink.tell(down_s=60)
    posted = post_all(gateway, *names("a", 50), deadline_s=2)
    assert posted.reached == 0
    assert posted.failures + posted.unsent == 50
    assert posted.outcomes["server_error"] >= 50
    sink.tell(down_s=0)
    assert post_all(gateway, *names("a", 50)).complete


def test_each_thread_may_have_its_own_gateway(sink: Sink) -> None:
    def one(number: int) -> bool:
        gateway = open_gateway(sink.url, ca_file=sink.ca, in_flight=8)
        return post_all(gateway, *names(f"thread-{number}", 50)).complete

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(one, range(8)))
