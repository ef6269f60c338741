"""The channel `rates_compact`: each quote as a row of numbers, and the legend that says what they are.

The schema of a row in docs/asyncapi.yaml says how a client makes a quote of it.
"""

import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from shared.model.assets import catalogue
from shared.model.percent import percent_of
from shared.model.values import Quote, Snapshot
from shared.model.wire import EXACT, Encoded, dumps

COLUMNS = ("i", "bid", "ask", "spot", "change", "age_ms", "sources", "flags", "seq", "change_pct")
STALE, SIMULATED = 1, 2


class Legend:
    """What the rows of a view mean: the columns, and by a row's `i` its symbol and the market that it comes from.

    `name` is made of all that, so two processes give equal legends the same name, and another legend another one. A row
    goes with the legend that its frame names and with no other, whatever a client has missed.
    """

    def __init__(self, snapshot: Snapshot, symbols: Sequence[str]) -> None:
        today = {symbol: asset.symbol_of_today for symbol, asset in catalogue().items()}
        renamed = [[symbol, today[symbol]] for symbol in symbols if today.get(symbol)]
        self._symbols = symbols
        self._used = _sources_used(snapshot, symbols)
        self._content: dict[str, Any] = {"columns": COLUMNS, "symbols": symbols, "sources_used": self._used}
        if renamed:
            self._content["renamed_to"] = renamed
        self.name = f"{zlib.crc32(dumps(self._content).encode()):08x}"

    def is_of(self, snapshot: Snapshot) -> bool:
        """Whether the same view of that snapshot has the same legend."""
        return self._used == _sources_used(snapshot, self._symbols)

    def named(self) -> Mapping[str, Any]:
        """The field of a frame whose reader has the legend."""
        return {"legend": self.name}

    def repeated(self) -> Mapping[str, Any]:
        """The fields of a whole view whose reader has the legend: what its rows are, but not where each is from."""
        return {name: field for name, field in self.stated().items() if name in ("legend", "columns", "symbols")}

    def stated(self) -> Mapping[str, Any]:
        """The fields of a frame that states the legend."""
        return {"legend": self.name, **self._content}


class RowTexts:
    """The quotes of a snapshot as rows. Each is encoded on first use, once for all frames that hold it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._cells: dict[tuple[str, int], str] = {}

    def of(self, symbol: str, index: int, frame_seq: int) -> Encoded:
        """The row of a symbol in a frame of that tick. `index`: its place among the legend's symbols.

        Raises:
            KeyError: the symbol has no price.
        """
        key = (symbol, frame_seq)
        if key not in self._cells:
            cells = _cells(self._snapshot.quotes[symbol], self._snapshot.ts_ms, frame_seq)
            self._cells[key] = dumps(cells)[1:]
        return Encoded(f"[{index},{self._cells[key]}")


def _sources_used(snapshot: Snapshot, symbols: Sequence[str]) -> list[str]:
    """For each symbol the source of its quote, empty without a quote."""
    return [quote.source if (quote := snapshot.quotes.get(symbol)) else "" for symbol in symbols]


def _cells(quote: Quote, frame_ms: int, frame_seq: int) -> list[int | Decimal]:
    """The row without its `i`. Cells at its end that a client knows by itself are left out."""
    with localcontext(EXACT):
        percent = percent_of(quote.change, quote.spot - quote.change)
    known: list[tuple[int | Decimal, int | Decimal]] = [
        (quote.sources, 1),
        (STALE * quote.stale + SIMULATED * quote.simulated, 0),
        (quote.seq, frame_seq),
        (quote.change_pct, percent),
    ]
    while known and known[-1][0] == known[-1][1]:
        known.pop()
    told = [value for value, _ in known]
    return [quote.bid, quote.ask, quote.spot, quote.change, frame_ms - quote.ts_ms, *told]
