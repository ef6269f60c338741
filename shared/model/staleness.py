"""How old a quote, a vote and the feed itself may be, and what a stored snapshot is worth by the clock of its reader.

A stored snapshot is right when it is written, and grows old with nobody to say so. So whoever reads it judges it.
"""

from dataclasses import dataclass, replace

from shared.model.candles import INTERVAL_MS
from shared.model.values import Quote, Snapshot

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


def as_of(snapshot: Snapshot, now_ms: int, limits: Ages) -> Snapshot:
    """The snapshot as somebody sees it who reads it now: what has grown stale is marked, what is older than a day is
    gone, and the feed itself is `late` where the snapshot is, or where it is of a time that has not come."""
    seen = {symbol: judged(quote, now_ms, limits.stale_ms, limits.drop_ms) for symbol, quote in snapshot.quotes.items()}
    return replace(
        snapshot,
        quotes={symbol: quote for symbol, quote in seen.items() if quote},
        unavailable=dict(snapshot.unavailable) | {s: snapshot.seq for s, quote in seen.items() if not quote},
        late=snapshot.seq > 0 and abs(now_ms - snapshot.ts_ms) > limits.late_ms,
    )


def judged(quote: Quote | None, now_ms: int, stale_after_ms: int, drop_after_ms: int = DROP_AFTER_MS) -> Quote | None:
    """The quote as it is now: stale by its age, until it is confirmed, none after a day. A time that has not come says
    nothing."""
    if quote is None or now_ms - quote.seen_ms > drop_after_ms:
        return None
    stale = quote.stale or abs(now_ms - quote.seen_ms) > stale_after_ms
    return quote if stale == quote.stale else replace(quote, stale=stale)
