"""Which sockets are ready: epoll where the Lambdas run, poll where there is none (the local stack on macOS)."""

import select
import sys
from typing import Protocol

READABLE, WRITABLE = select.POLLIN, select.POLLOUT  # of epoll, too


class Sockets(Protocol):
    """What is asked of either. `poll` waits so many seconds and tells each ready socket's events."""

    def register(self, descriptor: int, events: int, /) -> object: ...
    def modify(self, descriptor: int, events: int, /) -> object: ...
    def unregister(self, descriptor: int, /) -> object: ...
    def poll(self, timeout_s: float, /) -> list[tuple[int, int]]: ...


class Poll:
    """`select.poll` with the interface of `select.epoll`. Unlike that it does not forget a socket that is closed."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register, self.modify, self.unregister = self._poll.register, self._poll.modify, self._poll.unregister

    def poll(self, timeout_s: float, /) -> list[tuple[int, int]]:
        return self._poll.poll(timeout_s * 1000)


def sockets() -> Sockets:
    """The faster one that there is."""
    if sys.platform == "linux":
        return select.epoll()
    return Poll()
