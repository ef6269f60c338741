"""From one tick's quotes to the next: which quotes stay, become stale, go or change. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import get_type_hints

from shared.model.assets import catalogue
from shared.model.staleness import quote_as_of
from shared.model.values import NOT_NEWS, Quote, Rate, Snapshot, SourceState


def advance(
    old: Snapshot,
    fresh: Mapping[str, Quote],
    stated_fx_rates: Mapping[str, Rate],
    sources: Mapping[str, SourceState],
    *,
    now_ms: int,
    stale_after_ms: int,
) -> Snapshot:
    """The snapshot after `old`. A quote whose state did not change keeps its `seq`. A quote without confirmation stays,
    becomes stale after `stale_after_ms`, and is dropped after a day.

    A late reader of `old` saw its quotes as stale. So a quote that is confirmed again after such a silence has changed.
    """
    seq = old.seq + 1
    quotes: dict[str, Quote] = {}
    unavailable: dict[str, int] = {}
    for symbol in catalogue():
        stored = old.quotes.get(symbol)
        before = quote_as_of(stored, now_ms, stale_after_ms)
        quote = quote_as_of(fresh.get(symbol), now_ms, stale_after_ms) or _kept(before, now_ms)
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
        stated_fx_rates=stated_fx_rates,
        sources=sources,
    )


def _kept(quote: Quote | None, now_ms: int) -> Quote | None:
    """A quote that no source confirmed in this tick: only its own source counts for it. A `seen_ms` in the future
    becomes now, since a clock was set back."""
    return quote and replace(quote, sources=1, seen_ms=min(quote.seen_ms, now_ms))


def news_fields() -> list[str]:
    """The fields of a quote whose change is sent to clients."""
    hints = get_type_hints(Quote, include_extras=True)
    return [name for name, hint in hints.items() if NOT_NEWS not in getattr(hint, "__metadata__", ())]


_news = attrgetter(*news_fields())


def _same_state(a: Quote, b: Quote) -> bool:
    """Whether no field differs that clients get a frame for."""
    return _news(a) == _news(b)
