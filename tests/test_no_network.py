"""A test that asks for another machine is refused, and this machine is not."""

import asyncio
import socket
from collections.abc import Callable

import pytest
import requests

from tests.no_network import NetworkRefused, is_here, refused

ELSEWHERE = "192.0.2.1"  # for documentation: https://datatracker.ietf.org/doc/html/rfc5737


WAYS: tuple[Callable[[str], object], ...] = (
    lambda host: socket.create_connection((host, 80)),
    lambda host: asyncio.run(_open(host)),
    lambda host: requests.get(f"http://{host}/", timeout=1),
)


async def _open(host: str) -> None:
    await asyncio.open_connection(host, 80)


def _send(host: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", (host, 53))


@pytest.mark.parametrize(
    ("host", "reach"),
    [
        *((host, reach) for host in (ELSEWHERE, "feed.example") for reach in WAYS),
        (ELSEWHERE, _send),
    ],
)
def test_another_machine_is_refused(host: str, reach: Callable[[str], object]) -> None:
    with pytest.raises(NetworkRefused):
        reach(host)
    assert refused
    refused.clear()


def test_this_machine_is_reached() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(("localhost", server.getsockname()[1]))


@pytest.mark.parametrize("host", [None, "", "localhost", "a.localhost", b"127.0.0.1", "127.8.0.1", "::1", "0.0.0.0"])  # noqa: S104
def test_these_are_this_machine(host: str | bytes | None) -> None:
    assert is_here(host)


@pytest.mark.parametrize("host", ["localhost.example", "notlocalhost", "10.0.0.1", "::2", "fe80::1%eth0", b"8.8.8.8"])
def test_these_are_not_this_machine(host: str | bytes) -> None:
    assert not is_here(host)
