"""The frames without prices: acknowledgements, answers, errors, heartbeats and closing notices."""

from collections.abc import Sequence
from typing import Any

from shared.model.values import Connection, Snapshot, SourceState
from shared.model.wire import Encoded, dumps
from shared.protocol.errors import ERRORS, NO_SUCH_SYMBOL, Id
from shared.protocol.messages_in import Subscription, Timestamp
from shared.protocol.parts import Part, in_parts
from shared.protocol.views import symbols_of

# Why a connection will end: API Gateway ends it after two hours, or its token ends.
MAX_DURATION, TOKEN_ENDS = "max_duration", "token_ends"


def subscribed_frames(subscription: Subscription, message_id: Id) -> tuple[bytes, ...]:
    """The answer to `subscribe`: the symbols that are subscribed now, and the rejected ones with a code each. One
    frame, or its parts."""

    def frame(symbols: Sequence[Encoded], part: Part) -> bytes:
        fields: dict[str, Any] = {
            "event": "subscribed",
            "status": "subscribed",
            "channel": subscription.channel,
            "symbols": symbols,
            **_every(subscription.every_s),
            **part.fields(),
        }
        return reply(fields | (_rejected(subscription.rejected) if part.is_last else {}), message_id)

    return in_parts([Encoded(dumps(symbol)) for symbol in symbols_of(subscription.view)], frame)


def unsubscribed_frame(
    message_id: Id, channel: str | None = None, left: Sequence[str] = (), rejected: Sequence[str] = ()
) -> bytes:
    """The answer to `unsubscribe`. If the client named a channel, the symbols that are still subscribed on it."""
    frame: dict[str, Any] = {"event": "unsubscribed", "status": "unsubscribed"}
    if channel:
        frame |= {"channel": channel, "symbols": left}
    return reply(frame | _rejected(rejected), message_id)


def subscriptions_frame(connection: Connection, message_id: Id) -> bytes:
    """The connection's subscriptions by channel."""
    paces = {channel: pace.every_s for channel, pace in connection.paces.items()}
    listed = [
        {"channel": channel, "symbols": symbols_of(view), **_every(paces.get(channel, 0))}
        for channel, view in connection.subscriptions.items()
    ]
    return reply({"event": "subscriptions", "subscriptions": listed}, message_id)


def pong_frame(ts_ms: int, message_id: Id, timestamp: Timestamp = None) -> bytes:
    """The answer to `ping`, with the client's own `timestamp` unchanged."""
    return reply({"event": "pong", "ts": ts_ms} | ({} if timestamp is None else {"timestamp": timestamp}), message_id)


def error_frame(code: str, message: str, message_id: Id = None) -> bytes:
    """An error with one of the codes in `ERRORS`.

    Raises:
        KeyError: `code` is not in `ERRORS`.
    """
    return reply(_error(code, message), message_id)


def rate_limited_frame(retry_in_ms: int, message_id: Id) -> bytes:
    """The error for a client that sends too many messages. It says when the next message will be accepted."""
    text = f"too many messages; try again in {retry_in_ms} ms"
    return reply(_error("rate_limited", text) | {"retry_in_ms": retry_in_ms}, message_id)


def heartbeat_frame(snapshot: Snapshot) -> bytes:
    """Sent when nothing has changed for a while: the feed is alive, and this is the state of its sources."""
    return dumps(
        {
            "event": "heartbeat",
            "ts": snapshot.ts_ms,
            "seq": snapshot.seq,
            "stale": [symbol for symbol, quote in snapshot.quotes.items() if quote.stale],
            "status": source_status(snapshot),
        }
    ).encode()


def closing_frame(reconnect_in_ms: int, ts_ms: int, reason: str = MAX_DURATION) -> bytes:
    """Sent before a connection ends."""
    return dumps({"event": "closing", "reason": reason, "reconnect_in_ms": reconnect_in_ms, "ts": ts_ms}).encode()


def source_status(snapshot: Snapshot) -> dict[str, str]:
    """Each source is `ok`, `down` if its last request failed, or `suspect` if it contradicts the others. If the feed is
    late, the first entry is `feed: late`."""
    late = {"feed": "late"} if snapshot.late else {}
    return late | {name: _status(name, state, snapshot) for name, state in snapshot.sources.items()}


def reply(frame: dict[str, Any], message_id: Id) -> bytes:
    """The frame, with the id of the message that it answers, if that had one."""
    return dumps(frame if message_id is None else {**frame, "id": message_id}).encode()


def _status(name: str, state: SourceState, snapshot: Snapshot) -> str:
    if state.error:
        return "down"
    return "suspect" if name in snapshot.suspects else "ok"


def _error(code: str, message: str) -> dict[str, Any]:
    return {"event": "error", "code": code, "message": message, "retryable": ERRORS[code]}


def _every(every_s: int) -> dict[str, int]:
    return {"every": every_s} if every_s else {}


def _rejected(symbols: Sequence[str]) -> dict[str, Any]:
    listed = [{"symbol": symbol, "code": "unknown_symbol", "message": NO_SUCH_SYMBOL} for symbol in symbols]
    return {"rejected": listed} if listed else {}
