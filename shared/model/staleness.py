"""How old a quote, a vote and the feed may be, and a stored snapshot judged by the clock of its reader.

A stored snapshot is right when it is written and then becomes old. Nothing marks it, so each reader judges it.
"""

from dataclasses import dataclass, replace

from shared.model.candles import DAY_MS
from shared.model.values import Quote, Snapshot

DROP_AFTER_MS = DAY_MS  # a price that no source confirmed for a day is not even a stale price
FRESH_MS = 15_000
# The ingest writes at least this often, since the table's stream is the feed's only clock. A client that gets nothing
# else gets a heartbeat this often. A snapshot is not late before this age.
HEARTBEAT_MS = 30_000
TICKS = 3


@dataclass(frozen=True, slots=True)
class Ages:
    """Ages in milliseconds. A quote without confirmation is stale after `stale_ms` and dropped after `drop_ms`. A vote
    is fresh up to `fresh_ms`. A snapshot without changes is written again after `write_ms`; the feed is late once its
    snapshot is older than `late_ms`."""

    stale_ms: int
    fresh_ms: int
    write_ms: int
    late_ms: int
    drop_ms: int = DROP_AFTER_MS


def ages(tick_seconds: int, stale_after_seconds: int) -> Ages:
    """The ages for a tick of that length. A quote is not stale before its second tick is due. A snapshot without
    changes is written at least three times before its quotes would be stale. The feed is late when no snapshot was
    written for `HEARTBEAT_MS` and three ticks."""
    tick_ms = tick_seconds * 1000
    stale_ms = max(stale_after_seconds * 1000, 2 * tick_ms)
    write_ms = min(stale_ms // 3, HEARTBEAT_MS)
    return Ages(
        stale_ms=stale_ms,
        fresh_ms=max(TICKS * tick_ms, FRESH_MS),
        write_ms=write_ms,
        late_ms=HEARTBEAT_MS + TICKS * tick_ms,
    )


def as_of(snapshot: Snapshot, now_ms: int, limits: Ages) -> Snapshot:
    """The snapshot as of now: quotes that became stale are marked, quotes older than a day are removed, and `late` is
    set if the snapshot is too old or its time is too far in the future."""
    seen = {
        symbol: quote_as_of(quote, now_ms, limits.stale_ms, limits.drop_ms) for symbol, quote in snapshot.quotes.items()
    }
    return replace(
        snapshot,
        quotes={symbol: quote for symbol, quote in seen.items() if quote},
        unavailable=dict(snapshot.unavailable) | {s: snapshot.seq for s, quote in seen.items() if not quote},
        late=snapshot.seq > 0 and abs(now_ms - snapshot.ts_ms) > limits.late_ms,
    )


def quote_as_of(
    quote: Quote | None, now_ms: int, stale_after_ms: int, drop_after_ms: int = DROP_AFTER_MS
) -> Quote | None:
    """The quote as of now: marked stale if it is too old or too far in the future, `None` after a day. A quote that was
    stored as stale stays so."""
    if quote is None or now_ms - quote.seen_ms > drop_after_ms:
        return None
    stale = quote.stale or abs(now_ms - quote.seen_ms) > stale_after_ms
    return quote if stale == quote.stale else replace(quote, stale=stale)
