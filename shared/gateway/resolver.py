"""The addresses of the service's host. A thread looks them up, so a name server that hangs does not block posts."""

import socket
import threading
import time
from typing import Any

KEPT_S = 60.0  # the time to live of the service's records

Address = tuple[socket.AddressFamily, tuple[Any, ...]]


class Resolver:
    """Remembers addresses, and tries those that did not answer last."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._addresses: list[Address] = []
        self.error: Exception = TimeoutError(f"no address of {host} yet")
        self._asked_at = 0.0
        self._lookup: threading.Thread | None = None

    def refresh(self, wait_s: float) -> None:
        """Look the name up if that is due. Waits up to `wait_s` for the answer, and only if no address is known."""
        if self._lookup is None and not (self._addresses and time.monotonic() - self._asked_at < KEPT_S):
            self._asked_at = time.monotonic()
            self._lookup = threading.Thread(target=self._look_up, daemon=True)
            self._lookup.start()
        if self._lookup and not self._addresses:
            self._lookup.join(wait_s)
        if self._lookup and not self._lookup.is_alive():
            self._lookup = None

    def addresses(self) -> list[Address]:
        """The known addresses, best first. If there are none, `error` says why."""
        return self._addresses

    def put_last(self, address: Address) -> None:
        """Try this address after the others, because it did not answer."""
        if address in self._addresses:
            self._addresses = [other for other in self._addresses if other != address] + [address]

    def _look_up(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the addresses known before may still work
            self.error = error
        else:
            self._addresses = [(family, address) for family, _kind, _protocol, _name, address in found]
