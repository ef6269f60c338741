"""The picture of the market from one connection: frames go in, the latest quote of each symbol comes out.

Frames may be lost, doubled or overtaken. Every quote is the whole state of its symbol and carries `seq`, so the
highest of a symbol wins. `prev_seq` tells when something was missed; the client then asks for a new snapshot.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from .continuity import Continuity, head_of, part_of
from .quote import Quote, integer, quote_of, symbols_in
from .status import FeedStatus

# Another market may state an earlier time; the one that was shown stays, unless a wrong clock made it. The server takes
# no price whose time is further ahead.
MOST_AHEAD_MS = 300_000


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A symbol that was shown no longer has a price. `listed`: the feed still knows it, and it may return."""

    symbol: str
    listed: bool = True


Change = Quote | Withdrawn


class Kind(Enum):
    """What a frame was. Only `DATA` carries quotes."""

    DATA = auto()
    SUBSCRIBED = auto()
    REFUSED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a frame changed. `is_snapshot`: it completed a snapshot; `message` is for the user."""

    kind: Kind
    changes: tuple[Change, ...] = ()
    is_snapshot: bool = False
    message: str = ""


@dataclass(slots=True)
class Book:
    """The latest quotes by symbol, the symbols that have none, all symbols in the server's order, what the feed says
    about itself, and the symbols that were asked for and do not exist."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    unavailable: set[str] = field(default_factory=set)
    order: tuple[str, ...] = ()
    status: FeedStatus = field(default_factory=FeedStatus)
    rejected: tuple[str, ...] = ()
    _continuity: Continuity = field(default_factory=Continuity)
    # The last tick that told a symbol's state; for symbols without one, the last tick that listed all symbols.
    _known: dict[str, int] = field(default_factory=dict)
    _listed: int = -1
    _acknowledged: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def seq(self) -> int:
        """The newest tick received, whole or in part."""
        return self._continuity.seq

    @property
    def whole(self) -> bool:
        """Whether nothing up to `seq` is missing. On `rates` nobody can tell."""
        return self._continuity.whole

    @property
    def gap(self) -> bool:
        """Whether something was missed. A snapshot closes the gap."""
        return self._continuity.gap

    @property
    def based(self) -> bool:
        """Whether the whole state has come once."""
        return self._continuity.base

    def apply(self, frame: Mapping[str, object], now_ms: int) -> Outcome:
        """Apply a frame.

        Raises:
            ValueError: a frame of data is not what the protocol says; the book is unchanged.
        """
        event, channel = frame.get("event"), frame.get("channel")
        if channel == "rates_batch" and event in ("snapshot", "update"):
            return self._batch(frame, now_ms)
        if channel == "rates" and isinstance(frame.get("data"), Mapping):
            quote = quote_of(frame["data"], now_ms)
            self.status.quoted(quote.seq)
            return Outcome(Kind.DATA, self._take((quote,), 0, 0))
        if event == "subscribed":
            return self._subscribed(frame)
        if event == "error":
            return Outcome(Kind.REFUSED, message=f"{frame.get('code', 'error')}: {frame.get('message', '')}")
        if event == "heartbeat":
            return Outcome(Kind.OTHER, self._beat(frame))
        return Outcome(Kind.OTHER)

    def copy(self) -> "Book":
        """A copy that no longer changes."""
        return replace(
            self,
            quotes=dict(self.quotes),
            unavailable=set(self.unavailable),
            status=replace(self.status),
            _continuity=deepcopy(self._continuity),
            _known=dict(self._known),
            _acknowledged=dict(self._acknowledged),
        )

    def carry(self, before: "Book") -> None:
        """Keep the quotes of symbols that are not known yet, on a channel whose server never says when the state is
        whole. Any new quote replaces them."""
        for symbol, quote in before.quotes.items():
            if symbol not in self._known:
                self.quotes.setdefault(symbol, quote)
        self.order = self.order or before.order

    def changes_since(self, before: "Book") -> tuple[Change, ...]:
        """What is new to a consumer that has seen `before`."""
        quotes = [quote for symbol, quote in self.quotes.items() if before.quotes.get(symbol) != quote]
        gone = [
            Withdrawn(symbol, listed=symbol in self.unavailable)
            for symbol in before.quotes
            if symbol not in self.quotes
        ]
        return (*quotes, *gone)

    def _batch(self, frame: Mapping[str, object], now_ms: int) -> Outcome:
        head = head_of(frame)
        data = frame.get("data")
        if not isinstance(data, list):
            raise ValueError("a batch without data")
        is_update = head.event == "update"
        previous = integer(frame.get("prev_seq"), "prev_seq") if is_update else 0
        quotes = [quote_of(item, now_ms) for item in data]
        unavailable = symbols_in(frame.get("unavailable", []))
        self.status.ticked(head.ts_ms, frame.get("status"))

        changes: list[Change] = [*self._take(quotes, head.seq, head.ts_ms), *self._withdraw(unavailable, head.seq)]
        if is_update:
            self._continuity.update(head, previous)
            return Outcome(Kind.DATA, tuple(changes))
        listed = self._continuity.snapshot(head, [*(quote.symbol for quote in quotes), *unavailable])
        if listed is not None:
            changes += self._unlist(listed, head.seq)
        return Outcome(Kind.DATA, tuple(changes), is_snapshot=listed is not None)

    def _subscribed(self, frame: Mapping[str, object]) -> Outcome:
        (part, parts), symbols = part_of(frame), symbols_in(frame.get("symbols", []))
        if part in self._acknowledged or len(self._acknowledged) == parts:
            self._acknowledged.clear()
        self._acknowledged[part] = symbols
        self.order = tuple(symbol for part in sorted(self._acknowledged) for symbol in self._acknowledged[part])
        listed = frame.get("rejected")
        rejected = [entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, Mapping)]
        self.rejected = tuple(str(entry.get("symbol")) for entry in rejected)
        reasons = [f"{entry.get('symbol')} ({entry.get('code')})" for entry in rejected]
        return Outcome(Kind.SUBSCRIBED, message="not served: " + ", ".join(reasons) if reasons else "")

    def _take(self, quotes: Iterable[Quote], frame_seq: int, frame_ms: int) -> tuple[Quote, ...]:
        """Take the quotes of a frame with this `seq` and `ts`, both 0 on `rates`. Returns the quotes that changed."""
        changed = []
        unheard_of = self._listed if frame_seq else -1  # `rates` lists nothing
        for quote in quotes:
            symbol, tick = quote.symbol, max(frame_seq, quote.seq)
            if tick < self._known.get(symbol, unheard_of):
                continue
            held = self.quotes.get(symbol)
            # A quote that is held and not known comes from an earlier connection.
            if held and symbol in self._known and quote.seq < held.seq:
                continue
            if held and symbol in self._known and quote.ts_ms < held.ts_ms <= frame_ms + MOST_AHEAD_MS:
                quote = replace(quote, ts_ms=held.ts_ms)
            self._known[symbol] = tick
            self.unavailable.discard(symbol)
            if held != quote:
                self.quotes[symbol] = quote
                changed.append(quote)
        return tuple(changed)

    def _withdraw(self, symbols: Iterable[str], frame_seq: int) -> list[Withdrawn]:
        withdrawn = []
        for symbol in symbols:
            if frame_seq >= self._known.get(symbol, self._listed):
                self._known[symbol] = frame_seq
                self.unavailable.add(symbol)
                if self.quotes.pop(symbol, None):
                    withdrawn.append(Withdrawn(symbol))
        return withdrawn

    def _unlist(self, listed: set[str], frame_seq: int) -> list[Withdrawn]:
        """Forget what a snapshot no longer lists."""
        withdrawn = []
        for symbol in [symbol for symbol in self._known if symbol not in listed]:
            if self._known[symbol] <= frame_seq:
                del self._known[symbol]
                self.unavailable.discard(symbol)
                if self.quotes.pop(symbol, None):
                    withdrawn.append(Withdrawn(symbol, listed=False))
        self._listed = max(self._listed, frame_seq)
        return withdrawn

    def _beat(self, frame: Mapping[str, object]) -> tuple[Quote, ...]:
        """Apply a heartbeat. Returns the quotes that it marked stale."""
        seq, symbols = integer(frame.get("seq", self.seq), "seq"), symbols_in(frame.get("stale", []))
        self.status.ticked(frame.get("ts"), frame.get("status"), seq)
        marked = []
        for symbol in symbols:
            quote = self.quotes.get(symbol)
            if quote and not quote.stale and seq >= self._known.get(symbol, self._listed):
                self.quotes[symbol] = replace(quote, stale=True)
                marked.append(self.quotes[symbol])
        return tuple(marked)
