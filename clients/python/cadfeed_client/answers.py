"""What a program may ask the feed for besides quotes, and the answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from .compact import BATCH
from .explanation import Explanation, explanation_of
from .quote import Quote, integer, price_of, quote_of, symbols_in

Frame = Mapping[str, object]
Interval = Literal["1m", "1h", "1d"]
Answer = TypeVar("Answer", covariant=True)

CANDLE_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Candle:
    """First, highest, lowest and last `spot` in CAD of the interval that began at `open_ms` (Unix milliseconds).

    `ticks` is how many of the feed's own ticks had a price in it: 0 for a candle from an exchange's history, 1 for one
    that has no range because the feed saw one price only, `None` where the server does not say.
    """

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    ticks: int | None = None

    @property
    def is_backfilled(self) -> bool:
        """Whether it is from an exchange's history, not from the feed's own ticks."""
        return self.ticks == 0


@dataclass(frozen=True, slots=True)
class History:
    """Candles, oldest first. Those in `candles` are final, the one `in_progress` may still change."""

    candles: tuple[Candle, ...]
    in_progress: Candle | None = None


@dataclass(frozen=True, slots=True)
class Trends:
    """For each symbol its closes in CAD, oldest first, one per `interval`, to draw a small line of its last day.

    The newest one ended at `until_ms` (Unix milliseconds; 0: there are none yet). They are rounded to five digits.
    `None`: the interval has no candle.
    """

    interval: str
    until_ms: int
    closes: Mapping[str, tuple[Decimal | None, ...]]


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset of the catalogue.

    `decimals` is how many places of its price to show, `status` is `live`, `stale` or `unavailable`, and `renamed_to`
    is the symbol that continues this one, if there is one.
    """

    symbol: str
    name: str
    decimals: int
    status: str
    renamed_to: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state of the subscription, as of tick `seq` at `ts_ms` (Unix milliseconds)."""

    seq: int
    ts_ms: int
    quotes: tuple[Quote, ...]
    unavailable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pong:
    """The server's time, in Unix milliseconds."""

    ts_ms: int


class Request(ABC, Generic[Answer]):
    """Something to ask with `Feed.request`, which returns its `Answer`."""

    __slots__ = ()

    @abstractmethod
    def fields(self) -> dict[str, object]:
        """The message to send, without an `id`. A `channel` in it gives way to that of the connection."""

    @abstractmethod
    def answer(self, frames: Sequence[Frame]) -> Answer:
        """The answer that these frames make up: all its parts, in order.

        Raises:
            ValueError: a field is missing or is not what the protocol says.
        """


@dataclass(frozen=True, slots=True)
class HistoryRequest(Request[History]):
    """Candles of a symbol. `limit` is how many; the server says what it allows, and decides when it is `None`. `before`
    limits them to those that began before that time (Unix milliseconds)."""

    symbol: str
    interval: Interval
    limit: int | None = None
    before: int | None = None

    def fields(self) -> dict[str, object]:
        """See `Request`."""
        optional = {"limit": self.limit, "before": self.before}
        named = {name: value for name, value in optional.items() if value is not None}
        return {"event": "history", "symbol": self.symbol, "interval": self.interval, **named}

    def answer(self, frames: Sequence[Frame]) -> History:
        """See `Request`."""
        candles = [candle for frame in frames for candle in _candles(frame)]
        last = [_candle(f["in_progress"], f.get("in_progress_ticks")) for f in frames if "in_progress" in f]
        return History(tuple(candles), last[-1] if last else None)


@dataclass(frozen=True, slots=True)
class TrendsRequest(Request[Trends]):
    """The last day of every symbol, as hourly closes."""

    def fields(self) -> dict[str, object]:
        """See `Request`."""
        return {"event": "trends"}

    def answer(self, frames: Sequence[Frame]) -> Trends:
        """See `Request`."""
        until_ms = integer(frames[0].get("until"), "until")
        closes = dict(_closes(row) for frame in frames for row in _rows(frame, "trends"))
        return Trends(str(frames[0].get("interval", "")), until_ms, closes)


@dataclass(frozen=True, slots=True)
class AssetsRequest(Request[tuple[Asset, ...]]):
    """Every asset that the feed carries, in its order."""

    def fields(self) -> dict[str, object]:
        """See `Request`."""
        return {"event": "assets"}

    def answer(self, frames: Sequence[Frame]) -> tuple[Asset, ...]:
        """See `Request`."""
        return tuple(_asset(row) for frame in frames for row in _rows(frame, "assets"))


@dataclass(frozen=True, slots=True)
class ExplainRequest(Request[Explanation]):
    """Why the price of a symbol is what it is. The symbol need not be subscribed."""

    symbol: str

    def fields(self) -> dict[str, object]:
        """See `Request`."""
        return {"event": "explain", "symbol": self.symbol}

    def answer(self, frames: Sequence[Frame]) -> Explanation:
        """See `Request`."""
        return explanation_of(frames[0])


@dataclass(frozen=True, slots=True)
class SnapshotRequest(Request[Snapshot]):
    """The whole state of the subscription, as the server has it now."""

    def fields(self) -> dict[str, object]:
        """See `Request`."""
        return {"event": "snapshot", "channel": BATCH}

    def answer(self, frames: Sequence[Frame]) -> Snapshot:
        """See `Request`."""
        seq, ts_ms = integer(frames[0].get("seq"), "seq"), integer(frames[0].get("ts"), "ts")
        quotes = tuple(quote_of(row, ts_ms) for frame in frames for row in _rows(frame, "data"))
        unavailable = tuple(symbol for frame in frames for symbol in symbols_in(frame.get("unavailable", [])))
        return Snapshot(seq, ts_ms, quotes, unavailable)


@dataclass(frozen=True, slots=True)
class PingRequest(Request[Pong]):
    """Whether the server answers, and its time."""

    def fields(self) -> dict[str, object]:
        """See `Request`."""
        return {"event": "ping"}

    def answer(self, frames: Sequence[Frame]) -> Pong:
        """See `Request`."""
        return Pong(integer(frames[0].get("ts"), "ts"))


def _rows(frame: Frame, name: str) -> list[object]:
    rows = frame.get(name)
    if not isinstance(rows, list):
        raise ValueError(f"an answer without {name}")
    return rows


def _candles(frame: Frame) -> list[Candle]:
    """The candles of a part, each with its ticks. A server that does not count them sends none."""
    rows = _rows(frame, "candles")
    ticks = _rows(frame, "ticks") if "ticks" in frame else [None] * len(rows)
    if len(ticks) != len(rows):
        raise ValueError(f"{len(rows)} candles with {len(ticks)} ticks")
    return [_candle(row, count) for row, count in zip(rows, ticks, strict=True)]


def _candle(row: object, ticks: object = None) -> Candle:
    if not isinstance(row, list) or len(row) < CANDLE_FIELDS:
        raise ValueError(f"not a candle: {row!r:.40}")
    open_ms, *prices = row[:CANDLE_FIELDS]
    first, high, low, last = (price_of(price) for price in prices)
    count = None if ticks is None else integer(ticks, "ticks")
    return Candle(integer(open_ms, "open_ms"), first, high, low, last, count)


def _closes(row: object) -> tuple[str, tuple[Decimal | None, ...]]:
    if not isinstance(row, list) or not row or not isinstance(row[0], str):
        raise ValueError(f"not a trend: {row!r:.40}")
    symbol, *closes = row
    return symbol, tuple(None if close is None else price_of(close) for close in closes)


def _asset(row: object) -> Asset:
    if not isinstance(row, Mapping):
        raise ValueError("an asset without fields")
    symbol, name, renamed_to = row.get("symbol"), row.get("name"), row.get("renamed_to", "")
    if not isinstance(symbol, str) or not isinstance(name, str) or not isinstance(renamed_to, str):
        raise ValueError(f"not an asset: {row!r:.80}")
    return Asset(symbol, name, integer(row.get("decimals"), "decimals"), str(row.get("status", "")), renamed_to)
