"""Tests reach this machine only: a name or an address of another one is refused, and fails the test that asked for it.

It holds for Python's sockets in the tests' own process, but a name given to `connect` itself is looked up before the
refusal. Programs that tests start are told this machine's addresses; uv and npm may ask the package registries.
https://docs.python.org/3/library/audit_events.html
"""

import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

import pytest

ADDRESSED = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
}  # the event, and which argument has the address
NAMED = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0}
refused: list[str] = []


class NetworkRefused(Exception):
    """A test asked for another machine. No OSError, which the feed's code would take for an outage."""


def is_here(host: object) -> bool:
    """Say whether a name or an address is this machine's own. None and an empty text are any of its addresses."""
    if host is None:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text in {"", "localhost"} or text.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def is_address(host: object) -> bool:
    """Say whether to look a host up needs no one: it is an address already."""
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if (place := NAMED.get(event)) is not None:
        host = arguments[place]
        if not is_here(host) and not is_address(host):
            _refuse(event, host)
    elif (place := ADDRESSED.get(event)) is not None:
        address = arguments[place]
        if isinstance(address, tuple) and not is_here(address[0]):  # a Unix socket's is a text
            _refuse(event, address)


def _refuse(event: str, what: object) -> None:
    refused.append(f"{event} {what}")
    raise NetworkRefused(f"a test reaches this machine only, and not {what}")


sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Fail a test that asked for another machine, also where its code took the refusal for something else."""
    refused.clear()
    yield
    assert not refused, refused
