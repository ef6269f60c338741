"""The messages of the WebSocket, in and out. Inbound text is validated; outbound frames are UTF-8 JSON."""

from shared.protocol.assets import assets_frames, listed_assets
from shared.protocol.errors import ERRORS, BadRequest, Id, unknown_event, unknown_symbol
from shared.protocol.explain import explain_frame, parse_explain
from shared.protocol.frames import (
    MAX_DURATION,
    TOKEN_ENDS,
    closing_frame,
    error_frame,
    heartbeat_frame,
    pong_frame,
    rate_limited_frame,
    reply,
    source_status,
    subscribed_frames,
    subscriptions_frame,
    unsubscribed_frame,
)
from shared.protocol.limits import (
    MAX_FRAME_BYTES,
    MAX_ID_LENGTH,
    MAX_MESSAGE_BYTES,
    MAX_SYMBOLS,
    MAX_TRENDS_FRAME_BYTES,
)
from shared.protocol.messages_in import (
    EVENTS,
    REQUEST_EVENTS,
    SUBSCRIPTION_EVENTS,
    Message,
    Subscription,
    Timestamp,
    Unsubscription,
    parse_channel,
    parse_every,
    parse_message,
    parse_subscription,
    parse_timestamp,
    parse_unsubscription,
)
from shared.protocol.parts import Part, in_parts
from shared.protocol.quotes import QuoteTexts, quote_fields
from shared.protocol.snapshots import SnapshotFrames, snapshot_frames
from shared.protocol.trends import trends_frames
from shared.protocol.updates import UpdateFrames
from shared.protocol.views import View, symbols_of

__all__ = [
    "ERRORS",
    "EVENTS",
    "MAX_DURATION",
    "MAX_FRAME_BYTES",
    "MAX_ID_LENGTH",
    "MAX_MESSAGE_BYTES",
    "MAX_SYMBOLS",
    "MAX_TRENDS_FRAME_BYTES",
    "REQUEST_EVENTS",
    "SUBSCRIPTION_EVENTS",
    "TOKEN_ENDS",
    "BadRequest",
    "Id",
    "Message",
    "Part",
    "QuoteTexts",
    "SnapshotFrames",
    "Subscription",
    "Timestamp",
    "Unsubscription",
    "UpdateFrames",
    "View",
    "assets_frames",
    "closing_frame",
    "error_frame",
    "explain_frame",
    "heartbeat_frame",
    "in_parts",
    "listed_assets",
    "parse_channel",
    "parse_every",
    "parse_explain",
    "parse_message",
    "parse_subscription",
    "parse_timestamp",
    "parse_unsubscription",
    "pong_frame",
    "quote_fields",
    "rate_limited_frame",
    "reply",
    "snapshot_frames",
    "source_status",
    "subscribed_frames",
    "subscriptions_frame",
    "symbols_of",
    "trends_frames",
    "unknown_event",
    "unknown_symbol",
    "unsubscribed_frame",
]
