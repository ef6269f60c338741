"""Many posts in flight at the same time, over connections that are kept between posts and between batches.

A Lambda is frozen between invocations, for seconds or minutes. Afterwards some connections no longer work. The service
has closed some: the kernel knows, so they are dropped before use. A router has forgotten others: a post gets a reset
and is sent again over a new connection. Some swallow a post: it times out, so connections are not kept for long.
"""

import ssl
import time
from typing import Generic, TypeVar

from shared.gateway.endpoint import Endpoint
from shared.gateway.http_connection import HttpConnection
from shared.gateway.resolver import Address, Resolver
from shared.gateway.responses import BadResponse
from shared.gateway.sockets import sockets

MAX_IDLE_S = 30.0
CONNECT_S = 0.5  # then the next of the host's addresses is tried
CHECK_EVERY_S = 0.05

Tag = TypeVar("Tag")
# A post's tag, the HTTP status or 0, and what went wrong: a kind (see `outcome_of`) and a detail
Ended = tuple[Tag, int, str, str]


class Transport(Generic[Tag]):
    """Posts under way, each with the caller's tag. Not thread-safe."""

    def __init__(self, endpoint: Endpoint, ca_file: str, connections: int, timeout_s: float) -> None:
        self.idle_s = 0.0  # seconds spent waiting since the start
        self._host = endpoint.host
        self._resolver = Resolver(endpoint.host, endpoint.port)
        self._tls = endpoint.tls
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._most = connections
        self._timeout_s = timeout_s
        self._sockets = sockets()
        self._open: dict[int, HttpConnection[Tag]] = {}  # by descriptor
        self._busy: dict[HttpConnection[Tag], None] = {}
        self._idle: dict[HttpConnection[Tag], None] = {}  # in order of last use; the last one is taken first
        self._ended: list[Ended[Tag]] = []
        self._checked_at = 0.0

    def __len__(self) -> int:
        """The number of posts under way."""
        return len(self._busy) + len(self._ended)

    def connections(self) -> int:
        """The number of open connections, busy or idle."""
        return len(self._open)

    def prepare(self, wait_s: float) -> None:
        """Before a batch: look up the service's addresses, for up to `wait_s`, and drop connections that have ended.

        Raises:
            OSError: the file of trusted certificates cannot be read.
        """
        if self._tls and not self._context:
            self._context = _trusting(self._ca_file)
        self._resolver.refresh(min(wait_s, self._timeout_s))
        self._poll_sockets(0)

    def begin(self, tag: Tag, request: bytes, *, fresh: bool = False) -> None:
        """Start a post, with `fresh` over a new connection."""
        due = time.monotonic() + self._timeout_s
        while self._idle and not fresh:
            connection, _ = self._idle.popitem()
            if time.time() - connection.idle_since <= MAX_IDLE_S:
                self._send_post(connection, tag, request, due)
                return
            self._close(connection)
        self._connect(tag, request, due, self._resolver.addresses(), self._resolver.error)

    def step(self, wait_s: float) -> list[Ended[Tag]]:
        """Wait for an event, up to `wait_s` seconds. Returns the posts that have ended."""
        if not self._ended:
            self._poll_sockets(max(0.0, min(wait_s, CHECK_EVERY_S)))
        ended, self._ended = self._ended, []
        return ended

    def abandon(self) -> list[Tag]:
        """Give up all posts under way and close their connections. Returns their tags."""
        tags = [tag for tag, *_ in self._ended]
        self._ended.clear()
        for connection in list(self._busy):
            tags.append(connection.tag)
            self._close(connection)
        return tags

    def _poll_sockets(self, wait_s: float) -> None:
        began = time.monotonic()
        ready = self._sockets.poll(wait_s)
        now = time.monotonic()
        self.idle_s += now - began
        for descriptor, _events in ready:
            connection = self._open.get(descriptor)
            if not connection:
                continue
            if connection in self._busy:
                self._proceed(connection)
            elif not connection.is_idle():
                self._close(connection)
        if now - self._checked_at >= CHECK_EVERY_S:  # after the sockets: a response that has arrived is not too late
            self._checked_at = now
            self._check_deadlines(now)

    def _proceed(self, connection: HttpConnection[Tag]) -> None:
        try:
            response = connection.proceed()
        except (OSError, BadResponse) as error:
            self._lost(connection, error)
            return
        if not response:
            self._watch(connection)
            return
        self._ended.append((connection.tag, response.status, "", ""))
        if not response.reusable:
            self._close(connection)
            return
        del self._busy[connection]
        connection.is_reused = True
        connection.idle_since = time.time()  # the monotonic clock may stop while the Lambda is frozen
        self._idle[connection] = None

    def _send_post(self, connection: HttpConnection[Tag], tag: Tag, request: bytes, due: float) -> None:
        self._busy[connection] = None
        try:
            connection.send_post(tag, request, due)
        except OSError as error:
            self._lost(connection, error)
        else:
            self._watch(connection)

    def _connect(self, tag: Tag, request: bytes, due: float, addresses: list[Address], error: Exception) -> None:
        """Send a post over a new connection to the first address that accepts one, else let it fail with `error`."""
        if len(self._open) >= self._most and self._idle:
            self._close(next(iter(self._idle)))
        for position, address in enumerate(addresses):
            try:
                connection: HttpConnection[Tag] = HttpConnection(address, self._host, self._context)
            except OSError as refused:
                error = refused
                self._resolver.put_last(address)
            else:
                connection.fallbacks = addresses[position + 1 :]
                self._open[connection.descriptor] = connection
                self._send_post(connection, tag, request, due)
                return
        self._ended.append((tag, 0, "broken", str(error)))

    def _lost(self, connection: HttpConnection[Tag], error: Exception) -> None:
        """A connection has failed. Send its post again if the service cannot have answered it, else let it fail."""
        self._close(connection)
        if not connection.connected:
            self._resolver.put_last(connection.address)
            self._connect(connection.tag, connection.request, connection.due, connection.fallbacks, error)
        elif connection.is_reused and not connection.has_received():
            addresses = self._resolver.addresses()
            self._connect(connection.tag, connection.request, connection.due, addresses, error)
        else:
            kind = "untrusted" if isinstance(error, ssl.SSLCertVerificationError) else "broken"
            self._ended.append((connection.tag, connection.status(), kind, str(error)))

    def _check_deadlines(self, now: float) -> None:
        for connection in list(self._busy):
            if now >= connection.due:
                self._close(connection)
                detail = f"no answer within {self._timeout_s:g} s"
                self._ended.append((connection.tag, connection.status(), "timeout", detail))
            elif not connection.connected and connection.fallbacks and now - connection.began >= CONNECT_S:
                self._lost(connection, TimeoutError(f"no connection within {CONNECT_S:g} s"))

    def _watch(self, connection: HttpConnection[Tag]) -> None:
        """Wait for the socket event that the connection wants next."""
        if connection.watched != connection.wants:
            change = self._sockets.modify if connection.watched else self._sockets.register
            change(connection.descriptor, connection.wants)
            connection.watched = connection.wants

    def _close(self, connection: HttpConnection[Tag]) -> None:
        del self._open[connection.descriptor]
        self._busy.pop(connection, None)
        self._idle.pop(connection, None)
        if connection.watched:
            self._sockets.unregister(connection.descriptor)
        connection.close()


def _trusting(ca_file: str) -> ssl.SSLContext:
    """A context that checks certificates and host names and requires TLS 1.2 or newer."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # it does not name the file
        raise OSError(f"the trusted certificates in {ca_file} cannot be read: {error}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context
