"""What to follow, how to get there, and in plain words why that failed."""

import errno
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

from cadfeed_client import Feed, Heard, State

LOCAL_CA = Path(__file__).resolve().parents[2] / ".local" / "tls" / "ca.pem"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Target:
    """What to follow: a feed, a channel, some symbols (none: all), and a CA to trust besides the system's."""

    url: str
    channel: str = "rates_batch"
    symbols: tuple[str, ...] = ()
    ca: Path | None = None

    def feed(self, on_state: Callable[[State], object], on_heard: Callable[[Heard], object]) -> Feed:
        """The client that follows it.

        Raises:
            OSError: the CA file cannot be read or is none.
        """
        return Feed(
            self.url,
            self.symbols or None,
            channel=self.channel,
            on_state=on_state,
            on_heard=on_heard,
            ssl=tls(self),
            # A proxy of the environment does not lead to this machine.
            proxy=None if urlsplit(self.url).hostname in LOOPBACK else True,
            open_timeout=OPEN_TIMEOUT_S,
        )


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def tls(target: Target) -> ssl.SSLContext | None:
    """The verifying TLS context for a target, or None for ws://. The local CA is trusted for this machine only.

    Raises:
        OSError: the CA file cannot be read or is none (`ssl.SSLError` is an OSError).
    """
    address = urlsplit(target.url)
    if address.scheme != "wss":
        return None
    context = ssl.create_default_context()
    if target.ca:
        context.load_verify_locations(cafile=target.ca)
    elif address.hostname in LOOPBACK and LOCAL_CA.exists():
        context.load_verify_locations(cafile=LOCAL_CA)
    return context


def explain(error: Exception, target: Target) -> str:
    """Why a connection did not come about and what to do next, in one line."""
    address = urlsplit(target.url)
    host = address.hostname or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {host} is not accepted ({error.verify_message}): pass --ca FILE or run `make trust`"
    if isinstance(error, ssl.SSLError):
        return f"TLS with {address.netloc} failed ({error.reason}): is it a ws:// address, or another server's port?"
    if isinstance(error, socket.gaierror):
        return f"the name {host} is not found: check --url and the network"
    # With several addresses for a name asyncio wraps their errors into one that has no errno of its own.
    refused = f"[Errno {errno.ECONNREFUSED}]" in str(error)
    if isinstance(error, ConnectionRefusedError) or refused:
        hint = "is `make run` running?" if host in LOOPBACK else "is the address right?"
        return f"nothing listens at {address.netloc}: {hint}"
    if isinstance(error, InvalidStatus):
        return _refused(error.response.status_code, target)
    if isinstance(error, InvalidMessage | InvalidHandshake):
        return f"{address.netloc} does not speak WebSocket here ({error}): check --url (path, wss:// or ws://)"
    if isinstance(error, TimeoutError):
        return f"{address.netloc} did not answer within {OPEN_TIMEOUT_S} s: check --url and the network"
    return f"the connection to {address.netloc} failed: {error}"


def _refused(status: int, target: Target) -> str:
    hints = {
        403: "is the address right, and is this origin or token allowed?",
        404: "the path is unknown, the feed is at /markets/ws/",
        429: "too many connections, it is tried again later",
    }
    hint = hints.get(status, "the feed behind it is down or starting" if status >= 500 else "check --url")
    return f"{urlsplit(target.url).netloc} refused the connection with HTTP {status}: {hint}"
