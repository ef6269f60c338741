"""The values that travel through the feed. Prices are exact decimals, times are Unix milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Annotated

from shared.model.candles import Closed, OpenCandles
from shared.model.explanation import Explanation
from shared.model.pace import Pace
from shared.model.recent import Recent
from shared.model.wire import EXACT

NOT_NEWS = "not news"


@dataclass(frozen=True, slots=True)
class Ticker:
    """One market as its source states it: best bid and ask, last trade, and the price 24 h before that.

    `ts_ms` is the source's time, or the time of reception if it states none; `answered_ms` is the time of reception.
    `simulated`: the source says that its market is simulated or replayed. `has_book` is false if the source states no
    book; bid and ask are then the last trade. `activity_24h` is what was traded in 24 h, in trades or volume, `None` if
    the source does not say. `shared/pricing/rules.py` sets the last two: `refused` is the rule that the ticker breaks,
    empty for a price; `old_last` means that the last trade lay outside the book, so `last` is the nearer side of it.
    """

    source: str
    market: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    open_24h: Decimal | None
    ts_ms: int
    answered_ms: int
    simulated: bool = False
    has_book: bool = True
    activity_24h: Decimal | None = None
    refused: str = ""
    old_last: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one unit of a currency in CAD, and its source and market, e.g. `kraken:USDCAD`."""

    source: str
    bid: Decimal
    ask: Decimal
    ts_ms: int
    simulated: bool = False

    @property
    def mid(self) -> Decimal:
        with localcontext(EXACT):
            return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Quote:
    """The whole state of one symbol in CAD.

    `ts_ms` is the source's time of the price, `seen_ms` our time when a source last confirmed it, `seq` the tick in
    which the state last changed. `stale` means that no source has confirmed the price for a while. `sources` is how
    many independent sources agree with the price now, its own included.

    Clients get the quote when a field changes that is not marked `NOT_NEWS`. A new field needs a default, so that a
    snapshot stored without it can be read.
    """

    symbol: str
    bid: Decimal
    ask: Decimal
    spot: Decimal
    change: Decimal
    change_pct: Decimal
    source: str
    ts_ms: Annotated[int, NOT_NEWS]
    seen_ms: Annotated[int, NOT_NEWS]
    seq: Annotated[int, NOT_NEWS] = 0
    stale: bool = False
    simulated: bool = False
    sources: Annotated[int, NOT_NEWS] = 1


@dataclass(frozen=True, slots=True)
class SourceState:
    """The health of a source. `ok_ms` is its last success (0: never), `error` its last error (empty: it works),
    `failures` the number of failures in a row, `retry_ms` when it may be asked again after them (0: now). `fingerprint`
    is a hash of its last answer, `moved_ms` the time since which the answer has not changed. `rest_ms` is how long the
    last pause was meant to last, whatever the clock said when it began (0: unknown)."""

    ok_ms: int = 0
    error: str = ""
    failures: int = 0
    retry_ms: int = 0
    fingerprint: int = 0
    moved_ms: int = 0
    rest_ms: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Polled:
    """What the sources said in a tick: tickers, some from earlier answers that still serve, and the state of every
    source, asked or not."""

    tickers: list[Ticker]
    states: Mapping[str, SourceState]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the consensus remembers about an asset or a currency: the price that two sources last `confirmed`, and a
    price that is `held`: since `held_ms`, last stated at `said_ms` (0: none is held). Times in Unix milliseconds."""

    confirmed: Decimal | None = None
    confirmed_ms: int = 0
    held: Decimal | None = None
    held_ms: int = 0
    said_ms: int = 0


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a source casts no vote: it contradicted the others last at `since_ms`, and has to agree with them for
    `ticks` more ticks."""

    ticks: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the feed knows after a tick, stored as one item. `recent`: which tick came when, this one included.

    `unavailable` maps a symbol without a price to the tick in which it lost it. `suspects` are the sources that cast no
    vote. `stated_fx_rates` are the rates as each source last stated them, by source and market; `fx_rates` are the
    rates that serve, by currency (USD, USDT). `memories` is what the consensus remembers, by symbol or currency. The
    histories have one (ts_ms, mid) per hour for 25 hours, oldest first. `candles` are in progress.

    Not stored, and about this tick alone: the candles that it `closed`, the symbols whose price it `held`, and the
    explanations, `explained`. Not stored, and set by a reader: `late`, when no tick has been written for too long.
    """

    seq: int = 0
    ts_ms: int = 0
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    unavailable: Mapping[str, int] = field(default_factory=dict)
    stated_fx_rates: Mapping[str, Rate] = field(default_factory=dict)
    fx_rates: Mapping[str, Rate] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)
    usd_cad_history: tuple[tuple[int, Decimal], ...] = ()
    usdt_cad_history: tuple[tuple[int, Decimal], ...] = ()
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    suspects: Mapping[str, Suspicion] = field(default_factory=dict)
    candles: OpenCandles = field(default_factory=dict)
    recent: Recent = ()
    closed: tuple[Closed, ...] = ()
    held: tuple[str, ...] = ()
    explained: Mapping[str, Explanation] = field(default_factory=dict)
    late: bool = False

    @property
    def is_ahead_of_itself(self) -> bool:
        """Whether a part of it has a later tick. No ingest writes that, and a client that heard it would believe no
        price before that tick."""
        later = *(quote.seq for quote in self.quotes.values()), *self.unavailable.values()
        return max(later, default=0) > self.seq


@dataclass(frozen=True, slots=True)
class Opening:
    """The subscription of a connection that had none, which is written with the count of its message. `symbols`: `None`
    for all. `used_ms`: the number of its limit that was written with it; the count of a later message changes that.
    """

    channel: str
    symbols: tuple[str, ...] | None
    used_ms: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """A client's connection and its subscriptions: channel -> symbols (`None`: all of them).

    `connected_s`: when the client connected, in Unix seconds. `place`: where it is stored, for those who read on from
    there. `viewer`: the name of the one at its other end, if it is counted (`shared/model/viewer.py`); it is known to
    those who read one connection, not to those who read all of them. `ends_s`: when its token ends, in Unix seconds; 0
    without one. `allowed`: the channels that its token allows, `None` for all; known as `viewer` is. `paces`: by
    channel, if it does not hear every tick. `opening`: what the count of its message has subscribed it to.
    """

    connection_id: str
    subscriptions: Mapping[str, tuple[str, ...] | None]
    connected_s: int = 0
    place: str = field(default="", compare=False)
    viewer: str = field(default="", compare=False)
    ends_s: int = 0
    allowed: tuple[str, ...] | None = None
    paces: Mapping[str, Pace] = field(default_factory=dict)
    opening: Opening | None = field(default=None, compare=False)

    def has_ended(self, now_s: int) -> bool:
        """Whether its token has ended, so that it gets and may do nothing more."""
        return 0 < self.ends_s <= now_s


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of posting: the last tick that every connection got (0: unknown), and the place of the connection
    after which the last batch stopped if it did not reach all."""

    complete_seq: int = 0
    stopped_after: str = ""
