"""What an address says, and why it could not be reached, in plain words."""

import errno
import socket
import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SCHEMES = frozenset({"ws", "wss"})


class Failure(NamedTuple):
    """Why a connection failed, and what to check."""

    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.what}: {self.advice}"


def is_address(url: str) -> bool:
    """Whether this may be the address of a feed: `ws://` or `wss://` and a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.hostname)


def is_loopback(url: str) -> bool:
    """Whether the address is one of this machine."""
    return urlsplit(url).hostname in LOOPBACK


def tls_context(url: str, cafile: Path | None = None) -> ssl.SSLContext | None:
    """The verifying TLS context for an address, `None` for `ws://`. `cafile` is trusted besides the system's CAs.

    Raises:
        OSError: the file cannot be read or holds no certificate (`ssl.SSLError` is an `OSError`).
    """
    if urlsplit(url).scheme != "wss":
        return None
    context = ssl.create_default_context()
    if cafile:
        context.load_verify_locations(cafile=cafile)
    return context


def failure_of(error: Exception, url: str) -> Failure:
    """Why a connection to this address failed."""
    address = urlsplit(url)
    host = address.hostname or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"the certificate of {host} is not accepted ({error.verify_message})"
        return Failure(what, "trust the CA that signed it")
    if isinstance(error, ssl.SSLError):
        what = f"TLS with {address.netloc} failed ({error.reason})"
        return Failure(what, "is it a ws:// address, or another server's port?")
    if isinstance(error, socket.gaierror):
        return Failure(f"the name {host} is not found", "check the address and the network")
    if is_refusal(error):
        return Failure(f"nothing listens at {address.netloc}", "is the address right?")
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return Failure(f"{address.netloc} refused the connection with HTTP {status}", _advice(status))
    if isinstance(error, InvalidMessage | InvalidHandshake):
        what = f"{address.netloc} does not speak WebSocket here ({error})"
        return Failure(what, "check the address (path, wss:// or ws://)")
    if isinstance(error, TimeoutError):
        return Failure(f"{address.netloc} did not answer in time", "check the address and the network")
    return Failure(f"the connection to {address.netloc} failed", str(error) or type(error).__name__)


def is_refusal(error: Exception) -> bool:
    """Whether nothing listens there."""
    # With several addresses for a name asyncio wraps their errors into one that has no errno of its own.
    return isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error)


def _advice(status: int) -> str:
    advice = {
        403: "is the address right, and does the feed ask for a token?",
        404: "the path is unknown, the feed is at /markets/ws/",
        429: "too many connections, the client tries again later",
    }
    return advice.get(status, "the feed behind it is down or starting" if status >= 500 else "check the address")
