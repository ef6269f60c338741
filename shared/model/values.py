"""The values that travel through the feed. Prices are exact decimals, times are Unix milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from shared.model.candles import Closed, OpenCandles
from shared.model.explanation import Explanation
from shared.model.wire import EXACT


@dataclass(frozen=True, slots=True)
class Ticker:
    """One market as its source states it: best bid and ask, last trade, and the price 24 h before that.

    `ts_ms` is the source's own time, or that of reception where it gives none; `answered_ms` is when the answer came.
    `simulated` is true when the source said that its market is simulated or replayed. `has_book` is false where the
    source states no book: then bid and ask are the last trade. `activity_24h` is what was traded in 24 h, as the source
    counts it (trades or volume), `None` where it does not say. `shared/pricing/rules.py` sets the last two: `refused`
    is the rule that the ticker breaks, empty where it is a price; `old_last` says that the last trade lay outside the
    book, so that `last` is the nearer side of it.
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
    """What one unit of a currency costs in CAD, and where that comes from, e.g. `kraken:USDCAD`."""

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

    `ts_ms` is the source's time of the price, `seen_ms` ours when a source last confirmed it, `seq` the tick in
    which the state last changed. `stale` means that no source has confirmed the price for a while. `sources` is how
    many independent sources agree with the price now, its own included; a change of it alone is no change of state.
    """

    symbol: str
    bid: Decimal
    ask: Decimal
    spot: Decimal
    change: Decimal
    change_pct: Decimal
    source: str
    ts_ms: int
    seen_ms: int
    seq: int = 0
    stale: bool = False
    simulated: bool = False
    sources: int = 1


@dataclass(frozen=True, slots=True)
class SourceState:
    """How an upstream does: `ok_ms` is its last success (0: never), `error` empty when well, `failures` how many there
    were in a row, `retry_ms` when it may be asked again after them (0: now). `fingerprint` stands for all that it said
    last of its markets, `moved_ms` is since when it has said just that."""

    ok_ms: int = 0
    error: str = ""
    failures: int = 0
    retry_ms: int = 0
    fingerprint: int = 0
    moved_ms: int = 0


@dataclass(frozen=True, slots=True)
class Polled:
    """What one round brought: tickers, those that are held from an earlier round among them, and the state of every
    source, asked or not."""

    tickers: list[Ticker]
    states: Mapping[str, SourceState]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the consensus remembers of an asset or a currency: the price that two sources last `confirmed`, and another
    one that is `held` back, since when and when it was last said (0: none is). Times in Unix milliseconds."""

    confirmed: Decimal | None = None
    confirmed_ms: int = 0
    held: Decimal | None = None
    held_ms: int = 0
    said_ms: int = 0


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Of a source that casts no vote: the `ticks` in which it still has to agree with the others, and when it last
    contradicted them."""

    ticks: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the feed knows after a tick, stored as one item.

    `unavailable` maps a symbol that has no price to the tick in which that became so. `suspects` are the sources
    that cast no vote. `rates` are what each source last said of
    a currency, by source and market, `currencies` what was made of it: the rate of USD and of USDT. `memories` is what
    the consensus remembers, by symbol or currency. The histories have one (ts_ms, mid) per hour for 25 hours, oldest
    first.
    `candles` are those in progress. Of this tick alone, and not stored with it: the candles that it `closed`, the
    symbols of which it `held` a price back, and why each price is what it is, `explained`. Of the moment in which it is
    read, and not stored: `late`, when no tick has come for so long that the feed itself stands still.
    """

    seq: int = 0
    ts_ms: int = 0
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    unavailable: Mapping[str, int] = field(default_factory=dict)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    currencies: Mapping[str, Rate] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)
    usd_cad_history: tuple[tuple[int, Decimal], ...] = ()
    usdt_cad_history: tuple[tuple[int, Decimal], ...] = ()
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    suspects: Mapping[str, Suspicion] = field(default_factory=dict)
    candles: OpenCandles = field(default_factory=dict)
    closed: tuple[Closed, ...] = ()
    held: tuple[str, ...] = ()
    explained: Mapping[str, Explanation] = field(default_factory=dict)
    late: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """A client's connection and, per channel that it subscribed to, its symbols (`None`: all of them).

    `connected_s`: when it was made, in seconds since 1970.
    """

    connection_id: str
    subscriptions: Mapping[str, tuple[str, ...] | None]
    connected_s: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far posting has come: the tick that every connection has been sent (0: not known), and the connection after
    which the last batch stopped when it did not get all the way round."""

    whole_seq: int = 0
    stopped_after: str = ""
