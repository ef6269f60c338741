"""Many posts in flight at once, over connections that are kept between posts and between batches.

A Lambda is frozen between two invocations, for seconds or for minutes. What it finds afterwards: connections that the
service has closed (the kernel knows: they are dropped before they are used), that something between has forgotten (a
post is answered by a reset, and sent again over a new connection), and that swallow what they are given (which costs
that post its time; connections are not kept for long).
"""

import ssl
import time
from typing import Generic, TypeVar

from shared.gateway.answers import NoAnswer
from shared.gateway.connection import Connection
from shared.gateway.endpoint import Endpoint
from shared.gateway.resolver import Address, Resolver
from shared.gateway.sockets import sockets

MAX_IDLE_S = 30.0
CONNECT_S = 0.5  # without an answer in that time the next of the host's addresses is tried
LOOK_EVERY_S = 0.05

Tag = TypeVar("Tag")
# A post's tag, the HTTP status or 0, and what went wrong: its kind (see `outcome_of`) and its words
Ended = tuple[Tag, int, str, str]


class Transport(Generic[Tag]):
    """Posts under way, each with the caller's tag. Not for several threads at once."""

    def __init__(self, endpoint: Endpoint, ca_file: str, connections: int, timeout_s: float) -> None:
        self.idle_s = 0.0  # spent waiting, since the start
        self._host = endpoint.host
        self._resolver = Resolver(endpoint.host, endpoint.port)
        self._tls = endpoint.tls
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._most = connections
        self._timeout_s = timeout_s
        self._sockets = sockets()
        self._open: dict[int, Connection[Tag]] = {}  # by descriptor
        self._busy: dict[Connection[Tag], None] = {}
        self._idle: dict[Connection[Tag], None] = {}  # the one used last comes last, and is taken first
        self._ended: list[Ended[Tag]] = []
        self._looked_at = 0.0

    def __len__(self) -> int:
        """Posts under way."""
        return len(self._busy) + len(self._ended)

    def connections(self) -> int:
        """Those that are open, busy or not."""
        return len(self._open)

    def prepare(self, wait_s: float) -> None:
        """Before a batch: find out where the service is, so long at most, and which connections have ended.

        Raises:
            OSError: the file of trusted certificates cannot be read.
        """
        if self._tls and not self._context:
            self._context = _trusting(self._ca_file)
        self._resolver.refresh(min(wait_s, self._timeout_s))
        self._turn(0)

    def begin(self, tag: Tag, request: bytes, *, fresh: bool = False) -> None:
        """Start a post; `fresh`: over a new connection."""
        due = time.monotonic() + self._timeout_s
        while self._idle and not fresh:
            connection, _ = self._idle.popitem()
            if time.time() - connection.idle_since <= MAX_IDLE_S:
                self._carry(connection, tag, request, due)
                return
            self._close(connection)
        self._connect(tag, request, due, self._resolver.addresses(), self._resolver.error)

    def step(self, wait_s: float) -> list[Ended[Tag]]:
        """Wait for something to happen, that long at most, then tell what has ended."""
        if not self._ended:
            self._turn(max(0.0, min(wait_s, LOOK_EVERY_S)))
        ended, self._ended = self._ended, []
        return ended

    def abandon(self) -> list[Tag]:
        """Give up all that is under way, and the connections that it is on."""
        tags = [tag for tag, *_ in self._ended]
        self._ended.clear()
        for connection in list(self._busy):
            tags.append(connection.tag)
            self._close(connection)
        return tags

    def _turn(self, wait_s: float) -> None:
        began = time.monotonic()
        ready = self._sockets.poll(wait_s)
        now = time.monotonic()
        self.idle_s += now - began
        for descriptor, _events in ready:
            connection = self._open.get(descriptor)
            if not connection:
                continue
            if connection in self._busy:
                self._go_on(connection)
            elif not connection.is_quiet():
                self._close(connection)
        if now - self._looked_at >= LOOK_EVERY_S:  # after the sockets: an answer that has come is not too late
            self._looked_at = now
            self._look_at_the_clock(now)

    def _go_on(self, connection: Connection[Tag]) -> None:
        try:
            answer = connection.go_on()
        except (OSError, NoAnswer) as error:
            self._lost(connection, error)
            return
        if not answer:
            self._watch(connection)
            return
        self._ended.append((connection.tag, answer.status, "", ""))
        if not answer.reusable:
            self._close(connection)
            return
        del self._busy[connection]
        connection.kept = True
        connection.idle_since = time.time()  # the monotonic clock may stand still with a frozen Lambda
        self._idle[connection] = None

    def _carry(self, connection: Connection[Tag], tag: Tag, request: bytes, due: float) -> None:
        self._busy[connection] = None
        try:
            connection.carry(tag, request, due)
        except OSError as error:
            self._lost(connection, error)
        else:
            self._watch(connection)

    def _connect(self, tag: Tag, request: bytes, due: float, addresses: list[Address], error: Exception) -> None:
        """Carry a post over a new connection, to the first of the addresses that takes one; `error`: if none does."""
        if len(self._open) >= self._most and self._idle:
            self._close(next(iter(self._idle)))
        for position, address in enumerate(addresses):
            try:
                connection: Connection[Tag] = Connection(address, self._host, self._context)
            except OSError as refused:
                error = refused
                self._resolver.put_last(address)
            else:
                connection.others = addresses[position + 1 :]
                self._open[connection.descriptor] = connection
                self._carry(connection, tag, request, due)
                return
        self._ended.append((tag, 0, "broken", str(error)))

    def _lost(self, connection: Connection[Tag], error: Exception) -> None:
        """A connection has failed. Its post is sent anew where it cannot have been answered yet, else it has ended."""
        self._close(connection)
        if not connection.connected:
            self._resolver.put_last(connection.address)
            self._connect(connection.tag, connection.request, connection.due, connection.others, error)
        elif connection.kept and not connection.heard():
            addresses = self._resolver.addresses()
            self._connect(connection.tag, connection.request, connection.due, addresses, error)
        else:
            kind = "untrusted" if isinstance(error, ssl.SSLCertVerificationError) else "broken"
            self._ended.append((connection.tag, connection.status(), kind, str(error)))

    def _look_at_the_clock(self, now: float) -> None:
        for connection in list(self._busy):
            if now >= connection.due:
                self._close(connection)
                words = f"no answer within {self._timeout_s:g} s"
                self._ended.append((connection.tag, connection.status(), "timeout", words))
            elif not connection.connected and connection.others and now - connection.began >= CONNECT_S:
                self._lost(connection, TimeoutError(f"no connection within {CONNECT_S:g} s"))

    def _watch(self, connection: Connection[Tag]) -> None:
        """Have it told when the socket is what the connection wants it to be."""
        if connection.watched != connection.wants:
            change = self._sockets.modify if connection.watched else self._sockets.register
            change(connection.descriptor, connection.wants)
            connection.watched = connection.wants

    def _close(self, connection: Connection[Tag]) -> None:
        del self._open[connection.descriptor]
        self._busy.pop(connection, None)
        self._idle.pop(connection, None)
        if connection.watched:
            self._sockets.unregister(connection.descriptor)
        connection.close()


def _trusting(ca_file: str) -> ssl.SSLContext:
    """Checks certificates and the names in them, and speaks nothing older than TLS 1.2."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # says not which file
        raise OSError(f"the trusted certificates in {ca_file} cannot be read: {error}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context
