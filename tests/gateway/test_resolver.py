"""Names with several addresses, none, or a silent name server are looked up without blocking posts."""

import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.credentials import Credentials

from shared.gateway import Gateway, Posted, PostFailed, open_gateway, transport
from shared.gateway.resolver import Resolver
from tests.clients import ConnectionsServer

ID = "L0SM9cOFvHcCIhw="
FRAME = b'{"event":"data"}'
HANGS_S = 30


class Names:
    """A name server for one host that counts its queries. It answers once `answering` is set."""

    real = staticmethod(socket.getaddrinfo)

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.error: OSError | None = None
        self.asked = 0
        self.answering = threading.Event()
        self.answering.set()

    def look_up(self, host: str, port: int, *args: Any, **options: Any) -> list[tuple[Any, ...]]:
        if host != "service.example":
            return list(self.real(host, port, *args, **options))
        self.asked += 1
        self.answering.wait(HANGS_S)
        if self.error:
            raise self.error
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.addresses
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    served = Names("127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", served.look_up)
    yield served
    served.answering.set()


def connected(url: str) -> Gateway:
    keys = Credentials("AKIDEXAMPLE", "secret")
    return open_gateway(url, in_flight=4, post_timeout_s=2, credentials=keys, region="ca-central-1")


@pytest.fixture
def gateway(api: ConnectionsServer) -> Gateway:
    return connected(api.url.replace("127.0.0.1", "service.example"))


def post_all(gateway: Gateway, count: int, deadline_s: float = 20) -> Posted:
    addressed = ((f"connection-{number}", (FRAME,)) for number in range(count))
    return gateway.post_all(addressed, deadline_s=deadline_s, on_gone=lambda _ids: None)


def test_a_name_is_looked_up_once_a_minute(names: Names, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        assert post_all(gateway, 20).complete
    assert names.asked == 1
    monkeypatch.setattr("shared.gateway.resolver.KEPT_S", 0)
    assert post_all(gateway, 20).complete
    assert names.asked == 2


def test_an_unknown_name_fails_the_posts_and_is_looked_up_again(names: Names, gateway: Gateway) -> None:
    names.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with pytest.raises(PostFailed, match=r"broken: .*Name or service not known"):
        gateway.post(ID, FRAME)
    names.error = None
    assert post_all(gateway, 20).complete


def test_a_hanging_name_server_keeps_no_batch_past_its_deadline(names: Names, gateway: Gateway) -> None:
    names.answering.clear()
    posted = post_all(gateway, 20, deadline_s=0.3)
    assert (posted.reached, posted.complete) == (0, False)
    assert 300 <= posted.elapsed_ms < HANGS_S * 1_000
    assert not post_all(gateway, 20, deadline_s=0.1).complete
    assert names.asked == 1
    names.answering.set()
    assert post_all(gateway, 20).complete


def test_a_name_server_that_hangs_later_delays_nobody(
    names: Names, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post_all(gateway, 20).complete
    monkeypatch.setattr("shared.gateway.resolver.KEPT_S", 0)
    names.answering.clear()
    assert post_all(gateway, 20).complete
    assert names.asked == 2


def test_the_next_address_is_used_when_one_refuses(names: Names, gateway: Gateway) -> None:
    names.addresses = ("::1", "127.0.0.1")
    posted = post_all(gateway, 300)
    assert (posted.complete, posted.outcomes) == (True, {"ok": 300})


def test_when_every_address_refuses_the_posts_fail(names: Names) -> None:
    names.addresses = ("::1", "127.0.0.1")
    with pytest.raises(PostFailed, match="broken"):
        connected("http://service.example:1/live").post(ID, FRAME)


@pytest.mark.skipif(sys.platform != "linux", reason="another loopback address than 127.0.0.1 is Linux's")
def test_a_silent_address_is_passed_over(
    names: Names, gateway: Gateway, api: ConnectionsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_S", 0.1)
    port = int(api.url.split(":")[2].split("/")[0])
    names.addresses = ("127.0.0.9", "127.0.0.1")
    with socket.socket() as full:
        full.bind(("127.0.0.9", port))
        full.listen(0)
        with socket.create_connection(("127.0.0.9", port)):  # takes the only place
            posted = post_all(gateway, 50)
    assert (posted.complete, posted.outcomes) == (True, {"ok": 50})


def test_the_address_that_did_not_answer_is_the_last_to_be_tried() -> None:
    resolver = Resolver("localhost", 80)
    resolver.refresh(10)
    known = resolver.addresses()
    resolver.put_last(known[0])
    assert resolver.addresses() == [*known[1:], known[0]]
    resolver.put_last((socket.AF_INET, ("192.0.2.1", 80)))
    assert sorted(resolver.addresses()) == sorted(known)
