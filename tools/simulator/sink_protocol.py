"""The sink's side of a connection: the part of HTTP/1.1 with keep-alive that clients of `@connections` use.

Answers wait in one queue with one timer, since a timer per request costs more than the request.
"""

import asyncio
import json
import socket
import struct
import time
from collections import Counter, deque
from pathlib import Path
from typing import cast
from urllib.parse import unquote_to_bytes

from tools.simulator.sink_answers import CUT, RESPONSES, STATUS_OF_WORD, TORN, WORD

CONNECTIONS = (b"/@connections/", b"/%40connections/", b"/%40Connections/")
RECEIVED = memoryview(bytearray(64 * 1024))  # one for all connections: its content is taken out before the next read
LONGEST_HEAD = 32 * 1024
LOGGED_BODY = 64
TIMER_GRAIN_S = 0.001  # libuv's timers count milliseconds
LINGER_NOT = struct.pack("ii", 1, 0)  # a close that sends RST instead of FIN


class Exchange:
    """The shared state of a sink's connections: outcomes, queue of answers, counts and log."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, latency_s: float, log: Path | None, logged_bytes: int = LOGGED_BODY
    ) -> None:
        self._loop = loop
        self.logged_bytes = logged_bytes
        self.latency_s = latency_s
        self.down_until = 0.0
        self.connections: set[SinkProtocol] = set()
        self.accepted = self.most_connections = 0
        self.outcomes: Counter[int | str] = Counter()
        self._seen: set[bytes] = set()
        self._closed: set[bytes] = set()
        self._due: deque[tuple[float, SinkProtocol, int | str]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._log = log.open("w", encoding="utf-8") if log else None
        self.logs = log is not None

    def outcome(self, connection_id: bytes) -> int | str:
        """Return the outcome of a post to this id: a status, or how it ends without one."""
        if self.down_until and time.monotonic() < self.down_until:
            return 503
        if connection_id in self._closed:
            return 410
        found = WORD.search(connection_id)
        if found is None:
            return 200
        if found[2]:
            if connection_id in self._seen:
                return 200
            self._seen.add(connection_id)
        word = found[1].decode()
        return STATUS_OF_WORD.get(word, word)

    def close_client(self, connection_id: bytes) -> int:
        """Close a client's connection; return the status of that. It is gone from then on."""
        if connection_id in self._closed or b"gone" in connection_id:
            return 410
        self._closed.add(connection_id)
        return 204

    def answer_later(self, protocol: "SinkProtocol", outcome: int | str) -> None:
        """Queue an answer."""
        self._due.append((time.monotonic() + self.latency_s, protocol, outcome))
        if self._timer is None:
            self._timer = self._loop.call_later(self.latency_s, self._answer_due)

    def _answer_due(self) -> None:
        due, horizon = self._due, time.monotonic() + TIMER_GRAIN_S / 2
        while due and due[0][0] <= horizon:
            _, protocol, outcome = due.popleft()
            protocol.answer(outcome)
        self._timer = None
        if due:
            self._timer = self._loop.call_later(max(TIMER_GRAIN_S, due[0][0] - time.monotonic()), self._answer_due)

    def set_latency(self, latency_s: float) -> None:
        """Set the delay of all answers, queued ones included."""
        self.latency_s = latency_s
        latest = time.monotonic() + latency_s
        self._due = deque((min(due, latest), protocol, outcome) for due, protocol, outcome in self._due)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._loop.call_later(0, self._answer_due)

    def log(self, outcome: int | str, connection_id: bytes, body: bytes) -> None:
        """Log a line per complete post; the client may still miss the answer."""
        if self._log is not None:
            begin = json.dumps(body.decode("utf-8", "replace"))
            self._log.write(f"{time.time_ns() // 1_000_000} {outcome} {connection_id.decode('latin-1')} {begin}\n")

    def flush(self) -> None:
        """Write the logged lines to the file."""
        if self._log is not None:
            self._log.flush()

    def close_idle(self, *, close_notify: bool = True) -> int:
        """Close the idle connections, with TLS's close_notify or without; return how many."""
        idle = [protocol for protocol in self.connections if not protocol.owes]
        for protocol in idle:
            (protocol.close if close_notify else protocol.abort)()
        return len(idle)

    def counts(self) -> dict[str, object]:
        return {
            "posts": self.outcomes.total(),
            "by_status": {str(outcome): count for outcome, count in self.outcomes.items()},
            "connections": len(self.connections),
            "accepted": self.accepted,
            "most_connections": self.most_connections,
        }


class SinkProtocol(asyncio.BufferedProtocol):
    """One connection. `owes` counts its open answers."""

    __slots__ = ("_exchange", "_rest", "_transport", "owes")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rest = b""
        self.owes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has no base class in common with asyncio's
        exchange = self._exchange
        exchange.connections.add(self)
        exchange.accepted += 1
        exchange.most_connections = max(exchange.most_connections, len(exchange.connections))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own signature
        self._exchange.connections.discard(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's own signature
        return RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        data = self._rest + RECEIVED[:nbytes]
        begin = 0
        while begin < len(data):
            end = self._request(data, begin)
            if end == begin:
                break
            begin = end
        self._rest = data[begin:]

    def _request(self, data: bytes, begin: int) -> int:
        """Take the request that begins there; return where the next one begins, or the same place if incomplete."""
        head_end = data.find(b"\r\n\r\n", begin)
        if head_end < 0:
            if len(data) - begin > LONGEST_HEAD:
                self._refuse()
            return begin
        length = _content_length(data, begin, head_end)
        if length is None:
            self._refuse()
            return begin
        body = head_end + 4
        end = body + length
        if len(data) < end:
            if body == len(data) and data.find(b"100-continue", begin, head_end) >= 0:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return begin
        method, target, _ = data[begin : data.find(b"\r\n", begin)].split(b" ", 2)
        connection_id = _connection_id(target)
        if method not in {b"POST", b"DELETE"} or not connection_id:
            outcome: int | str = 404
        elif data.find(b"uthorization: AWS4-HMAC-SHA256 ", begin, head_end) < 0:
            outcome = 403  # without a signature a client must not look as fast as those that sign
        elif method == b"DELETE":
            outcome = self._exchange.close_client(connection_id)
        else:
            outcome = self._exchange.outcome(connection_id)
        self._exchange.outcomes[outcome] += 1
        if self._exchange.logs and method == b"POST":
            self._exchange.log(outcome, connection_id, data[body : min(end, body + self._exchange.logged_bytes)])
        self.owes += 1
        if outcome != "slow":
            self._exchange.answer_later(self, outcome)
        return end

    def answer(self, outcome: int | str) -> None:
        self.owes -= 1
        transport = self._transport
        if transport.is_closing():
            return
        if isinstance(outcome, int):
            transport.write(RESPONSES[outcome])
        elif outcome in ("cut", "torn"):
            transport.write(CUT if outcome == "cut" else TORN)
            transport.close()
        else:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            transport.abort()

    def close(self) -> None:
        """Close with TLS's close_notify."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _refuse(self) -> None:
        self._transport.write(RESPONSES[400])
        self._transport.close()


def _content_length(data: bytes, begin: int, end: int) -> int | None:
    at = data.find(b"\r\nContent-Length: ", begin, end)
    head = data if at >= 0 else data[:end].lower()
    at = at if at >= 0 else head.find(b"\r\ncontent-length: ", begin)
    if at < 0:
        return None
    number = head[at + 18 : at + 28].split(b"\r", 1)[0]
    return int(number) if number.isdigit() else None


def _connection_id(target: bytes) -> bytes:
    """Return the last part of the path, or nothing if it is not a connection's address."""
    for begin in CONNECTIONS:
        at = target.find(begin)
        if at >= 0:
            name = target[at + len(begin) :]
            return unquote_to_bytes(name) if b"%" in name else name
    return b""
