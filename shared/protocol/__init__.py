"""The messages of the WebSocket, in and out. Inbound text is judged here; outbound frames are UTF-8 JSON."""

from shared.protocol.assets import assets_frames
from shared.protocol.channels import CHANNELS, RATES, RATES_BATCH, View, symbols_of
from shared.protocol.errors import ERRORS, BadRequest, ErrorKind, Id
from shared.protocol.explanations import REASONS, explain_frame
from shared.protocol.frames import (
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
from shared.protocol.limits import MAX_FRAME_BYTES, MAX_ID_LENGTH, MAX_MESSAGE_BYTES, MAX_SYMBOLS
from shared.protocol.messages_in import (
    EVENTS,
    REQUEST_EVENTS,
    SUBSCRIPTION_EVENTS,
    Message,
    Subscription,
    Timestamp,
    Unsubscription,
    parse_channel,
    parse_message,
    parse_subscription,
    parse_symbol,
    parse_timestamp,
    parse_unsubscription,
)
from shared.protocol.parts import Part, in_parts
from shared.protocol.quotes import QuoteTexts, quote_fields
from shared.protocol.snapshots import SnapshotFrames, snapshot_frames
from shared.protocol.updates import UpdateFrames

__all__ = [
    "CHANNELS",
    "ERRORS",
    "EVENTS",
    "MAX_FRAME_BYTES",
    "MAX_ID_LENGTH",
    "MAX_MESSAGE_BYTES",
    "MAX_SYMBOLS",
    "RATES",
    "RATES_BATCH",
    "REASONS",
    "REQUEST_EVENTS",
    "SUBSCRIPTION_EVENTS",
    "BadRequest",
    "ErrorKind",
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
    "parse_channel",
    "parse_message",
    "parse_subscription",
    "parse_symbol",
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
    "unsubscribed_frame",
]
