"""The socket: follows a feed for ever, reconnects, resubscribes, and says in plain words what went wrong."""

import asyncio
import errno
import json
import random
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from shared.wire import loads
from tools.watch.book import Book, Kind, Outcome
from tools.watch.status import Status

LOCAL_CA = Path(__file__).resolve().parents[2] / ".local" / "tls" / "ca.pem"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 30.0
# A connection whose peer does not answer a ping within this is dead, whatever TCP thinks.
PING_EVERY_S = PING_TIMEOUT_S = 15
OPEN_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Target:
    """What to follow: a feed, a channel, some symbols (none: all), and a CA to trust besides the system's."""

    url: str
    channel: str = "rates_batch"
    symbols: tuple[str, ...] = ()
    ca: Path | None = None

    def subscription(self) -> str:
        """The message that subscribes to it."""
        symbols = {"symbols": list(self.symbols)} if self.symbols else {}
        return json.dumps({"event": "subscribe", "channel": self.channel, "id": 1} | symbols)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it came, and what the book made of it."""

    text: str
    outcome: Outcome


async def follow(
    target: Target, book: Book, status: Status, tell: Callable[[str], None]
) -> AsyncGenerator[Frame, None]:
    """Every frame of a feed, for ever, with `book` and `status` kept up to date. `tell` hears changes of state."""
    attempt = 0
    while True:
        status.connecting()
        try:
            async with _connection(target) as connection:
                book.reconnected(now_ms())
                try:
                    await connection.send(target.subscription())
                    async for message in connection:
                        frame = _read(message, book, status, tell)
                        if frame.outcome.kind is Kind.DATA:
                            attempt = 0
                        if frame.outcome.ask_snapshot:
                            await connection.send(json.dumps({"event": "snapshot", "channel": target.channel}))
                        yield frame
                    reason = _closed(connection.close_code, connection.close_reason)
                finally:
                    # Leaving is no error: without this the library would tell the server that it was one (1011).
                    await connection.close()
        except ConnectionClosed as closed:
            close = closed.rcvd
            reason = _closed(close.code, close.reason) if close else "the connection was cut or no longer answers"
        except (OSError, InvalidHandshake, TimeoutError) as error:
            reason = explain(error, target)
        delay_s = backoff_s(attempt)
        attempt += 1
        status.lost(reason, now_ms(), delay_s)
        tell(f"{reason}; reconnecting in {delay_s:.1f} s")
        await asyncio.sleep(delay_s)


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def backoff_s(attempt: int, draw: Callable[[float, float], float] = random.uniform) -> float:
    """How long to wait before attempt n + 1: exponential with full jitter, so that clients do not return in step.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return draw(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2 ** min(attempt, 16)))


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
    """What went wrong and what to do next, in one line."""
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


def _connection(target: Target) -> connect:
    local = urlsplit(target.url).hostname in LOOPBACK
    return connect(
        target.url,
        ssl=tls(target),
        # A proxy of the environment does not lead to this machine.
        proxy=None if local else True,
        open_timeout=OPEN_TIMEOUT_S,
        ping_interval=PING_EVERY_S,
        ping_timeout=PING_TIMEOUT_S,
        close_timeout=1,
    )


def _read(message: str | bytes, book: Book, status: Status, tell: Callable[[str], None]) -> Frame:
    text = message if isinstance(message, str) else message.decode("utf-8", errors="replace")
    now = now_ms()
    try:
        parsed = loads(text)
        outcome = book.apply(parsed, now) if isinstance(parsed, dict) else Outcome(Kind.OTHER)
    except ValueError as error:
        outcome = Outcome(Kind.OTHER, message=f"a frame could not be read: {error}")
    if outcome.kind in {Kind.SUBSCRIBED, Kind.DATA} and status.live(now):
        tell(f"live: {status.url}")
    if outcome.kind is Kind.DATA and not outcome.is_snapshot:
        status.received(len(outcome.changed), now)
    if outcome.message:
        status.notice = outcome.message
        tell(outcome.message)
    return Frame(text, outcome)


def _closed(code: int | None, reason: str | None) -> str:
    return f"the server closed the connection ({code}{' ' + reason if reason else ''})"


def _refused(status: int, target: Target) -> str:
    hints = {
        403: "is the address right, and is this origin or token allowed?",
        404: "the path is unknown, the feed is at /markets/ws/",
        429: "too many connections, it is tried again later",
    }
    hint = hints.get(status, "the feed behind it is down or starting" if status >= 500 else "check --url")
    return f"{urlsplit(target.url).netloc} refused the connection with HTTP {status}: {hint}"
