"""Frames of `rates_compact` as those of `rates_batch`: a row of numbers becomes the quote that it stands for.

docs/protocol.md says how, under "Rows of numbers".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any

from .quote import integer, price_of, symbols_in

COMPACT, BATCH = "rates_compact", "rates_batch"
# The errors with which a server says that it does not offer a channel, or not to this client.
NOT_OFFERED = frozenset({"unknown_channel", "channel_denied"})
STALE, SIMULATED = 1, 2
# As many as may be under way at once.
MOST_LEGENDS = 8
# Wide enough for every digit of two prices and their quotient, as at the server.
EXACT = Context(prec=300)
SIX_PLACES, DIGITS = Decimal("0.000001"), 6


@dataclass(frozen=True, slots=True)
class _Legend:
    """What the cells of a row are, and what its `i` stands for."""

    columns: tuple[str, ...]
    symbols: tuple[str, ...]
    sources: tuple[str, ...]
    renamed: Mapping[str, str]

    def quote(self, row: object, seq: int, ts_ms: int) -> dict[str, object]:
        """The fields of the quote in a row of a frame with this `seq` and `ts`.

        Raises:
            ValueError: it is not what the protocol says.
        """
        if not isinstance(row, list):
            raise ValueError(f"not a row: {row!r:.40}")
        # A row may be shorter than the columns, and have more cells than this client knows.
        cell = dict(zip(self.columns, row, strict=False))
        index = integer(cell.get("i"), "i")
        if not 0 <= index < len(self.symbols):
            raise ValueError(f"row {index} of {len(self.symbols)} symbols")
        symbol = self.symbols[index]
        ts_ms -= integer(cell.get("age_ms"), "age_ms")
        flags = integer(cell.get("flags", 0), "flags")
        percent = cell.get("change_pct")
        if percent is None:
            percent = percent_of(price_of(cell.get("change")), price_of(cell.get("spot")))
        fields = {
            "symbol": symbol,
            "timestamp": ts_ms // 1000,
            **{name: cell.get(name) for name in ("bid", "ask", "spot", "change")},
            "change_pct": percent,
            "ts": ts_ms,
            "seq": cell.get("seq", seq),
            "source": self.sources[index],
            "sources": cell.get("sources", 1),
            "stale": bool(flags & STALE),
            "simulated": bool(flags & SIMULATED),
        }
        return fields | ({"renamed_to": self.renamed[symbol]} if symbol in self.renamed else {})


class Legends:
    """The legends that a connection has stated, by their names, oldest first."""

    def __init__(self) -> None:
        self._known: dict[str, _Legend] = {}

    def expanded(self, frame: Mapping[str, Any]) -> Mapping[str, Any]:
        """A frame of `rates_compact` as one of `rates_batch`; any other frame unchanged.

        A frame whose legend has not come tells no prices, also one with the whole view. It becomes an update that
        follows nothing that is known, so the client sees a gap and asks for a snapshot, which states the legend.

        Raises:
            ValueError: a field is missing or is not what the protocol says.
        """
        if frame.get("channel") != COMPACT or frame.get("event") not in ("snapshot", "update"):
            return frame
        seq, ts_ms = integer(frame.get("seq"), "seq"), integer(frame.get("ts"), "ts")
        legend = self._legend(frame)
        rows = frame.get("rows")
        if not isinstance(rows, list):
            raise ValueError("a frame without rows")
        if legend is None:
            return {**frame, "channel": BATCH, "event": "update", "data": [], "prev_seq": seq}
        return {**frame, "channel": BATCH, "data": [legend.quote(row, seq, ts_ms) for row in rows]}

    def _legend(self, frame: Mapping[str, Any]) -> _Legend | None:
        """The legend of a frame, which is kept if the frame states it: a whole view may repeat a part of it."""
        name = str(frame.get("legend"))
        if "sources_used" not in frame:
            return self._known.get(name)
        columns, symbols, sources = (symbols_in(frame.get(each)) for each in ("columns", "symbols", "sources_used"))
        if len(sources) != len(symbols):
            raise ValueError(f"{len(sources)} sources of {len(symbols)} symbols")
        self._known.pop(name, None)
        self._known[name] = _Legend(columns, symbols, sources, _renamed(frame.get("renamed_to", [])))
        while len(self._known) > MOST_LEGENDS:
            del self._known[next(iter(self._known))]
        return self._known[name]


def percent_of(change: Decimal, spot: Decimal) -> Decimal:
    """`change_pct` as the server writes it: 100 x change / (spot - change), to six places, half to even.

    Raises:
        ValueError: one of the numbers is far beyond any price.
    """
    with localcontext(EXACT):
        try:
            before = spot - change
            percent = (change * 100 / before).quantize(SIX_PLACES) if before else Decimal(0)
            shortest = percent.normalize()
            places = max(0, -int(shortest.as_tuple().exponent), DIGITS - 1 - shortest.adjusted())
            return shortest.quantize(Decimal(1).scaleb(-places)) if percent else Decimal(0)
        except ArithmeticError:
            raise ValueError("no change in percent can be computed") from None


def _renamed(pairs: object) -> dict[str, str]:
    if not isinstance(pairs, list) or not all(isinstance(pair, list) for pair in pairs):
        raise ValueError("renamed_to is not a list of pairs")
    return {str(old): str(new) for old, new in pairs}


def offered(channel: str, code: str) -> str | None:
    """The channel to take when the server answers a subscription with this error; `None` if there is no other."""
    return BATCH if channel == COMPACT and code in NOT_OFFERED else None
