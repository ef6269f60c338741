"""From one tick's state of the feed to the next: the quotes that stay, grow stale or go, and what changed. All pure.

Staleness is judged by whoever reads, by the clock of that moment (`as_of`): what is stored is right when it is written
and grows old with nobody to say so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from shared.assets import catalogue
from shared.candles import INTERVAL_MS
from shared.values import Quote, Rate, Snapshot, SourceState

DROP_AFTER_MS = INTERVAL_MS["1d"]  # a price that nobody confirmed for a day is no longer a price, not even a stale one
FRESH_MS = 15_000
WRITE_AT_LEAST_EVERY_MS = 30_000  # the table's stream is the feed's only clock
TICKS = 3


@dataclass(frozen=True, slots=True)
class Ages:
    """How old, in milliseconds, something is before: a quote is `stale`, a vote counts only where too few are `fresh`,
    a snapshot without news is written once more (`write`), the feed itself is `late` since its snapshot is, a quote is
    none any more (`drop`)."""

    stale_ms: int
    fresh_ms: int = FRESH_MS
    write_ms: int = WRITE_AT_LEAST_EVERY_MS
    late_ms: int = 2 * WRITE_AT_LEAST_EVERY_MS
    drop_ms: int = DROP_AFTER_MS


def ages(tick_seconds: int, stale_after_seconds: int) -> Ages:
    """Those of a feed with that tick. A quote is not stale before its second tick is due. A market without news is
    written so often that who reads it knows what was confirmed; one that is not written for that long and three
    ticks more is late."""
    tick_ms = tick_seconds * 1000
    stale_ms = max(stale_after_seconds * 1000, 2 * tick_ms)
    write_ms = min(stale_ms // 3, WRITE_AT_LEAST_EVERY_MS)
    return Ages(
        stale_ms=stale_ms,
        fresh_ms=max(TICKS * tick_ms, FRESH_MS),
        write_ms=write_ms,
        late_ms=WRITE_AT_LEAST_EVERY_MS + TICKS * tick_ms,
    )


def advance(
    old: Snapshot,
    fresh: Mapping[str, Quote],
    rates: Mapping[str, Rate],
    sources: Mapping[str, SourceState],
    *,
    now_ms: int,
    stale_after_ms: int,
) -> Snapshot:
    """The snapshot after `old`. A quote whose state did not change keeps its `seq`; one that was not confirmed is
    kept, marked stale once that is `stale_after_ms` ago, and dropped after a day.

    Whoever read `old` late saw its quotes as stale. So one that is confirmed again after such a silence has changed.
    """
    seq = old.seq + 1
    quotes: dict[str, Quote] = {}
    unavailable: dict[str, int] = {}
    for symbol in catalogue():
        stored = old.quotes.get(symbol)
        before = _judged(stored, now_ms, stale_after_ms)
        quote = _judged(fresh.get(symbol), now_ms, stale_after_ms) or _kept(before, now_ms)
        if quote is None:
            unavailable[symbol] = old.unavailable.get(symbol, seq)
        else:
            known = stored and before and _same_state(stored, quote) and _same_state(before, quote)
            quotes[symbol] = replace(quote, seq=stored.seq if stored and known else seq)
    return Snapshot(
        seq=seq,
        ts_ms=now_ms,
        quotes=quotes,
        unavailable=unavailable,
        rates=rates,
        sources=sources,
    )


def as_of(snapshot: Snapshot, now_ms: int, limits: Ages) -> Snapshot:
    """The snapshot as somebody sees it who reads it now: what has grown stale is marked, what is older than a day is
    gone, and the feed itself is `late` where the snapshot is, or where it is of a time that has not come."""
    judged = {
        symbol: _judged(quote, now_ms, limits.stale_ms, limits.drop_ms) for symbol, quote in snapshot.quotes.items()
    }
    return replace(
        snapshot,
        quotes={symbol: quote for symbol, quote in judged.items() if quote},
        unavailable=dict(snapshot.unavailable) | {s: snapshot.seq for s, quote in judged.items() if not quote},
        late=snapshot.seq > 0 and abs(now_ms - snapshot.ts_ms) > limits.late_ms,
    )


@dataclass(frozen=True, slots=True)
class Delta:
    """What a client has to hear after a tick: the quotes that changed, and symbols that lost their price."""

    old: Snapshot
    new: Snapshot

    @property
    def quotes(self) -> dict[str, Quote]:
        return self.quotes_since(self.old.seq)

    @property
    def unavailable(self) -> list[str]:
        return self.unavailable_since(self.old.seq)

    def quotes_since(self, seq: int) -> dict[str, Quote]:
        """The quotes that changed after that tick, which may be one before `old`."""
        return {symbol: quote for symbol, quote in self.new.quotes.items() if quote.seq > seq}

    def unavailable_since(self, seq: int) -> list[str]:
        """The symbols that lost their price after that tick."""
        return [symbol for symbol, lost_seq in self.new.unavailable.items() if lost_seq > seq]

    def __bool__(self) -> bool:
        return bool(self.quotes or self.unavailable)


def view_seq(snapshot: Snapshot, symbols: Iterable[str]) -> int:
    """The last tick in which any of these symbols changed: what a client that sees only them has last heard of."""
    return max((_changed_in(snapshot, symbol) for symbol in symbols), default=0)


def _changed_in(snapshot: Snapshot, symbol: str) -> int:
    quote = snapshot.quotes.get(symbol)
    return quote.seq if quote else snapshot.unavailable.get(symbol, 0)


_state = attrgetter(*(f.name for f in fields(Quote) if f.name not in {"seq", "ts_ms", "seen_ms", "sources"}))


def _same_state(a: Quote, b: Quote) -> bool:
    """Whether a client would see no difference worth a frame: that a source confirmed a price once more, or that more
    of them or fewer agree with it, is none."""
    return _state(a) == _state(b)


def _judged(quote: Quote | None, now_ms: int, stale_after_ms: int, drop_after_ms: int = DROP_AFTER_MS) -> Quote | None:
    """The quote as it is now: stale by its age, until it is confirmed, none after a day. A time that has not come says
    nothing."""
    if quote is None or now_ms - quote.seen_ms > drop_after_ms:
        return None
    stale = quote.stale or abs(now_ms - quote.seen_ms) > stale_after_ms
    return quote if stale == quote.stale else replace(quote, stale=stale)


def _kept(quote: Quote | None, now_ms: int) -> Quote | None:
    """A quote that nobody confirmed in this tick: no source agrees with it now but the one that it is of. What was seen
    at a time that has not come was seen now: a clock was set back."""
    return quote and replace(quote, sources=1, seen_ms=min(quote.seen_ms, now_ms))
