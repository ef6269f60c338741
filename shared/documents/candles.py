"""The documents with candles."""

from collections.abc import Sequence
from typing import Any

from shared.documents.csv_text import csv_text
from shared.model.candles import Candle
from shared.model.wire import dumps
from shared.requests.history import HistoryRequest, candle_row

COLUMNS = ("open_ms", "open", "high", "low", "close")
TICKS = "ticks"


def candles_json(asked: HistoryRequest, closed: Sequence[Candle], current: Candle | None) -> bytes:
    """The fields of a `history` frame, all in one piece."""
    fields: dict[str, Any] = {
        "symbol": asked.symbol,
        "interval": asked.interval,
        "candles": [candle_row(candle) for candle in closed],
        "ticks": [candle.ticks for candle in closed],
    }
    if current is not None:
        fields |= {"in_progress": candle_row(current), "in_progress_ticks": current.ticks}
    return dumps(fields).encode()


def candles_csv(closed: Sequence[Candle]) -> bytes:
    """A row per closed candle, oldest first."""
    rows = ({**dict(zip(COLUMNS, candle_row(candle), strict=True)), TICKS: candle.ticks} for candle in closed)
    return csv_text((*COLUMNS, TICKS), rows)
