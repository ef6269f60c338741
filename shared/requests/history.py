"""The `history` request: closed candles of a symbol, in as many frames as necessary, and the candle in progress.

`candles` holds only closed candles. The candle in progress is in the last frame, as `in_progress`; a client that does
not know this field draws nothing wrong. `ticks` and `in_progress_ticks` say how many of the feed's own ticks made each
candle. They stand beside the rows, so a client that does not know them reads the rows as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle, OpenCandles
from shared.model.wire import Encoded, dumps
from shared.protocol import BadRequest, Id, Message, Part, in_parts, reply, unknown_symbol
from shared.requests.minutes import MinutesBackfill
from shared.store.candle_keys import LATEST_MS
from shared.store.candles_table import MAX_READ
from shared.store.whole_history import WholeHistory

DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A valid request: up to `limit` closed candles that began before `before_ms` (`None`: before now)."""

    symbol: str
    interval: str
    limit: int
    before_ms: int | None
    message_id: Id


def parse_history(message: Message) -> HistoryRequest:
    """Read a `history` request.

    Raises:
        BadRequest: its code is `bad_request`, `unknown_symbol`, `unknown_interval` or `bad_limit`.
    """
    symbol, interval = message.body.get("symbol"), message.body.get("interval")
    if not isinstance(symbol, str) or not isinstance(interval, str):
        raise BadRequest("bad_request", '"symbol" and "interval" are texts, "BTC_CAD" and "1m"', message.message_id)
    if symbol not in catalogue():
        raise unknown_symbol([symbol], message.message_id)
    if interval not in INTERVAL_MS:
        raise BadRequest("unknown_interval", f'"interval" is one of {", ".join(INTERVAL_MS)}', message.message_id)
    limit = _integer_between(message.body.get("limit"), 1, MAX_READ)
    if limit is None and message.body.get("limit") is not None:
        raise BadRequest("bad_limit", f'"limit" is a whole number from 1 to {MAX_READ}', message.message_id)
    before_ms = _integer_between(message.body.get("before"), 0, LATEST_MS)
    if before_ms is None and message.body.get("before") is not None:
        raise BadRequest("bad_request", '"before" is a time in Unix milliseconds', message.message_id)
    return HistoryRequest(symbol, interval, limit or DEFAULT_LIMIT, before_ms, message.message_id)


def history_frames(
    message: Message, history: WholeHistory, open_candles: OpenCandles, minutes: MinutesBackfill, now_ms: int
) -> tuple[bytes, ...]:
    """The answer to a `history` request, oldest candle first. Minutes of a single tick in it are asked for.

    `open_candles` must come from a snapshot read before this call: a candle that closes in between is then already in
    the table, so none is missed.

    Raises:
        BadRequest: the message is not a valid `history` request.
    """
    asked = parse_history(message)
    closed, current = candles_asked(asked, history, open_candles, now_ms)
    if asked.interval == "1m":
        minutes.look(asked.symbol, closed, now_ms)
    return encode_history(asked, closed, current)


def candles_asked(
    asked: HistoryRequest, history: WholeHistory, open_candles: OpenCandles, now_ms: int
) -> tuple[list[Candle], Candle | None]:
    """The closed candles that are asked for, oldest first, and the one in progress if it follows them."""
    closed = history.read(asked.symbol, asked.interval, asked.limit, now_ms=now_ms, before_ms=asked.before_ms)
    current = open_candles.get(asked.symbol, {}).get(asked.interval)
    if current is not None and asked.before_ms is not None and current.open_ms >= asked.before_ms:
        current = None
    if current is not None and closed and current.open_ms <= closed[-1].open_ms:
        current = None
    return closed, current


def encode_history(asked: HistoryRequest, closed: Sequence[Candle], current: Candle | None) -> tuple[bytes, ...]:
    """The frames of the candles. Each has its `part` and the number of `parts`, since posts may overtake each other."""

    def frame(items: Sequence[_Item], part: Part) -> bytes:
        fields: dict[str, Any] = {
            "event": "history",
            "symbol": asked.symbol,
            "interval": asked.interval,
            "candles": [item.row for item in items],
            "ticks": [item.ticks for item in items],
            "part": part.part,
            "parts": part.parts,
        }
        if part.is_last and current is not None:
            fields["in_progress"] = candle_row(current)
            fields["in_progress_ticks"] = current.ticks
        return reply(fields, asked.message_id)

    items = [_Item(Encoded(dumps(candle_row(candle))), Encoded(dumps(candle.ticks))) for candle in closed]
    return in_parts(items, frame, size_of=_bytes_of)


class _Item(NamedTuple):
    """A candle's row, and beside it its ticks."""

    row: Encoded
    ticks: Encoded


def _bytes_of(item: _Item) -> int:
    return len(item.row) + 1 + len(item.ticks)


def candle_row(candle: Candle) -> list[int | Decimal]:
    """A candle as messages have it."""
    return [candle.open_ms, candle.open, candle.high, candle.low, candle.close]


def _integer_between(value: object, lowest: int, highest: int) -> int | None:
    """The value if it is a whole number within these limits, else `None`."""
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return value
    return None
