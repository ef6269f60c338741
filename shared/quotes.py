"""From one tick's state of the feed to the next: the quotes that stay, grow stale or go, and what changed. All pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from shared.assets import catalogue
from shared.pricing.fx import DAY_MS, hourly, usd_cad, usdt_cad
from shared.values import Quote, Rate, Snapshot, SourceState

DROP_AFTER_MS = DAY_MS  # a price that nobody confirmed for a day is no longer a price, not even a stale one


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
    kept, marked stale once that is `stale_after_ms` ago, and dropped after a day."""
    seq = old.seq + 1
    quotes: dict[str, Quote] = {}
    unavailable: dict[str, int] = {}
    for symbol in catalogue():
        before = old.quotes.get(symbol)
        quote = fresh.get(symbol) or _unconfirmed(before, now_ms, stale_after_ms)
        if quote is None:
            unavailable[symbol] = old.unavailable.get(symbol, seq)
        else:
            quotes[symbol] = replace(quote, seq=before.seq if before and _same_state(before, quote) else seq)
    return Snapshot(
        seq=seq,
        ts_ms=now_ms,
        quotes=quotes,
        unavailable=unavailable,
        rates=rates,
        usd_cad_history=hourly(old.usd_cad_history, usd_cad(rates, now_ms), now_ms),
        usdt_cad_history=hourly(old.usdt_cad_history, usdt_cad(rates, now_ms), now_ms),
        sources=sources,
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


def _same_state(a: Quote, b: Quote) -> bool:
    """Whether a client would see no difference; that a source confirmed a price once more is none."""
    return replace(a, seq=0, ts_ms=0, seen_ms=0) == replace(b, seq=0, ts_ms=0, seen_ms=0)


def _unconfirmed(quote: Quote | None, now_ms: int, stale_after_ms: int) -> Quote | None:
    if quote is None or now_ms - quote.seen_ms > DROP_AFTER_MS:
        return None
    return replace(quote, stale=now_ms - quote.seen_ms > stale_after_ms)
