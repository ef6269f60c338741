"""The client's side of the protocol without a socket and without a clock: what happened goes in, what to do comes out.

https://sans-io.readthedocs.io/
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .answers import Request
from .book import Book, Change, Kind, Outcome
from .compact import BATCH, Legends
from .errors import Refused, ended_by
from .polling import Document, Polling
from .questions import Questions, Settled
from .quote import loads
from .requests import Requests, Subscription

BACKOFF_BASE_MS, BACKOFF_CAP_MS = 500, 30_000
# A connection that lasted this long resets the count of failures.
STABLE_MS = 10_000
# `rates` does not say when all of it has come, so the client keeps two connections for this long.
SETTLED_MS = 5_000
# How long the server may ask a client to wait, and how long it waits when the server does not say.
MOST_WAIT_MS, WAIT_UNSAID_MS = 60_000, 1_000
MOST_CLOSING_MS = 600_000
CLOSING_UNSAID_MS = 60_000
LATE = "the feed itself is late: nothing new has come to it for a while"

Draw = Callable[[float, float], float]


class Link(StrEnum):
    """The state of the connection and, while it is open, whether its quotes can be relied on."""

    CONNECTING = "connecting"
    LIVE = "live"
    LATE = "late"
    STALE = "stale"
    RECONNECTING = "reconnecting"
    # No socket can be opened; the quotes come over HTTP meanwhile.
    POLLING = "polling"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class State:
    """The state of the connection, and why it is not live. `retry_ms`: when it is tried again (Unix milliseconds)."""

    link: Link
    reason: str = ""
    retry_ms: int = 0
    error: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Open:
    """Open a connection; this number identifies it from now on."""

    number: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """Close a connection; the machine need not hear more about it."""

    number: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch the document with the prices, and tell the machine what it says."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame or a document as it came, and what it changed in the book that is shown."""

    text: str
    kind: Kind
    is_snapshot: bool
    message: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed in the book that is shown, without a frame."""

    changes: tuple[Change, ...]


Action = Open | Send | End | Fetch | Heard | Changed | Settled | State | Refused


@dataclass(slots=True)
class _Connection:
    """`overlaps`: it was subscribed while the connection before it was still open, and may be behind that one.
    `proof_from`: the first ID of a request sent after that one had ended. `plain`: its server does not count ticks, so
    it may stay silent while nothing changes."""

    number: int
    requests: Requests
    book: Book = field(default_factory=Book)
    legends: Legends = field(default_factory=Legends)
    opened: bool = False
    opened_ms: int = 0
    heard_ms: int = 0
    plain: bool = False
    overlaps: bool = False
    proof_from: int | None = None
    proven: bool = False
    successor_ms: int | None = None


class Machine:
    """Keeps one subscription alive over one connection after another. Times are Unix milliseconds that never run
    backwards. Each method returns what to do, in order.

    `book` is what is shown. Each connection has a book of its own. It is shown once it is whole and, while the
    connection before is alive, has caught up with that one's.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        dead_after_ms: int | None = 45_000,
        polls: bool = False,
        draw: Draw = random.uniform,
    ) -> None:
        self.book: Book = Book()
        self.state: State = State(Link.CONNECTING)
        self._subscription = subscription
        self._dead_after_ms = dead_after_ms
        self._draw = draw
        self._number = 0
        self._main: _Connection | None = None
        self._next: _Connection | None = None
        self._retry_ms: int | None = None
        self._live_ms: int | None = None
        self._failures = 0
        self._reason = ""
        self._error: Exception | None = None
        self._refusal: Refused | None = None
        self._questions = Questions()
        self._polling = Polling(
            is_possible=polls and subscription.batch,
            least_ms=1000 * (subscription.every_s or 0),
            symbols=subscription.symbols,
            draw=draw,
        )
        self._actions: list[Action] = []

    def start(self, now_ms: int = 0) -> list[Action]:
        """Begin. Call it once."""
        self._main = self._open()
        return self._done(now_ms)

    def opened(self, number: int, now_ms: int) -> list[Action]:
        """The connection is open."""
        connection = self._find(number)
        if connection is None:
            return [End(number)]
        connection.opened, connection.opened_ms, connection.heard_ms = True, now_ms, now_ms
        connection.overlaps = connection is self._next
        self._send(connection, connection.requests.opened(now_ms))
        return self._done(now_ms)

    def received(self, number: int, text: str, now_ms: int) -> list[Action]:
        """A frame came. If it refuses the subscription, everything ends, and the last action is the refusal."""
        connection = self._find(number)
        if connection is None:
            return []
        connection.heard_ms = now_ms
        outcome = self._read(connection, text, now_ms)
        if self._refusal:
            heard = Heard(text, outcome.kind, outcome.is_snapshot, outcome.message, ())
            return [heard, *self.close(), self._refusal]
        shown = outcome.changes if connection.book is self.book else ()
        self._ask(connection, outcome.is_snapshot, now_ms)
        shown += self._hand_over(now_ms)
        self._actions.insert(0, Heard(text, outcome.kind, outcome.is_snapshot, outcome.message, shown))
        return self._done(now_ms)

    def lost(self, number: int, reason: str, now_ms: int, error: Exception | None = None) -> list[Action]:
        """The connection has ended, or could not be opened."""
        self._lose(number, reason, now_ms, error)
        return self._done(now_ms)

    def fetched(self, document: Document | None, now_ms: int) -> list[Action]:
        """The document with the prices has come, or has not."""
        book = self._polling.answered(document, now_ms)
        # A cache may be a tick behind the socket that was lost; a feed that has started over counts from one again.
        is_newer = book and (book.seq >= self.book.seq or book.status.newest_ms > self.book.status.newest_ms)
        if document and book and is_newer:
            changes = book.changes_since(self.book)
            self.book = book
            self._actions.append(Heard(document.text, Kind.DATA, True, "", changes))
        return self._done(now_ms)

    def tick(self, now_ms: int) -> list[Action]:
        """Time has passed. Call it by `due_ms` at the latest."""
        for connection in [self._main, self._next]:
            if connection is None:
                continue
            dead_ms = self._dead_ms(connection)
            if dead_ms is not None and dead_ms <= now_ms:
                self._actions.append(End(connection.number))
                silent_s = round((now_ms - connection.heard_ms) / 1000, 1)
                self._lose(connection.number, f"nothing was heard for {silent_s:g} s", now_ms, None)
                continue
            for message in connection.requests.due(now_ms):
                self._send(connection, message)
        if self._retry_ms is not None and self._retry_ms <= now_ms:
            self._retry_ms = None
            self._main = self._open()
        main = self._main
        if main and main.successor_ms is not None and main.successor_ms <= now_ms and not self._next:
            main.successor_ms = None
            self._next = self._open()
        if changes := self._hand_over(now_ms):
            self._actions.append(Changed(changes))
        return self._done(now_ms)

    def ask(self, key: int, request: Request[object], now_ms: int) -> list[Action]:
        """Send a request of the user's as soon as there is a connection. It ends with a `Settled` under this key."""
        self._questions.add(key, request, now_ms)
        if self.state.link is Link.CLOSED:
            self._close_questions()
        self._put_questions(now_ms)
        return self._taken()

    def forget(self, key: int) -> None:
        """Nobody waits for the end of that request any more."""
        self._questions.forget(key)

    def due_ms(self) -> int | None:
        """When `tick` has something to do."""
        times = [self._retry_ms, self._polling.due_ms, self._questions.due_ms(self._open_number)]
        for connection in (self._main, self._next):
            if connection is not None:
                times += [self._dead_ms(connection), connection.requests.due_ms()]
        if self._main and not self._next:
            times.append(self._main.successor_ms)
        if self._next and not self._subscription.batch and self._next.requests.answered_ms is not None:
            times.append(self._next.requests.answered_ms + SETTLED_MS)
        return min((time for time in times if time is not None), default=None)

    def close(self) -> list[Action]:
        """Give everything up."""
        self._main = self._next = self._retry_ms = self._polling.due_ms = None
        reason, error = self.state.reason, self.state.error
        if self._refusal:
            reason, error = f"the server says: {self._refusal.message}", self._refusal
        self._close_questions()
        self._actions += self._questions.settled()
        return self._turn(State(Link.CLOSED, reason, 0, error))

    def _close_questions(self) -> None:
        self._questions.close(ended_by(self._refusal, "the feed was closed"))

    def _open(self) -> _Connection:
        self._number += 1
        self._actions.append(Open(self._number))
        return _Connection(self._number, Requests(self._subscription))

    def _find(self, number: int) -> _Connection | None:
        return next((each for each in (self._main, self._next) if each and each.number == number), None)

    @property
    def _open_number(self) -> int | None:
        return self._main.number if self._main and self._main.opened else None

    def _put_questions(self, now_ms: int) -> None:
        number = self._open_number
        channel = self._main.requests.channel if self._main and self._subscription.batch else BATCH
        for text in self._questions.due(number, now_ms, channel):
            if number is not None:
                self._actions.append(Send(number, text))
        self._actions += self._questions.settled()

    def _send(self, connection: _Connection, text: str) -> None:
        self._actions.append(Send(connection.number, text))

    def _read(self, connection: _Connection, text: str, now_ms: int) -> Outcome:
        try:
            frame = loads(text)
            if not isinstance(frame, dict):
                return Outcome(Kind.OTHER, message="a frame is not a JSON object")
            frame = connection.legends.expanded(frame)
            if self._questions.is_asked(frame.get("id")):
                self._answer(frame, now_ms)
                if frame.get("event") != "snapshot":
                    return Outcome(Kind.OTHER)
            outcome = connection.book.apply(frame, now_ms)
        except ValueError as error:
            return Outcome(Kind.OTHER, message=f"a frame could not be read: {error}")
        if outcome.kind in (Kind.SUBSCRIBED, Kind.DATA):
            connection.requests.answered(now_ms)
        if outcome.kind is Kind.DATA:
            data = frame["data"]
            connection.plain = isinstance(data, Mapping) and "seq" not in data
            connection.proven |= outcome.is_snapshot and _is_proof(connection, frame.get("id"))
        elif frame.get("event") == "closing":
            self._closing(connection, frame.get("reconnect_in_ms"), now_ms)
        elif outcome.kind is Kind.REFUSED or ("event" not in frame and "requestId" in frame):
            # API Gateway itself sends the latter when a Lambda failed.
            if self._falls_back(connection, frame, now_ms):
                return Outcome(Kind.OTHER)
            self._refused(connection, frame, now_ms)
        return outcome

    def _closing(self, connection: _Connection, reconnect_in_ms: object, now_ms: int) -> None:
        """The server will end this connection: open the next one in time, and not when all other clients do."""
        if isinstance(reconnect_in_ms, int) and not isinstance(reconnect_in_ms, bool):
            delay_ms = min(max(reconnect_in_ms, 0), MOST_CLOSING_MS)
        else:
            delay_ms = round(self._draw(0, CLOSING_UNSAID_MS))
        if connection.successor_ms is None:
            connection.successor_ms = now_ms + delay_ms

    def _falls_back(self, connection: _Connection, frame: Mapping[str, object], now_ms: int) -> bool:
        """Whether the server does not offer the channel, and there is another one to subscribe to."""
        message = connection.requests.fall_back(frame.get("id"), str(frame.get("code", "")), now_ms)
        if message is not None:
            self._send(connection, message)
        return message is not None

    def _refused(self, connection: _Connection, frame: Mapping[str, object], now_ms: int) -> None:
        message_id, code = frame.get("id"), str(frame.get("code", "error"))
        if frame.get("event") == "error" and frame.get("retryable") is not True:
            if connection.requests.is_subscription(message_id):
                self._refusal = Refused(code, str(frame.get("message", "")))
            return
        again_ms = self._again_ms(frame, now_ms)
        connection.requests.refused(message_id, again_ms)
        if message_id is None:
            self._questions.disturbed(connection.number, again_ms)

    def _answer(self, frame: Mapping[str, object], now_ms: int) -> None:
        """One of the user's own requests was answered or refused."""
        if frame.get("event") == "error":
            self._questions.refused(frame, self._again_ms(frame, now_ms))
        else:
            self._questions.answered(frame)

    def _again_ms(self, frame: Mapping[str, object], now_ms: int) -> int:
        """When to try again what the server could not do."""
        wait_ms = frame.get("retry_in_ms")
        if not isinstance(wait_ms, int) or isinstance(wait_ms, bool):
            wait_ms = WAIT_UNSAID_MS
        wait_ms = min(max(wait_ms, 0), MOST_WAIT_MS)
        return now_ms + wait_ms + round(self._draw(0, wait_ms / 4))

    def _ask(self, connection: _Connection, is_snapshot: bool, now_ms: int) -> None:
        """Ask again for what was missed."""
        requests, book = connection.requests, connection.book
        if not self._subscription.batch or requests.answered_ms is None:
            return
        if book.whole and not self._behind(connection):
            requests.whole()
        elif not book.whole and not book.gap:
            requests.parts_missing(now_ms)
        elif not requests.asking:
            self._send(connection, requests.snapshot(now_ms))
        elif is_snapshot:
            requests.gap_remains(now_ms)

    def _hand_over(self, now_ms: int) -> tuple[Change, ...]:
        """Show the book of the newest connection once it may be shown, and end the one before. Returns what changed."""
        main, after = self._main, self._next
        if main and after and self._caught_up(after, main, now_ms):
            self._actions.append(End(main.number))
            main, self._main, self._next = after, after, None
            # A connection that ends as announced is not a failure.
            self._failures = 0
        if main is None or main.book is self.book or not self._may_be_shown(main, now_ms):
            return ()
        before, self.book = self.book, main.book
        if not self._subscription.batch:
            self.book.carry(before)
        return self.book.changes_since(before)

    def _caught_up(self, after: _Connection, main: _Connection, now_ms: int) -> bool:
        if self._subscription.batch:
            return after.book.whole and after.book.seq >= max(main.book.seq, self.book.seq)
        answered_ms = after.requests.answered_ms
        return answered_ms is not None and now_ms - answered_ms >= SETTLED_MS

    def _may_be_shown(self, connection: _Connection, now_ms: int) -> bool:
        if not self._subscription.batch:
            return connection.requests.answered_ms is not None
        return connection.book.whole and not self._behind(connection) and not self._is_old(connection, now_ms)

    def _behind(self, connection: _Connection) -> bool:
        """Whether it may know less than what is shown already. A snapshot that was asked for after the end of the
        connection before is not older, even if its ticks are lower: then the feed has started over."""
        if connection.book is self.book or not connection.overlaps or connection.proven or connection is self._next:
            return False
        return connection.book.seq < self.book.seq

    def _is_old(self, connection: _Connection, now_ms: int) -> bool:
        """Whether it has told less by now than a document did, or the connection before. A feed that has started over
        tells lower ticks of later times, and else it goes on for longer."""
        told, shown = connection.book, self.book
        is_earlier = told.seq < shown.seq and told.status.newest_ms <= shown.status.newest_ms
        return is_earlier and not connection.proven and now_ms < connection.opened_ms + STABLE_MS

    def _lose(self, number: int, reason: str, now_ms: int, error: Exception | None) -> None:
        connection = self._find(number)
        if connection is None:
            return
        if connection is self._main and self._live_ms is not None and now_ms - self._live_ms >= STABLE_MS:
            self._failures = 0
        delay_ms = self._backoff_ms()
        self._failures += 1
        if connection is self._next:
            self._next = None
            if self._main:
                self._main.successor_ms = now_ms + delay_ms
            return
        self._reason, self._error = reason, error
        self._main, self._next = self._next, None
        if self._main is None:
            self._retry_ms = now_ms + delay_ms
            return
        self._main.proof_from = self._main.requests.last_id + 1
        self._ask(self._main, False, now_ms)
        if changes := self._hand_over(now_ms):
            self._actions.append(Changed(changes))

    def _backoff_ms(self) -> int:
        """Exponential with full jitter, so that clients do not return in step.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        return round(self._draw(0, min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** min(self._failures, 16))))

    def _dead_ms(self, connection: _Connection) -> int | None:
        """When to give up a connection that stays silent. While it is being opened, the socket has its own limit."""
        if not connection.opened or connection.plain or self._dead_after_ms is None:
            return None
        return connection.heard_ms + self._dead_after_ms

    def _done(self, now_ms: int) -> list[Action]:
        self._put_questions(now_ms)
        is_served = self._main is not None and self._main.book is self.book
        if self._polling.look(is_served=is_served, now_ms=now_ms):
            self._actions.append(Fetch())
        return self._turn(self._state(), now_ms)

    def _turn(self, state: State, now_ms: int = 0) -> list[Action]:
        if state != self.state:
            if state.link is Link.LIVE:
                self._reason, self._error = "", None
            if state.link not in (Link.LIVE, Link.LATE, Link.STALE):
                self._live_ms = None
            elif self._live_ms is None:
                self._live_ms = now_ms
            self.state = state
            self._actions.append(state)
        return self._taken()

    def _taken(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _state(self) -> State:
        main = self._main
        if self._polling.is_late:
            return State(Link.LATE, LATE)
        if self._polling.is_shown:
            return State(Link.POLLING, self._reason, self._retry_ms or 0, self._error)
        if main is None:
            return State(Link.RECONNECTING, self._reason, self._retry_ms or 0, self._error)
        if main.book is not self.book:
            return State(Link.CONNECTING, self._reason, 0, self._error)
        if main.book.status.late:
            return State(Link.LATE, LATE)
        was_live = self.state.link in (Link.LIVE, Link.LATE)
        if not self._subscription.batch or main.book.whole or (was_live and not main.book.gap):
            return State(Link.LIVE)
        return State(Link.STALE, "an update was missed; the whole state has been asked for")


def _is_proof(connection: _Connection, message_id: object) -> bool:
    return isinstance(message_id, int) and connection.proof_from is not None and message_id >= connection.proof_from
