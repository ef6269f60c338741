"""The messages of the WebSocket, in and out. Inbound text is judged here; outbound frames are UTF-8 JSON."""

from shared.protocol.channels import CHANNELS, RATES, RATES_BATCH, View, symbols_of
from shared.protocol.errors import ERRORS, BadRequest, ErrorKind, Id
from shared.protocol.frames import (
    error_frame,
    heartbeat_frame,
    pong_frame,
    source_status,
    subscribed_frame,
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
    parse_channel,
    parse_message,
    parse_subscription,
)
from shared.protocol.updates import UpdateFrames, quote_fields, snapshot_frames

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
    "REQUEST_EVENTS",
    "SUBSCRIPTION_EVENTS",
    "BadRequest",
    "ErrorKind",
    "Id",
    "Message",
    "Subscription",
    "UpdateFrames",
    "View",
    "error_frame",
    "heartbeat_frame",
    "parse_channel",
    "parse_message",
    "parse_subscription",
    "pong_frame",
    "quote_fields",
    "snapshot_frames",
    "source_status",
    "subscribed_frame",
    "subscriptions_frame",
    "symbols_of",
    "unsubscribed_frame",
]
