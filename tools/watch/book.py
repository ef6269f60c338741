"""The client's picture of the market: frames in, the latest quote of each symbol out, whatever the network did to them.

Frames may be lost, doubled or overtaken. Every quote is the whole state of its symbol and carries `seq`, so per symbol
the highest wins; `prev_seq` tells when something was missed and a new snapshot has to be asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum, auto

from shared.values import Quote

# A snapshot that was asked for and has not come by then is taken for lost.
ASK_AGAIN_AFTER_MS = 10_000


class Kind(Enum):
    """What a frame was. Only `DATA` carries quotes."""

    DATA = auto()
    SUBSCRIBED = auto()
    REFUSED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a frame changed and what is to be done: `message` is for the user, `ask_snapshot` for the server."""

    kind: Kind
    changed: tuple[str, ...] = ()
    is_snapshot: bool = False
    ask_snapshot: bool = False
    message: str = ""


@dataclass(slots=True)
class Book:
    """The latest quotes. `seq` is the last frame's number, `order` the symbols as the server lists them."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    unavailable: set[str] = field(default_factory=set)
    order: tuple[str, ...] = ()
    seq: int = 0
    # Per symbol the tick as of which its state is known, and the tick up to which nothing was missed.
    _known: dict[str, int] = field(default_factory=dict)
    _complete: int = 0
    _asked_ms: int | None = None

    def reconnected(self, now_ms: int) -> None:
        """A new connection starts over: the quotes stay to be looked at, the first snapshot replaces them all."""
        self.seq = self._complete = 0
        self._known.clear()
        # The subscription brings a snapshot by itself.
        self._asked_ms = now_ms

    def apply(self, frame: Mapping[str, object], now_ms: int) -> Outcome:
        """Take a frame in.

        Raises:
            ValueError: it claims to be data and is not what the protocol says; nothing was changed.
        """
        event, channel = frame.get("event"), frame.get("channel")
        if channel == "rates_batch" and event == "snapshot":
            return self._snapshot(frame, now_ms)
        if channel == "rates_batch" and event == "update":
            return self._update(frame, now_ms)
        if channel == "rates" and isinstance(frame.get("data"), Mapping):
            quote = quote_of(frame["data"], now_ms)
            self.seq = max(self.seq, quote.seq)
            return Outcome(Kind.DATA, self._take((quote,), 0))
        if event == "subscribed":
            return self._subscribed(frame)
        if event == "error":
            return Outcome(Kind.REFUSED, message=f"{frame.get('code', 'error')}: {frame.get('message', '')}")
        if event == "heartbeat":
            self._mark_stale(_symbols(frame.get("stale", [])))
        return Outcome(Kind.OTHER)

    def _snapshot(self, frame: Mapping[str, object], now_ms: int) -> Outcome:
        seq, quotes, unavailable = _batch(frame, now_ms)
        listed = {quote.symbol for quote in quotes} | set(unavailable)
        gone = [symbol for symbol in self._held() - listed if self._known.get(symbol, 0) <= seq]
        for symbol in gone:
            self.quotes.pop(symbol, None)
            self.unavailable.discard(symbol)
            self._known.pop(symbol, None)
        changed = self._take(quotes, seq)
        self._withdraw(unavailable, seq)
        self.seq = max(self.seq, seq)
        self._complete = max(self._complete, seq)
        self._asked_ms = None
        return Outcome(Kind.DATA, changed, is_snapshot=True)

    def _update(self, frame: Mapping[str, object], now_ms: int) -> Outcome:
        seq, quotes, unavailable = _batch(frame, now_ms)
        previous = _integer(frame.get("prev_seq"), "prev_seq")
        changed = self._take(quotes, seq)
        self._withdraw(unavailable, seq)
        self.seq = max(self.seq, seq)
        if previous <= self._complete:
            self._complete = max(self._complete, seq)
            return Outcome(Kind.DATA, changed)
        # Something between what is known and this update was missed. One question at a time.
        if self._asked_ms is not None and now_ms - self._asked_ms < ASK_AGAIN_AFTER_MS:
            return Outcome(Kind.DATA, changed)
        self._asked_ms = now_ms
        return Outcome(Kind.DATA, changed, ask_snapshot=True)

    def _subscribed(self, frame: Mapping[str, object]) -> Outcome:
        self.order = _symbols(frame.get("symbols", []))
        rejected = frame.get("rejected")
        reasons = [
            f"{entry.get('symbol')} ({entry.get('code')})"
            for entry in (rejected if isinstance(rejected, list) else [])
            if isinstance(entry, Mapping)
        ]
        return Outcome(Kind.SUBSCRIBED, message="not served: " + ", ".join(reasons) if reasons else "")

    def _held(self) -> set[str]:
        return self.quotes.keys() | self.unavailable

    def _take(self, quotes: tuple[Quote, ...], frame_seq: int) -> tuple[str, ...]:
        changed = []
        for quote in quotes:
            symbol, tick = quote.symbol, max(frame_seq, quote.seq)
            known, held = self._known.get(symbol, -1), self.quotes.get(symbol)
            if tick < known:
                continue
            # With nothing known as of this connection a held quote is an earlier one's: it is replaced by any.
            if held and known >= 0 and (quote.seq, quote.ts_ms) < (held.seq, held.ts_ms):
                continue
            self._known[symbol] = tick
            self.unavailable.discard(symbol)
            if held is None or known < 0 or _differ(held, quote):
                changed.append(symbol)
            self.quotes[symbol] = quote
        return tuple(changed)

    def _withdraw(self, symbols: tuple[str, ...], frame_seq: int) -> None:
        for symbol in symbols:
            if frame_seq >= self._known.get(symbol, -1):
                self._known[symbol] = frame_seq
                self.quotes.pop(symbol, None)
                self.unavailable.add(symbol)

    def _mark_stale(self, symbols: tuple[str, ...]) -> None:
        for symbol in symbols:
            if (quote := self.quotes.get(symbol)) and not quote.stale:
                self.quotes[symbol] = replace(quote, stale=True)


def quote_of(data: object, now_ms: int) -> Quote:
    """The quote that a frame carries. A server of the plain `rates` channel may leave out all but the prices.

    Raises:
        ValueError: a field is missing or is not what the protocol says.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("symbol"), str):
        raise ValueError("a quote without a symbol")
    seconds = data.get("timestamp", now_ms // 1000)
    return Quote(
        symbol=data["symbol"],
        bid=_price(data.get("bid")),
        ask=_price(data.get("ask")),
        spot=_price(data.get("spot")),
        change=_price(data.get("change")),
        change_pct=_price(data.get("change_pct", 0)),
        source=str(data.get("source", "")),
        ts_ms=_integer(data.get("ts", _integer(seconds, "timestamp") * 1000), "ts"),
        seen_ms=now_ms,
        seq=_integer(data.get("seq", 0), "seq"),
        stale=data.get("stale") is True,
        simulated=data.get("simulated") is True,
    )


def _batch(frame: Mapping[str, object], now_ms: int) -> tuple[int, tuple[Quote, ...], tuple[str, ...]]:
    data = frame.get("data")
    if not isinstance(data, list):
        raise ValueError("a batch without data")
    quotes = tuple(quote_of(item, now_ms) for item in data)
    return _integer(frame.get("seq"), "seq"), quotes, _symbols(frame.get("unavailable", []))


def _symbols(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(symbol, str) for symbol in value):
        raise ValueError("not a list of symbols")
    return tuple(value)


def _price(value: object) -> Decimal:
    """Exact, however many digits the feed sends."""
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise ValueError(f"not a price: {value!r:.40}")
    return Decimal(value)


def _integer(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} is no whole number: {value!r:.40}")
    return value


def _differ(one: Quote, other: Quote) -> bool:
    return replace(one, seen_ms=0) != replace(other, seen_ms=0)
