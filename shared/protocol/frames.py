"""The frames that are no prices: answers to messages, errors, heartbeats."""

from collections.abc import Mapping
from typing import Any

from shared.protocol.channels import View, symbols_of
from shared.protocol.errors import ERRORS, Id
from shared.protocol.messages_in import Subscription
from shared.values import Snapshot
from shared.wire import dumps


def subscribed_frame(subscription: Subscription, message_id: Id) -> bytes:
    """The answer to `subscribe`: what is subscribed now, and the symbols that are not, with a code each."""
    frame: dict[str, Any] = {
        "event": "subscribed",
        "status": "subscribed",
        "channel": subscription.channel,
        "symbols": symbols_of(subscription.view),
    }
    if subscription.rejected:
        frame["rejected"] = [
            {"symbol": symbol, "code": "unknown_symbol", "message": "no such symbol"}
            for symbol in subscription.rejected
        ]
    return reply(frame, message_id)


def unsubscribed_frame(channel: str, message_id: Id) -> bytes:
    return reply({"event": "unsubscribed", "status": "unsubscribed", "channel": channel}, message_id)


def subscriptions_frame(subscriptions: Mapping[str, View], message_id: Id) -> bytes:
    """What the connection is subscribed to, by channel."""
    listed = [{"channel": channel, "symbols": symbols_of(view)} for channel, view in subscriptions.items()]
    return reply({"event": "subscriptions", "subscriptions": listed}, message_id)


def pong_frame(ts_ms: int, message_id: Id) -> bytes:
    return reply({"event": "pong", "ts": ts_ms}, message_id)


def error_frame(code: str, message: str, message_id: Id = None) -> bytes:
    """What was wrong, with one of the codes in `ERRORS`."""
    return reply({"event": "error", "code": code, "message": message, "retryable": ERRORS[code].retryable}, message_id)


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


def source_status(snapshot: Snapshot) -> dict[str, str]:
    """Per source `ok`, or `down` when it failed the last time that it was asked."""
    return {name: "down" if state.error else "ok" for name, state in snapshot.sources.items()}


def reply(frame: dict[str, Any], message_id: Id) -> bytes:
    return dumps(frame if message_id is None else {**frame, "id": message_id}).encode()
