"""The frames that are no prices: acknowledgements, answers, errors, and what is said by the clock."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.model.values import Snapshot, SourceState
from shared.model.wire import Encoded, dumps
from shared.protocol.channels import View, symbols_of
from shared.protocol.errors import ERRORS, Id
from shared.protocol.messages_in import Subscription, Timestamp
from shared.protocol.parts import Part, in_parts


def subscribed_frames(subscription: Subscription, message_id: Id) -> tuple[bytes, ...]:
    """The answer to `subscribe`: what is subscribed now, and the symbols that are not, with a code each. One frame, or
    its parts."""

    def frame(symbols: Sequence[Encoded], part: Part) -> bytes:
        fields: dict[str, Any] = {
            "event": "subscribed",
            "status": "subscribed",
            "channel": subscription.channel,
            "symbols": symbols,
            **part.fields(),
        }
        return reply(fields | (_rejected(subscription.rejected) if part.is_last else {}), message_id)

    return in_parts([Encoded(dumps(symbol)) for symbol in symbols_of(subscription.view)], frame)


def unsubscribed_frame(
    message_id: Id, channel: str | None = None, left: Sequence[str] = (), rejected: Sequence[str] = ()
) -> bytes:
    """The answer to `unsubscribe`: of a channel that was named, what is still subscribed."""
    frame: dict[str, Any] = {"event": "unsubscribed", "status": "unsubscribed"}
    if channel:
        frame |= {"channel": channel, "symbols": left}
    return reply(frame | _rejected(rejected), message_id)


def subscriptions_frame(subscriptions: Mapping[str, View], message_id: Id) -> bytes:
    """What the connection is subscribed to, by channel."""
    listed = [{"channel": channel, "symbols": symbols_of(view)} for channel, view in subscriptions.items()]
    return reply({"event": "subscriptions", "subscriptions": listed}, message_id)


def pong_frame(ts_ms: int, message_id: Id, timestamp: Timestamp = None) -> bytes:
    """The answer to `ping`, with the client's own `timestamp` as it was sent."""
    return reply({"event": "pong", "ts": ts_ms} | ({} if timestamp is None else {"timestamp": timestamp}), message_id)


def error_frame(code: str, message: str, message_id: Id = None) -> bytes:
    """What was wrong, with one of the codes in `ERRORS`."""
    return reply(_error(code, message), message_id)


def rate_limited_frame(retry_in_ms: int, message_id: Id) -> bytes:
    """The error of who sends too much: when a message will be taken again."""
    text = f"too many messages; try again in {retry_in_ms} ms"
    return reply(_error("rate_limited", text) | {"retry_in_ms": retry_in_ms}, message_id)


def heartbeat_frame(snapshot: Snapshot) -> bytes:
    """What a client hears when nothing has changed for a while: that the feed is there, and how its sources do."""
    return dumps(
        {
            "event": "heartbeat",
            "ts": snapshot.ts_ms,
            "seq": snapshot.seq,
            "stale": [symbol for symbol, quote in snapshot.quotes.items() if quote.stale],
            "status": source_status(snapshot),
        }
    ).encode()


def closing_frame(reconnect_in_ms: int, ts_ms: int) -> bytes:
    """What a client hears before its connection reaches the longest time that it may last."""
    return dumps(
        {"event": "closing", "reason": "max_duration", "reconnect_in_ms": reconnect_in_ms, "ts": ts_ms}
    ).encode()


def source_status(snapshot: Snapshot) -> dict[str, str]:
    """Per source `ok`, `down` when it failed the last time that it was asked, or `suspect` when it contradicts all
    others. Before them `feed`, and only where the feed itself is `late`."""
    late = {"feed": "late"} if snapshot.late else {}
    return late | {name: _status(name, state, snapshot) for name, state in snapshot.sources.items()}


def reply(frame: dict[str, Any], message_id: Id) -> bytes:
    """The frame, with the id of the message that it answers, if it had one."""
    return dumps(frame if message_id is None else {**frame, "id": message_id}).encode()


def _status(name: str, state: SourceState, snapshot: Snapshot) -> str:
    if state.error:
        return "down"
    return "suspect" if name in snapshot.suspects else "ok"


def _error(code: str, message: str) -> dict[str, Any]:
    return {"event": "error", "code": code, "message": message, "retryable": ERRORS[code].retryable}


def _rejected(symbols: Sequence[str]) -> dict[str, Any]:
    listed = [{"symbol": symbol, "code": "unknown_symbol", "message": "no such symbol"} for symbol in symbols]
    return {"rejected": listed} if listed else {}
