"""The answer to `trends`: the hourly closes of every symbol's last day."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from shared.model.assets import catalogue
from shared.model.trends import Closes, Trends
from shared.model.wire import Encoded, dumps
from shared.protocol.errors import Id
from shared.protocol.frames import reply
from shared.protocol.limits import MAX_TRENDS_FRAME_BYTES
from shared.protocol.parts import Part, in_parts


def trends_frames(trends: Trends, message_id: Id) -> tuple[bytes, ...]:
    """The closes of each symbol that has some, in the catalogue's order, in frames of at most
    `MAX_TRENDS_FRAME_BYTES`. Each has its `part` and the number of `parts`, since posts may overtake each other."""

    def frame(rows: Sequence[Encoded], part: Part) -> bytes:
        fields: dict[str, Any] = {
            "event": "trends",
            "interval": "1h",
            "until": trends.until_ms,
            "trends": rows,
            "part": part.part,
            "parts": part.parts,
        }
        return reply(fields, message_id)

    rows = [_row(symbol, trends.closes[symbol]) for symbol in catalogue() if symbol in trends.closes]
    return in_parts(rows, frame, most_bytes=MAX_TRENDS_FRAME_BYTES)


def _row(symbol: str, closes: Closes) -> Encoded:
    return Encoded(dumps([symbol, *(None if close is None else _text(close) for close in closes)]))


def _text(close: Decimal) -> Encoded:
    """A JSON number without the zeros at the end that other prices may have: a close has five digits at most."""
    return Encoded(format(close.normalize(), "f"))
