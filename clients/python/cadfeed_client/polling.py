"""The same prices over HTTP while no socket can be opened: when to ask for them, and what an answer says."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from .book import Book
from .compact import BATCH
from .quote import loads

# A connection that is lost and made again within this time needs no help.
POLL_AFTER_MS = 3_000
# When to ask again: as soon as caches have a new answer, within these limits; after a failure up to twice as late.
LEAST_POLL_MS, MOST_POLL_MS, POLL_FAILED_MS = 1_000, 60_000, 10_000

Draw = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Document:
    """The body of an answer, and for how many more seconds caches keep it."""

    text: str
    kept_s: int


def documents_address(url: str) -> str | None:
    """Where a feed has its prices over HTTP: beside its socket. `None`: its address is not one of ours.

    `wss://HOST/markets/ws/` has `https://HOST/markets/rates.json`.
    """
    parts = urlsplit(url)
    folder, slash, last = parts.path.removesuffix("/").rpartition("/")
    if not slash or last != "ws":
        return None
    scheme = "https" if parts.scheme == "wss" else "http"
    return urlunsplit((scheme, parts.netloc, f"{folder}/rates.json", "", ""))


class Polling:
    """When to ask for the document, from the loss of one socket until the next one serves.

    `is_shown`: nothing newer than the document is known. `is_late`: the feed itself has nothing new.
    """

    def __init__(
        self, *, is_possible: bool, least_ms: int, symbols: tuple[str, ...], draw: Draw = random.uniform
    ) -> None:
        self.is_shown: bool = False
        self.is_late: bool = False
        self.due_ms: int | None = None
        self._is_possible = is_possible
        self._least_ms = max(least_ms, LEAST_POLL_MS)
        self._symbols = symbols
        self._draw = draw
        self._is_asking = False
        self._is_begun = False
        self._said_late = False  # also before anything was shown

    def look(self, *, is_served: bool, now_ms: int) -> bool:
        """Whether the document has to be asked for now."""
        if is_served or not self._is_possible:
            self.is_shown = self.is_late = self._is_begun = False
            self.due_ms = None
            return False
        if not self._is_begun:
            self._is_begun, self.due_ms = True, None if self._is_asking else now_ms + POLL_AFTER_MS
        if self._is_asking or self.due_ms is None or now_ms < self.due_ms:
            return False
        self._is_asking, self.due_ms = True, None
        return True

    def answered(self, document: Document | None, now_ms: int) -> Book | None:
        """What the document says, if it was not `None` and can be read."""
        self._is_asking = False
        if not self._is_begun:
            return None
        book = self._read(document, now_ms)
        wait_ms = self._draw(1, 2) * POLL_FAILED_MS
        if document and (book or self._said_late):
            least_ms = self._least_ms if book else LEAST_POLL_MS
            wait_ms = min(max(document.kept_s * 1000, least_ms), max(MOST_POLL_MS, least_ms))
        self.due_ms = now_ms + round(wait_ms)
        return book

    def _read(self, document: Document | None, now_ms: int) -> Book | None:
        """Judges the document as if it had come over a socket, and remembers what it means for what is shown."""
        was_shown, self.is_shown, self.is_late, self._said_late = self.is_shown, False, False, False
        try:
            said = loads(document.text) if document else None
            if not isinstance(said, dict):
                return None
            if said.get("code") == "late":
                self.is_shown = self.is_late = was_shown
                self._said_late = True
                return None
            book = self._book(said, now_ms)
        except ValueError:
            return None
        self.is_shown, self.is_late = True, book.status.late
        return book

    def _book(self, said: Mapping[str, object], now_ms: int) -> Book:
        """Everybody asks for the whole document, which caches keep once for all; what was not asked for is left out.

        Raises:
            ValueError: the document is not what the protocol says.
        """
        book = Book()
        book.apply({**said, "channel": BATCH, "event": "snapshot"}, now_ms)
        listed = (*book.quotes, *book.unavailable)
        if not self._symbols:
            book.order = listed
            return book
        book.order = tuple(symbol for symbol in listed if symbol in self._symbols)
        book.rejected = tuple(symbol for symbol in self._symbols if symbol not in listed)
        book.quotes = {symbol: quote for symbol, quote in book.quotes.items() if symbol in self._symbols}
        book.unavailable.intersection_update(self._symbols)
        return book
