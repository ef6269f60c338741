"""One HTTP connection to the service. It sends a post, receives the response, then sends the next. No call blocks."""

import errno
import os
import socket
import ssl
import time
from typing import Generic, TypeVar

from shared.gateway.resolver import Address
from shared.gateway.responses import BadResponse, HttpResponse, read_response, status_of
from shared.gateway.sockets import READABLE, WRITABLE

# The size limit of a TLS record. Reading a whole record leaves nothing in OpenSSL's buffer, which epoll cannot see.
RECORD_BYTES = 16_384

Tag = TypeVar("Tag")


class HttpConnection(Generic[Tag]):
    """`tag`, `request` and `due` belong to the current post. `wants` is the socket event to wait for."""

    __slots__ = (
        "_context", "_established", "_host", "_received", "_socket", "_unsent", "address", "began", "connected",
        "descriptor", "due", "fallbacks", "idle_since", "is_reused", "request", "tag", "wants", "watched",
    )  # fmt: skip

    tag: Tag
    request: bytes
    due: float

    def __init__(self, address: Address, host: str, context: ssl.SSLContext | None) -> None:
        """Begin to connect, with TLS if `context` is given.

        Raises:
            OSError: the address refuses the connection.
        """
        self.address = address
        self.fallbacks: list[Address] = []  # addresses to try if this one does not answer
        self.began = time.monotonic()
        self.connected = False
        self.is_reused = False  # it has carried a response before
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
            code = self._socket.connect_ex(place)
            if code not in {0, errno.EINPROGRESS}:
                raise OSError(code, os.strerror(code))
        except OSError:
            self._socket.close()
            raise

    def send_post(self, tag: Tag, request: bytes, due: float) -> None:
        """Begin a post and send as much of it as the socket takes now.

        Raises:
            OSError: the connection has failed.
        """
        self.tag, self.request, self.due = tag, request, due
        self._received, self._unsent = b"", request
        if self._established:
            try:
                self._send()
            except (BlockingIOError, ssl.SSLWantWriteError):
                self.wants = WRITABLE
            except ssl.SSLWantReadError:
                self.wants = READABLE

    def proceed(self) -> HttpResponse | None:
        """Handshake, send and receive as far as possible without blocking. Returns the response once it is complete.

        Raises:
            OSError: the connection has failed; `ssl.SSLCertVerificationError`: the certificate is not trusted.
            BadResponse: the bytes received are not a response.
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

    def has_received(self) -> bool:
        """Whether at least one byte of the response has arrived."""
        return bool(self._received)

    def status(self) -> int:
        """The status of a response that was cut off, 0 if its status line did not arrive."""
        return status_of(self._received)

    def is_idle(self) -> bool:
        """Whether only TLS's own records arrived since the last response. Anything else ends the connection."""
        try:
            self._socket.recv(RECORD_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close without TLS's closing handshake, which would block."""
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
                raise BlockingIOError from None  # an event for an earlier socket with the same descriptor
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

    def _receive(self) -> HttpResponse:
        """Raises BlockingIOError and its TLS equivalents while the response is incomplete."""
        while True:
            received = self._socket.recv(RECORD_BYTES)
            if not received:
                raise BadResponse("the connection was closed before a response")
            self._received = self._received + received if self._received else received
            response = read_response(self._received)
            if response:
                return response
