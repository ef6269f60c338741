"""The `history` request: closed candles of a symbol, in as many frames as they need, and the one in progress.

`candles` holds final candles only, all rows alike; what may still change stands beside them, as `in_progress`, in
the last frame. So a client may keep every row for good, and one that does not know the field draws nothing wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle, OpenCandles
from shared.model.wire import Encoded, dumps
from shared.protocol import BadRequest, Id, Message, Part, in_parts, reply
from shared.store.candles_table import LATEST_MS, MAX_READ, CandlesTable

DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A valid request: up to `limit` closed candles that began before `before_ms` (`None`: up to now)."""

    symbol: str
    interval: str
    limit: int
    before_ms: int | None
    message_id: Id


def parse_history(message: Message) -> HistoryRequest:
    """Read a `history` request.

    Raises:
        BadRequest: `bad_request`, `unknown_symbol`, `unknown_interval` or `bad_limit`.
    """
    symbol, interval = message.body.get("symbol"), message.body.get("interval")
    if not isinstance(symbol, str) or not isinstance(interval, str):
        raise BadRequest("bad_request", '"symbol" and "interval" are texts, "BTC_CAD" and "1m"', message.message_id)
    if symbol not in catalogue():
        raise BadRequest("unknown_symbol", f"no such symbol: {symbol:.40}", message.message_id)
    if interval not in INTERVAL_MS:
        raise BadRequest("unknown_interval", f'"interval" is one of {", ".join(INTERVAL_MS)}', message.message_id)
    limit = _whole(message.body.get("limit"), 1, MAX_READ)
    if limit is None and message.body.get("limit") is not None:
        raise BadRequest("bad_limit", f'"limit" is a whole number from 1 to {MAX_READ}', message.message_id)
    before_ms = _whole(message.body.get("before"), 0, LATEST_MS)
    if before_ms is None and message.body.get("before") is not None:
        raise BadRequest("bad_request", '"before" is a time in Unix milliseconds', message.message_id)
    return HistoryRequest(symbol, interval, limit or DEFAULT_LIMIT, before_ms, message.message_id)


def history_frames(
    message: Message, candles_table: CandlesTable, open_candles: OpenCandles, now_ms: int
) -> tuple[bytes, ...]:
    """The answer to a `history` request, oldest candles first. `open_candles` were read from the snapshot just before.

    In this order of reading no candle is missed: one that closes in between is in the table by the time it is read.

    Raises:
        BadRequest: as `parse_history`.
    """
    asked = parse_history(message)
    closed = candles_table.read(asked.symbol, asked.interval, asked.limit, now_ms=now_ms, before_ms=asked.before_ms)
    current = open_candles.get(asked.symbol, {}).get(asked.interval)
    if current is not None and asked.before_ms is not None and current.open_ms >= asked.before_ms:
        current = None
    if current is not None and closed and current.open_ms <= closed[-1].open_ms:
        current = None
    return encode_history(asked, closed, current)


def encode_history(asked: HistoryRequest, closed: Sequence[Candle], current: Candle | None) -> tuple[bytes, ...]:
    """The frames of the candles: each says its `part` of how many `parts`, since posts may overtake each other."""

    def frame(rows: Sequence[Encoded], part: Part) -> bytes:
        fields: dict[str, Any] = {
            "event": "history",
            "symbol": asked.symbol,
            "interval": asked.interval,
            "candles": rows,
            "part": part.part,
            "parts": part.parts,
        }
        if part.is_last and current is not None:
            fields["in_progress"] = _row(current)
        return reply(fields, asked.message_id)

    return in_parts([Encoded(dumps(_row(candle))) for candle in closed], frame)


def _row(candle: Candle) -> list[int | Decimal]:
    return [candle.open_ms, candle.open, candle.high, candle.low, candle.close]


def _whole(value: object, lowest: int, highest: int) -> int | None:
    """The value, if it is a whole number within these limits."""
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return value
    return None
