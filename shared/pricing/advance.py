"""From one tick's quotes to the next: those that stay, grow stale or go, and which of them changed. Pure."""

from collections.abc import Mapping
from dataclasses import fields, replace
from operator import attrgetter

from shared.model.assets import catalogue
from shared.model.staleness import judged
from shared.model.values import Quote, Rate, Snapshot, SourceState


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
        before = judged(stored, now_ms, stale_after_ms)
        quote = judged(fresh.get(symbol), now_ms, stale_after_ms) or _kept(before, now_ms)
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


def _kept(quote: Quote | None, now_ms: int) -> Quote | None:
    """A quote that nobody confirmed in this tick: no source agrees with it now but the one that it is of. What was seen
    at a time that has not come was seen now: a clock was set back."""
    return quote and replace(quote, sources=1, seen_ms=min(quote.seen_ms, now_ms))


_state = attrgetter(*(f.name for f in fields(Quote) if f.name not in {"seq", "ts_ms", "seen_ms", "sources"}))


def _same_state(a: Quote, b: Quote) -> bool:
    """Whether a client would see no difference worth a frame: that a source confirmed a price once more, or that more
    of them or fewer agree with it, is none."""
    return _state(a) == _state(b)
