"""The addresses of the service's host, looked up beside the posts, so that a name server that hangs stops nothing."""

import socket
import threading
import time
from typing import Any

KEPT_S = 60.0  # as long as the service says: its records live for 60 s

Address = tuple[socket.AddressFamily, tuple[Any, ...]]


class Resolver:
    """Remembers addresses, and which of them did not answer."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._addresses: list[Address] = []
        self.error: Exception = TimeoutError(f"no address of {host} yet")
        self._asked_at = 0.0
        self._lookup: threading.Thread | None = None

    def refresh(self, wait_s: float) -> None:
        """Look the name up, when that is due. Waits for the answer, so long at most, only where no address is known."""
        if self._lookup is None and not (self._addresses and time.monotonic() - self._asked_at < KEPT_S):
            self._asked_at = time.monotonic()
            self._lookup = threading.Thread(target=self._look_up, daemon=True)
            self._lookup.start()
        if self._lookup and not self._addresses:
            self._lookup.join(wait_s)
        if self._lookup and not self._lookup.is_alive():
            self._lookup = None

    def addresses(self) -> list[Address]:
        """Those known, best first. Where there are none, `error` says why."""
        return self._addresses

    def put_last(self, address: Address) -> None:
        """It did not answer: try the others first."""
        if address in self._addresses:
            self._addresses = [other for other in self._addresses if other != address] + [address]

    def _look_up(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # those known before are as good as none, or better
            self.error = error
        else:
            self._addresses = [(family, address) for family, _kind, _protocol, _name, address in found]
