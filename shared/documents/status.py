"""The document for those who watch the feed: is it live, how old are its prices, and how are its sources."""

from typing import Any

from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS
from shared.model.staleness import Ages
from shared.model.values import Snapshot
from shared.protocol import source_status

LIVE, IDLE, LATE = "live", "idle", "late"
# Without listeners the feed ticks once a minute, and the schedule keeps to the minute, not to the second.
MOST_IDLE_MS = 2 * INTERVAL_MS["1m"]


def state_of(snapshot: Snapshot, *, is_heard: bool, now_ms: int, limits: Ages) -> str:
    """`live`, `late`, or `idle`: nobody listens, and the feed ticks as rarely as it then should."""
    if is_heard or not snapshot.seq:
        return LATE if snapshot.late or not snapshot.seq else LIVE
    return LATE if abs(now_ms - snapshot.ts_ms) > MOST_IDLE_MS + limits.late_ms else IDLE


def status_fields(snapshot: Snapshot, state: str, now_ms: int) -> dict[str, Any]:
    """The fields. Times are in Unix milliseconds, ages in milliseconds; `now` is when the document was made. A source
    that was never asked with success has no `age_ms`."""
    said = source_status(snapshot)
    return {
        "state": state,
        "now": now_ms,
        "seq": snapshot.seq,
        "ts": snapshot.ts_ms,
        "age_ms": max(0, now_ms - snapshot.ts_ms) if snapshot.seq else None,
        "quotes": len(snapshot.quotes),
        "stale": [symbol for symbol, quote in snapshot.quotes.items() if quote.stale],
        "unavailable": [symbol for symbol in catalogue() if symbol in snapshot.unavailable],
        "sources": {
            name: {"status": said[name], "age_ms": max(0, now_ms - source.ok_ms) if source.ok_ms else None}
            for name, source in snapshot.sources.items()
        },
    }
