"""One connection to the service: it is made, carries a post, hears the answer, carries the next. Nothing here waits."""

import errno
import os
import socket
import ssl
import time
from typing import Generic, TypeVar

from shared.gateway.answers import Answer, NoAnswer, read_answer, status_of
from shared.gateway.resolver import Address
from shared.gateway.sockets import READABLE, WRITABLE

# The most that a TLS record holds: read in full, nothing is left over where epoll cannot see it.
RECORD_BYTES = 16_384

Tag = TypeVar("Tag")


class Connection(Generic[Tag]):
    """`tag`, `request`, `due`: of the post on it. `wants`: what the socket has to be before it is worth going on."""

    __slots__ = (
        "_context", "_established", "_host", "_received", "_socket", "_unsent", "address", "began", "connected",
        "descriptor", "due", "idle_since", "kept", "others", "request", "tag", "wants", "watched",
    )  # fmt: skip

    tag: Tag
    request: bytes
    due: float

    def __init__(self, address: Address, host: str, context: ssl.SSLContext | None) -> None:
        """Begin to connect, with TLS where there is a `context`. Raises: OSError."""
        self.address = address
        self.others: list[Address] = []  # to try when this one does not answer
        self.began = time.monotonic()
        self.connected = False
        self.kept = False  # it has brought an answer before
        self.idle_since = 0.0
        self.wants, self.watched = WRITABLE, 0
        self._host = host
        self._context = context
        self._established = False
        self._unsent = self._received = b""
        family, place = address
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self.descriptor = self._socket.fileno()
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begun = self._socket.connect_ex(place)
            if begun not in {0, errno.EINPROGRESS}:
                raise OSError(begun, os.strerror(begun))
        except OSError:
            self._socket.close()
            raise

    def carry(self, tag: Tag, request: bytes, due: float) -> None:
        """Take a post, and send what can be sent of it now. Raises: OSError, as `go_on`."""
        self.tag, self.request, self.due = tag, request, due
        self._received, self._unsent = b"", request
        if self._established:
            try:
                self._send()
            except (BlockingIOError, ssl.SSLWantWriteError):
                self.wants = WRITABLE
            except ssl.SSLWantReadError:
                self.wants = READABLE

    def go_on(self) -> Answer | None:
        """Do what can be done without waiting; returns the answer once it is there.

        Raises:
            OSError: the connection has failed; `ssl.SSLCertVerificationError`: nobody vouches for the other side.
            NoAnswer: what came is none.
        """
        try:
            if not self._established:
                self._establish()
            if self._unsent:
                self._send()
            return self._receive()
        except ssl.SSLWantReadError:
            self.wants = READABLE
        except ssl.SSLWantWriteError:
            self.wants = WRITABLE
        except BlockingIOError:
            self.wants = WRITABLE if self._unsent else READABLE
        return None

    def heard(self) -> bool:
        """Whether a byte of the answer has come."""
        return bool(self._received)

    def status(self) -> int:
        """Of an answer that will not be whole: its status line is enough. 0 without one."""
        return status_of(self._received)

    def is_quiet(self) -> bool:
        """Without a post on it: nothing came but what TLS keeps to itself. Anything else is the end of a connection."""
        try:
            self._socket.recv(RECORD_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """At once: TLS's goodbye would have to be waited for."""
        self._socket.close()

    def _establish(self) -> None:
        """https://docs.python.org/3/library/ssl.html#notes-on-non-blocking-sockets"""
        if not self.connected:
            error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            try:
                self._socket.getpeername()
            except OSError:
                raise BlockingIOError from None  # an event meant for another socket, which had this number before
            self.connected = True
            if self._context:
                self._socket = self._context.wrap_socket(
                    self._socket, server_hostname=self._host, do_handshake_on_connect=False
                )
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.do_handshake()
        self._established = True

    def _send(self) -> None:
        while self._unsent:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        self.wants = READABLE

    def _receive(self) -> Answer:
        """Raises, too: BlockingIOError and the like while the answer is not whole."""
        while True:
            received = self._socket.recv(RECORD_BYTES)
            if not received:
                raise NoAnswer("the connection was closed before an answer")
            self._received = self._received + received if self._received else received
            answer = read_answer(self._received)
            if answer:
                return answer
