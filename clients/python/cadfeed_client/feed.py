"""The sockets around the machine: a task per connection, one for the time, and the consumers' queues."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Self, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from .address import failure_of, is_address, is_loopback
from .answers import Answer, ExplainRequest, Request
from .book import Book, Change
from .compact import COMPACT
from .conflation import Conflation
from .errors import Refused, RequestError, ended_by
from .explanation import Explanation
from .fetching import fetched
from .machine import Action, Changed, End, Fetch, Heard, Link, Machine, Open, Send, State
from .polling import documents_address
from .questions import Settled
from .quote import Quote
from .requests import Subscription
from .tokens import NoToken, Token, subprotocols_with

OPEN_TIMEOUT_S = 10
CLOSE_TIMEOUT_S = 1
LEAST_SLEEP_S = 0.005

# In a program without logging, only `state` and `on_state` tell what happens.
# https://docs.python.org/3/howto/logging.html#configuring-logging-for-a-library
logger: logging.Logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())


class Feed:
    """The quotes of a feed, over connections that are made, subscribed and replaced as needed.

    Use it as an async context manager and iterate over it, or only iterate over it. It runs in the loop in which it is
    entered.

    Args:
        url: `wss://.../markets/ws/`.
        symbols: the ones wanted, e.g. `["BTC_CAD"]`, as many as the server allows; all when `None`.
        channel: `rates_compact`, or `rates_batch`, which the client takes by itself from a server that does not offer
            the first; or `rates`, which other servers of the kind speak too. `rates` does not tell when a frame was
            lost or a symbol has no price any more.
        every_s: the seconds between two frames, each with everything that changed since the one before: a multiple of
            the feed's tick, up to 300; `None` for every tick.
        dead_after_s: after this many seconds of silence, and `every_s`, the client gives up a connection; never, if
            `None`. The server sends something at least every 30 s. A server that does not count ticks may stay silent.
        token: for a feed that asks for one; or a function that fetches one, also an asynchronous one, which is called
            for each connection. If it fails, the client tries again later, as after a lost connection.
        polls: whether the client takes the prices over HTTP while no socket can be opened, from `rates.json` beside an
            address that ends with `/ws/`. It goes back to the socket by itself.
        on_state: called with each change of `state`.
        on_heard: called with each frame as it came, and what it changed; also with each such document.
        options: for `websockets.asyncio.client.connect`, such as `ssl`, `proxy` or `additional_headers`. Unless `proxy`
            is given, the environment's is used, except to this machine.

    Raises:
        ValueError: the address is not that of a WebSocket, or `symbols` is not a list of names.
    """

    def __init__(
        self,
        url: str,
        symbols: Sequence[str] | None = None,
        *,
        channel: str = COMPACT,
        every_s: int | None = None,
        dead_after_s: float | None = 45.0,
        token: Token | None = None,
        polls: bool = True,
        on_state: Callable[[State], object] | None = None,
        on_heard: Callable[[Heard], object] | None = None,
        **options: Any,
    ) -> None:
        if symbols is not None and (isinstance(symbols, str) or not symbols):
            raise ValueError('symbols: a list of names such as "BTC_CAD", or None for all')
        if not is_address(url):
            raise ValueError(f"{url!r}: an address begins with wss:// or ws:// and names a host")
        self._url = url
        timeouts = {"open_timeout": OPEN_TIMEOUT_S, "close_timeout": CLOSE_TIMEOUT_S}
        # A proxy of the environment does not lead to this machine.
        self._options = timeouts | ({"proxy": None} if is_loopback(url) else {}) | options
        self._token = token
        self._on_state, self._on_heard = on_state, on_heard
        self._documents = documents_address(url) if polls else None
        self._machine = Machine(
            Subscription(channel, tuple(symbols or ()), every_s),
            dead_after_ms=None if dead_after_s is None else round((dead_after_s + (every_s or 0)) * 1000),
            polls=self._documents is not None,
        )
        self._began_ms = time.time_ns() // 1_000_000 - _monotonic_ms()
        self._runner: asyncio.Task[None] | None = None
        self._group = asyncio.TaskGroup()
        self._connections: dict[int, tuple[asyncio.Task[None], asyncio.Queue[str]]] = {}
        self._consumers: list[Conflation] = []
        self._asked: dict[int, asyncio.Future[object]] = {}
        self._last_key = 0
        self._awaited_ms: int | None = None
        self._sooner: asyncio.Event | None = None

    @property
    def book(self) -> Book:
        """The picture as it stands, for reading only. After a reconnect it is another object."""
        return self._machine.book

    @property
    def state(self) -> State:
        """The state of the connection, and why it is not live."""
        return self._machine.state

    async def __aenter__(self) -> Self:
        """Begin to connect.

        Raises:
            RuntimeError: the feed was entered before.
        """
        if self._runner:
            raise RuntimeError("a feed is used once")
        self._runner = asyncio.create_task(self._run(), name=f"feed {self._url}")
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, _traceback: object) -> None:
        """Close the feed. An error of the block takes precedence over those below.

        Raises:
            Refused: the server did not accept the subscription.
            Exception: what a callback raised.
        """
        await self.aclose()
        if error is None:
            self._raise()

    async def aclose(self) -> None:
        """Close the connections and end the iterators. Nothing is left running."""
        if self._runner is None:
            return
        self._runner.cancel()
        # What ended the runner is not raised here; a cancellation of the caller is.
        await asyncio.wait([self._runner])
        self._error()

    async def wait_closed(self) -> None:
        """Wait until the feed is closed or has ended by an error.

        Raises:
            Refused: the server does not accept the subscription.
            Exception: what a callback raised.
        """
        if self._runner:
            await asyncio.wait([self._runner])
            self._raise()

    async def __aiter__(self) -> AsyncIterator[Quote]:
        """The quotes in the book, then each quote that is new or has changed.

        Raises:
            Refused: the server does not accept the subscription.
            RuntimeError: the feed is not open and was used before.
            Exception: what a callback raised.
        """
        changes = self.changes()
        try:
            async for change in changes:
                if isinstance(change, Quote):
                    yield change
        finally:
            await changes.aclose()

    async def changes(self) -> AsyncGenerator[Change, None]:
        """Like iterating over the feed, with a `Withdrawn` for each symbol that loses its price.

        Raises:
            Refused: the server does not accept the subscription.
            RuntimeError: the feed is not open and was used before.
            Exception: what a callback raised.
        """
        alone = self._runner is None
        if alone:
            await self.__aenter__()
        waiting = Conflation(self.book.quotes.values())
        if self._runner is None or self._runner.done():
            waiting.end()
        self._consumers.append(waiting)
        try:
            while (change := await waiting.take()) is not None:
                yield change
            await self.wait_closed()
        finally:
            self._consumers.remove(waiting)
            if alone:
                await self.aclose()

    async def request(self, request: Request[Answer]) -> Answer:
        """Ask for something, for up to 20 s and over as many connections as that takes.

        Raises:
            RequestError: the server refused, there is no answer, or the feed is not open.
        """
        if self._runner is None or self._runner.done():
            raise ended_by(self.state.error, "the feed is not open")
        self._last_key += 1
        key = self._last_key
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        try:
            self._perform(self._machine.ask(key, request, self._now_ms()))
            # The machine settles a request with the value of that request's own `answer`.
            return cast("Answer", await answer)
        finally:
            del self._asked[key]
            self._machine.forget(key)

    async def explain(self, symbol: str) -> Explanation:
        """Why a symbol has its price: every market that the feed looked at in its last tick, and what became of each.

        The symbol need not be subscribed.

        Raises:
            RequestError: the feed does not know the symbol, cannot say yet, does not answer, or is not open.
        """
        return await self.request(ExplainRequest(symbol))

    async def _run(self) -> None:
        self._sooner = asyncio.Event()
        try:
            async with self._group:
                self._perform(self._machine.start(self._now_ms()))
                while True:
                    await self._sleep(self._sooner)
                    self._perform(self._machine.tick(self._now_ms()))
        finally:
            for consumer in self._consumers:
                consumer.end()
            self._perform(self._machine.close())

    async def _sleep(self, sooner: asyncio.Event) -> None:
        """Sleep until the machine has something to do."""
        sooner.clear()
        self._awaited_ms = self._machine.due_ms()
        seconds = None
        if self._awaited_ms is not None:
            seconds = max((self._awaited_ms - self._now_ms()) / 1000, LEAST_SLEEP_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await sooner.wait()

    async def _serve(self, number: int, outbox: asyncio.Queue[str]) -> None:
        """One connection from its handshake to its end."""
        try:
            socket = await connect(self._url, **await self._options_now())
        except NoToken as error:
            self._lost(number, str(error), error)
            return
        except (OSError, InvalidHandshake, EOFError) as error:
            self._lost(number, str(failure_of(error, self._url)), error)
            return
        writer = asyncio.create_task(_write(socket, outbox))
        try:
            self._perform(self._machine.opened(number, self._now_ms()))
            async for message in socket:
                text = message if isinstance(message, str) else message.decode(errors="replace")
                self._perform(self._machine.received(number, text, self._now_ms()))
            self._lost(number, _closed(socket.close_code, socket.close_reason))
        except ConnectionClosed as closed:
            code = closed.rcvd
            cut = "the connection was cut or no longer answers"
            self._lost(number, _closed(code.code, code.reason) if code else cut)
        finally:
            await _leave(socket, writer)

    async def _options_now(self) -> dict[str, Any]:
        """The options of the next connection.

        Raises:
            NoToken: the program gave none.
        """
        if self._token is None:
            return self._options
        offered = [*(self._options.get("subprotocols") or ()), *await subprotocols_with(self._token)]
        return self._options | {"subprotocols": offered}

    async def _fetch(self) -> None:
        document = None
        if self._documents:
            options = self._options
            document = await fetched(self._documents, options.get("ssl"), options.get("proxy", True))
        self._perform(self._machine.fetched(document, self._now_ms()))

    def _lost(self, number: int, reason: str, error: Exception | None = None) -> None:
        self._connections.pop(number, None)
        self._perform(self._machine.lost(number, reason, self._now_ms(), error))

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Open(number):
                    outbox: asyncio.Queue[str] = asyncio.Queue()
                    task = self._group.create_task(self._serve(number, outbox), name=f"connection {number}")
                    self._connections[number] = task, outbox
                case Send(number, text):
                    self._connections[number][1].put_nowait(text)
                case End(number):
                    task, _ = self._connections.pop(number)
                    task.cancel()
                case Fetch():
                    self._group.create_task(self._fetch(), name=f"fetch {self._documents}")
                case Heard() | Changed():
                    self._tell(action)
                case Settled():
                    self._settle(action)
                case State():
                    log = logger.warning if action.link in (Link.RECONNECTING, Link.POLLING, Link.LATE) else logger.info
                    log("%s: %s %s", self._url, action.link, action.reason)
                    if self._on_state:
                        self._on_state(action)
                case Refused():
                    raise action
        due_ms = self._machine.due_ms()
        if self._sooner and due_ms is not None and (self._awaited_ms is None or due_ms < self._awaited_ms):
            self._sooner.set()

    def _tell(self, what: Heard | Changed) -> None:
        if what.changes:
            for consumer in self._consumers:
                consumer.put(what.changes)
        if isinstance(what, Heard):
            if what.message:
                logger.warning("%s: %s", self._url, what.message)
            if self._on_heard:
                self._on_heard(what)

    def _settle(self, ended: Settled) -> None:
        answer = self._asked.get(ended.key)
        if answer is None or answer.done():
            return
        if isinstance(ended.end, RequestError):
            answer.set_exception(ended.end)
        else:
            answer.set_result(ended.end)

    def _raise(self) -> None:
        if error := self._error():
            raise error

    def _error(self) -> BaseException | None:
        """What ended the runner, if it was not asked to end."""
        if self._runner is None or not self._runner.done():
            return None
        if isinstance(self.state.error, Refused):  # even if it was asked to end while it was ending
            return self.state.error
        if self._runner.cancelled():
            return None
        error = self._runner.exception()
        return error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error

    def _now_ms(self) -> int:
        """Unix milliseconds that never run backwards."""
        return self._began_ms + _monotonic_ms()


async def _write(socket: ClientConnection, outbox: asyncio.Queue[str]) -> None:
    """Send what is put into the outbox. The reader reports the end of the connection."""
    with suppress(ConnectionClosed):
        while True:
            await socket.send(await outbox.get())


async def _leave(socket: ClientConnection, writer: asyncio.Task[None]) -> None:
    """Say goodbye, and wait for the answer within the options' `close_timeout`. Leaving is not an error: the server is
    told 1000, even when this is cancelled meanwhile."""
    writer.cancel()
    goodbye = asyncio.create_task(socket.close())
    try:
        await asyncio.wait([writer, goodbye])
    except asyncio.CancelledError:
        await asyncio.wait([goodbye])
        raise
    finally:
        socket.transport.abort()


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _closed(code: int | None, reason: str | None) -> str:
    return f"the server closed the connection ({code}{' ' + reason if reason else ''})"
