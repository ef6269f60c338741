"""What the transport does on real sockets: certificates, kept and stale connections, faults of every kind."""

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

from shared.gateway import Gateway, Gone, Posted, PostFailed, connect, transport
from shared.gateway.gateway import trusted_certificates
from shared.gateway.sockets import Poll, sockets
from tests.unit.clients import ConnectionsServer
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
    """Everything holds on macOS, too."""
    monkeypatch.setattr(transport, "sockets", request.param)


@pytest.fixture
def gateway(sink: Sink) -> Gateway:
    return connect(sink.url, ca_file=sink.ca, post_timeout_s=0.5, in_flight=16)


def post_all(gateway: Gateway, *names: str, deadline_s: float = 20) -> Posted:
    return gateway.post_all(((name, (FRAME,)) for name in names), deadline_s=deadline_s, on_gone=lambda _ids: None)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


@contextmanager
def serving(*connections: Sequence[bytes]) -> Iterator[str]:
    """A server that gives each connection in turn these pieces, waiting where it is to `HEAR` a post, and closes it."""

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
    """A server that answers the first connection with the first of these and closes it, and so on."""
    return serving(*[(HEAR, answer) for answer in answers])


# What goes out


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
    connect(api.url).post(connection_id, FRAME)
    assert api.posts == [(path, FRAME)]


def test_a_frame_goes_out_byte_by_byte_whatever_is_in_it(api: ConnectionsServer) -> None:
    frame = bytes(range(256)) * 500
    connect(api.url).post(ID, frame)
    assert api.posts[0][1] == frame


def test_keys_that_change_are_used_from_the_next_batch_on(sink: Sink) -> None:
    class Rotating:
        reads = 0

        def get_frozen_credentials(self) -> Any:
            from botocore.credentials import ReadOnlyCredentials

            self.reads += 1
            return ReadOnlyCredentials("key", "secret", f"token-{self.reads}")

    keys = Rotating()
    gateway = connect(sink.url, ca_file=sink.ca, credentials=keys, region="ca-central-1")  # type: ignore[arg-type]
    before = keys.reads
    post_all(gateway, *names("a", 50))
    assert keys.reads == before + 1


def test_without_keys_or_region_there_is_no_gateway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoRegionError):
        connect("https://example.com/live")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NoCredentialsError):
        connect("https://example.com/live", region="ca-central-1").post(ID, FRAME)


# Whom it trusts


def test_a_certificate_that_nobody_vouches_for_is_not_posted_to(sink: Sink) -> None:
    before = sink.counts()["posts"]
    with pytest.raises(PostFailed, match="untrusted"):
        connect(sink.url).post(ID, FRAME)
    assert sink.counts()["posts"] == before


def test_a_certificate_for_another_name_is_not_posted_to(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sink's certificate is for 127.0.0.1 and localhost, not for this other name of the same address."""
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", urlsplit(sink.url).port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [address])
    with pytest.raises(PostFailed, match="untrusted"):
        connect(sink.url.replace("127.0.0.1", "service.example"), ca_file=sink.ca).post(ID, FRAME)


def test_trust_is_botocores_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    assert Path(trusted_certificates()).read_text(encoding="utf-8").count("BEGIN CERTIFICATE") > 50
    monkeypatch.setenv("AWS_CA_BUNDLE", sink.ca)
    connect(sink.url).post(ID, FRAME)


def test_certificates_that_cannot_be_read_are_named(sink: Sink, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate", encoding="utf-8")
    for file in (tmp_path / "none.pem", broken):
        with pytest.raises(OSError, match=f"certificates in {file} cannot be read"):
            connect(sink.url, ca_file=str(file)).post(ID, FRAME)


# Connections


def test_connections_are_kept_between_batches(gateway: Gateway, sink: Sink) -> None:
    before = sink.counts()["accepted"]
    for _ in range(3):
        assert post_all(gateway, *names("a", 200)).whole
    assert sink.counts()["accepted"] - before <= 16


def test_after_the_other_side_closed_every_connection_the_next_batch_is_whole(gateway: Gateway, sink: Sink) -> None:
    post_all(gateway, *names("a", 200))
    for _ in range(3):
        assert sink.tell(close_all=True)["closed"] >= 16
        posted = post_all(gateway, *names("a", 200))
        assert (posted.reached, posted.outcomes) == (200, {"ok": 200})


def test_a_post_that_resets_a_kept_connection_is_sent_over_another_one(gateway: Gateway, sink: Sink) -> None:
    """As when what is between has forgotten it: the answer to the post is a reset."""
    gateway.post(ID, FRAME)
    before = sink.counts()["by_status"]
    posted = post_all(gateway, f"reset1-{uuid4()}")
    assert (posted.posts, posted.outcomes) == (1, {"ok": 1})
    after = sink.counts()["by_status"]
    assert after["reset"] - before.get("reset", 0) == 1


def test_a_kept_connection_that_swallows_a_post_costs_its_time_and_another_is_opened(
    gateway: Gateway, sink: Sink
) -> None:
    gateway.post(ID, FRAME)
    before = sink.counts()["accepted"]
    posted = post_all(gateway, f"slow1-{uuid4()}")
    assert (posted.whole, posted.outcomes) == (True, {"timeout": 1, "ok": 1})
    assert sink.counts()["accepted"] == before + 1


def test_many_connections_at_once_are_no_matter_of_file_descriptors(sink: Sink) -> None:
    """Above 1,024 `select` would end."""
    spare = [os.dup(0) for _ in range(1_100)]
    try:
        assert post_all(connect(sink.url, ca_file=sink.ca), *names("a", 300)).whole
    finally:
        for descriptor in spare:
            os.close(descriptor)


def test_a_connection_that_was_idle_for_long_is_not_trusted(
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
def test_a_kept_connection_that_is_closed_by_a_post_costs_nothing(answer: bytes) -> None:
    """As when the service closes it in the moment in which the post leaves."""
    with serving([HEAR, answer, HEAR], [HEAR, answer]) as url:
        gateway = connect(url)
        gateway.post(ID, FRAME)
        posted = post_all(gateway, ID)
    assert (posted.posts, posted.outcomes) == (1, {"ok": 1})


def test_a_connection_that_speaks_unasked_is_not_used_again() -> None:
    """What it said would be taken for the answer to the next post."""
    with serving([HEAR, OK, GONE, HEAR], [HEAR, OK]) as url:
        gateway = connect(url)
        gateway.post(ID, FRAME)
        (connection,) = gateway._posts._open.values()  # type: ignore[attr-defined]
        assert select([connection.descriptor], [], [], 10)[0]
        gateway.post(ID, FRAME)


def test_an_answer_may_come_in_pieces() -> None:
    with serving([HEAR, OK[:1], OK[1:20], OK[20:], HEAR, CHUNKED[:-1], CHUNKED[-1:]]) as url:
        gateway = connect(url)
        gateway.post(ID, FRAME)
        gateway.post(ID, FRAME)


def test_a_frame_that_no_buffer_holds_goes_out_in_pieces(sink: Sink) -> None:
    before = sink.counts()["posts"]
    connect(sink.url, ca_file=sink.ca, post_timeout_s=60).post(ID, bytes(8_000_000))
    assert sink.counts()["posts"] == before + 1


# Faults


def test_410_is_gone(gateway: Gateway) -> None:
    with pytest.raises(Gone):
        gateway.post("gone", FRAME)


@pytest.mark.parametrize("word", ["busy1", "fail1", "reset1", "slow1"])
def test_what_fails_once_arrives(gateway: Gateway, word: str) -> None:
    posted = post_all(gateway, *names(f"{word}-once", 5), *names("a", 50))
    assert (posted.reached, posted.outcomes["ok"], posted.whole) == (55, 55, True)


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
def test_what_fails_is_told_and_keeps_nobody_else(gateway: Gateway, word: str, outcome: str) -> None:
    posted = post_all(gateway, *names(word, 5), *names("a", 50))
    assert (posted.reached, posted.failures, posted.outcomes["ok"]) == (50, 5, 50)
    assert {reason.split(":")[0] for reason in posted.failed.values()} == {outcome}
    assert post_all(gateway, *names("a", 50)).whole


def test_an_answer_cut_after_its_status_is_delivered_once(gateway: Gateway, sink: Sink) -> None:
    before = sink.counts()["by_status"].get("cut", 0)
    posted = post_all(gateway, *names("cut", 5))
    assert (posted.reached, posted.whole) == (5, True)
    assert sink.counts()["by_status"]["cut"] == before + 5


def test_an_answer_cut_within_its_status_is_no_answer() -> None:
    with answering(b"HTTP/1.1 2", b"HTTP/1.1", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url:
        posted = post_all(connect(url), ID)
    assert (posted.reached, posted.outcomes["ok"], posted.posts) == (1, 1, 3)


def test_nothing_that_listens_is_a_failed_post() -> None:
    with pytest.raises(PostFailed, match="broken"):
        connect("http://127.0.0.1:1/live").post(ID, FRAME)


def test_what_speaks_no_tls_is_a_failed_post() -> None:
    with answering(b"no TLS", b"no TLS", b"no TLS") as url, pytest.raises(PostFailed, match="broken"):
        connect(url.replace("http", "https")).post(ID, FRAME)


def test_a_batch_of_which_every_post_hangs_ends_by_its_deadline_and_the_next_is_whole(sink: Sink) -> None:
    gateway = connect(sink.url, ca_file=sink.ca)
    posted = post_all(gateway, *names("slow", 300), deadline_s=0.5)
    assert 500 <= posted.elapsed_ms < 1_000
    assert (posted.reached, posted.unsent, posted.outcomes) == (0, 128, {"given_up": 128})
    assert not posted.whole
    assert post_all(gateway, *names("a", 300)).whole


def test_a_service_that_is_down_for_a_while_costs_one_batch(sink: Sink) -> None:
    gateway = connect(sink.url, ca_file=sink.ca)
    sink.tell(down_s=60)
    posted = post_all(gateway, *names("a", 50), deadline_s=2)
    assert posted.reached == 0
    assert posted.failures + posted.unsent == 50
    assert posted.outcomes["server_error"] >= 50
    sink.tell(down_s=0)
    assert post_all(gateway, *names("a", 50)).whole


def test_each_thread_may_have_its_own_gateway(sink: Sink) -> None:
    def one(number: int) -> bool:
        gateway = connect(sink.url, ca_file=sink.ca, in_flight=8)
        return post_all(gateway, *names(f"thread-{number}", 50)).whole

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(one, range(8)))
