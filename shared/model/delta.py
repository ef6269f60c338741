"""What changed between two snapshots."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.model.values import Quote, Snapshot


@dataclass(frozen=True, slots=True)
class Delta:
    """The quotes that changed between two snapshots, and the symbols that lost their price."""

    old: Snapshot
    new: Snapshot

    @property
    def quotes(self) -> dict[str, Quote]:
        return self.quotes_since(self.old.seq)

    @property
    def unavailable(self) -> list[str]:
        return self.unavailable_since(self.old.seq)

    def quotes_since(self, seq: int) -> dict[str, Quote]:
        """The quotes that changed after the tick `seq`, which may be earlier than `old`."""
        return {symbol: quote for symbol, quote in self.new.quotes.items() if quote.seq > seq}

    def unavailable_since(self, seq: int) -> list[str]:
        """The symbols that lost their price after the tick `seq`."""
        return [symbol for symbol, lost_seq in self.new.unavailable.items() if lost_seq > seq]

    def __bool__(self) -> bool:
        return bool(self.quotes or self.unavailable)


def view_seq(snapshot: Snapshot, symbols: Iterable[str]) -> int:
    """The last tick in which any of these symbols changed: the last one that a client of this view has seen."""
    return max((_changed_in(snapshot, symbol) for symbol in symbols), default=0)


def _changed_in(snapshot: Snapshot, symbol: str) -> int:
    quote = snapshot.quotes.get(symbol)
    return quote.seq if quote else snapshot.unavailable.get(symbol, 0)
