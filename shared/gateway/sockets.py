"""Which sockets are ready: by epoll on Linux, where the Lambdas run, by poll elsewhere (the local stack on macOS)."""

import select
import sys
from typing import Protocol

READABLE, WRITABLE = select.POLLIN, select.POLLOUT  # the same numbers in epoll


class Sockets(Protocol):
    """The interface of both. `poll` waits up to `timeout_s` seconds and returns each ready socket with its events."""

    def register(self, descriptor: int, events: int, /) -> object: ...
    def modify(self, descriptor: int, events: int, /) -> object: ...
    def unregister(self, descriptor: int, /) -> object: ...
    def poll(self, timeout_s: float, /) -> list[tuple[int, int]]: ...


class Poll:
    """`select.poll` with the interface of `select.epoll`. Unlike epoll, it does not forget a closed socket."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register, self.modify, self.unregister = self._poll.register, self._poll.modify, self._poll.unregister

    def poll(self, timeout_s: float, /) -> list[tuple[int, int]]:
        return self._poll.poll(timeout_s * 1000)


def sockets() -> Sockets:
    """The faster of the two that this system has."""
    if sys.platform == "linux":
        return select.epoll()
    return Poll()
