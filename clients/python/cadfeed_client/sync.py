"""The feed for programs without asyncio: the same one, in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, ParamSpec, Self, TypeVar

from .answers import Answer, ExplainRequest, Request
from .book import Book, Change
from .compact import COMPACT
from .errors import RequestError, ended_by
from .explanation import Explanation
from .feed import Feed
from .machine import Heard, State
from .quote import Quote
from .tokens import Token

P = ParamSpec("P")
T = TypeVar("T")


class SyncFeed:
    """The quotes of a feed, for a program without asyncio.

    Use it as a context manager and iterate over it, or only iterate over it. Every thread may use it.

    Args:
        url, symbols, channel, every_s, dead_after_s, token, polls, options: as for `Feed`.
        on_state, on_heard: as for `Feed`. They are called in the feed's own thread and hold it up while they run.

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
        self._feed = Feed(
            *(url, symbols),
            channel=channel,
            every_s=every_s,
            dead_after_s=dead_after_s,
            token=token,
            polls=polls,
            on_state=on_state,
            on_heard=on_heard,
            **options,
        )
        # A feed that was not closed does not keep a program from ending.
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name=f"feed {url}", daemon=True)
        self._lock = threading.Lock()
        self._lives = threading.Event()
        self._is_open = False
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event

    @property
    def book(self) -> Book:
        """A copy of the picture as it stands at this moment.

        Raises:
            RuntimeError: a callback asks for it, which would wait for itself.
        """
        try:
            return self._call(self._copied_book)
        except RequestError:
            return self._feed.book.copy()

    @property
    def state(self) -> State:
        """The state of the connection, and why it is not live."""
        return self._feed.state

    def __enter__(self) -> Self:
        """Begin to connect.

        Raises:
            RuntimeError: the feed was entered before.
        """
        with self._lock:
            if self._thread.ident is not None:
                raise RuntimeError("a feed is used once")
            self._thread.start()
            self._lives.wait()
            self._is_open = True
        self._call(self._feed.__aenter__)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close the feed. An error of the block takes precedence over those below.

        Raises:
            Refused: the server did not accept the subscription.
            Exception: what a callback raised.
        """
        try:
            with suppress(RequestError):  # it was closed before
                self._call(self._feed.__aexit__, kind, error, traceback)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connections and end the iterators. Nothing is left running.

        Raises:
            RuntimeError: a callback calls it, which would wait for itself.
        """
        with suppress(RequestError):  # it was closed before
            self._call(self._feed.aclose)
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._loop.call_soon_threadsafe(self._over.set)
        if self._thread.ident is not None:
            self._thread.join()

    def __iter__(self) -> Iterator[Quote]:
        """The quotes in the book, then each quote that is new or has changed.

        Raises:
            Refused: the server does not accept the subscription.
            RuntimeError: the feed is not open and was used before.
            Exception: what a callback raised.
        """
        return (change for change in self.changes() if isinstance(change, Quote))

    def changes(self) -> Generator[Change, None, None]:
        """Like iterating over the feed, with a `Withdrawn` for each symbol that loses its price.

        Raises:
            Refused: the server does not accept the subscription.
            RuntimeError: the feed is not open and was used before.
            Exception: what a callback raised.
        """
        alone = not self._is_open
        if alone:
            self.__enter__()
        changes = self._feed.changes()
        try:
            while (change := self._call(_next, changes)) is not None:
                yield change
        except RequestError:
            return  # another thread has closed the feed
        finally:
            with suppress(RequestError):
                self._call(_end, changes)
            if alone:
                self.close()

    def request(self, request: Request[Answer]) -> Answer:
        """Ask for something, for up to 20 s and over as many connections as that takes.

        Raises:
            RequestError: the server refused, there is no answer, or the feed is not open.
            RuntimeError: a callback asks, which would wait for itself.
        """
        return self._call(self._feed.request, request)

    def explain(self, symbol: str) -> Explanation:
        """Why a symbol has its price: every market that the feed looked at in its last tick, and what became of each.

        The symbol need not be subscribed.

        Raises:
            RequestError: the feed does not know the symbol, cannot say yet, does not answer, or is not open.
            RuntimeError: a callback asks, which would wait for itself.
        """
        return self.request(ExplainRequest(symbol))

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._lives.set()
        await self._over.wait()

    async def _copied_book(self) -> Book:
        return self._feed.book.copy()

    def _call(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the coroutine returns, run in the feed's thread. Raises: RequestError, when the feed is not open."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback must not call its feed: hand the work to another thread")
        with self._lock:
            if not self._is_open:
                raise ended_by(self.state.error, "the feed is not open")
            called = asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop)
        try:
            return called.result()
        except CancelledError:
            raise ended_by(self.state.error, "the feed was closed") from None
        finally:
            called.cancel()  # helps a caller that is interrupted, as by Ctrl-C


async def _next(changes: AsyncGenerator[Change, None]) -> Change | None:
    return await anext(changes, None)


async def _end(changes: AsyncGenerator[Change, None]) -> None:
    await changes.aclose()
