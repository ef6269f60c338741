"""Parses what clients send: a message and its fields, or the error that says what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeGuard

from shared.model.assets import catalogue
from shared.model.channels import CHANNELS
from shared.model.pace import LONGEST_S, is_allowed
from shared.model.wire import Encoded, loads
from shared.protocol.errors import BadRequest, Id, unknown_symbol
from shared.protocol.limits import MAX_ID_LENGTH, MAX_MESSAGE_BYTES, MAX_SYMBOLS
from shared.protocol.views import View

SUBSCRIPTION_EVENTS = ("subscribe", "unsubscribe")
REQUEST_EVENTS = ("subscriptions", "snapshot", "ping", "assets", "explain", "history", "trends")
EVENTS = (*SUBSCRIPTION_EVENTS, *REQUEST_EVENTS)

Timestamp = Id | Encoded


@dataclass(frozen=True, slots=True)
class Message:
    """An inbound message: its event, its id to echo, and all fields as sent."""

    event: str
    message_id: Id
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A valid request for a channel. `rejected`: the symbols that do not exist. `every_s`: the seconds between two
    frames; 0 for every tick."""

    channel: str
    view: View
    rejected: tuple[str, ...] = ()
    every_s: int = 0


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """A valid request to end subscriptions. `None` means every channel, or every symbol."""

    channel: str | None = None
    symbols: View = None
    rejected: tuple[str, ...] = ()


def parse_message(text: str | None) -> Message:
    """Read an inbound frame.

    Raises:
        BadRequest: the message is too long, not a JSON object, or has no `event`.
    """
    if len((text or "").encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise BadRequest("too_large", f"a message may have at most {MAX_MESSAGE_BYTES} bytes")
    try:
        body = loads(text or "")
    except (ValueError, RecursionError):
        raise BadRequest("bad_json", "the message is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("bad_request", "the message is not a JSON object")
    message_id = _message_id(body.get("id"))
    event = body.get("event")
    if not isinstance(event, str) or not event:
        raise BadRequest("bad_request", 'the message has no "event"', message_id)
    return Message(event, message_id, body)


def parse_subscription(message: Message) -> Subscription:
    """The channel and symbols of a `subscribe`. Without `symbols` it means all of them.

    Raises:
        BadRequest: the channel is unknown, `symbols` is not a list of names, too long, or none of them exists.
    """
    channel = parse_channel(message)
    return Subscription(channel, *_symbols(message))


def parse_every(message: Message, tick_s: int) -> int:
    """The seconds between two frames that a `subscribe` asks for; 0 for every tick.

    Raises:
        BadRequest: it is not a number of whole ticks, or too long.
    """
    every_s = message.body.get("every")
    if every_s is None:
        return 0
    if not isinstance(every_s, int) or isinstance(every_s, bool) or not is_allowed(every_s, tick_s):
        text = f'"every" is a multiple of {tick_s} seconds, the feed\'s tick, up to {LONGEST_S}'
        raise BadRequest("bad_every", text, message.message_id)
    return every_s if every_s > tick_s else 0


def parse_unsubscription(message: Message) -> Unsubscription:
    """What an `unsubscribe` ends: everything, a channel, or some symbols of a channel.

    Raises:
        BadRequest: the channel or the symbols are not valid, or there are symbols without a channel.
    """
    if message.body.get("channel") is not None:
        channel = parse_channel(message)
        return Unsubscription(channel, *_symbols(message))
    if message.body.get("symbols") is not None:
        raise BadRequest("bad_request", '"symbols" needs a "channel"', message.message_id)
    return Unsubscription()


def parse_channel(message: Message) -> str:
    """The channel that a message names.

    Raises:
        BadRequest: it is not the name of a channel.
    """
    channel = message.body.get("channel")
    if channel not in CHANNELS:
        raise BadRequest("unknown_channel", f'"channel" is one of {", ".join(CHANNELS)}', message.message_id)
    return str(channel)


def parse_timestamp(message: Message) -> Timestamp:
    """The `timestamp` of a `ping` to send back: a number as written, a short text, or `None`."""
    value = message.body.get("timestamp")
    if isinstance(value, Decimal):
        return Encoded(value)  # as written: an exponent may be too large to write out
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number or _is_short_text(value) else None


def _symbols(message: Message) -> tuple[View, tuple[str, ...]]:
    """The named symbols that exist, in the feed's order, and those that do not. `None`: the message names none."""
    asked = message.body.get("symbols")
    if asked is None:
        return None, ()
    if not isinstance(asked, list) or not asked or not all(isinstance(symbol, str) for symbol in asked):
        raise BadRequest("bad_request", '"symbols" is not a list of names such as "BTC_CAD"', message.message_id)
    if len(asked) > MAX_SYMBOLS:
        raise BadRequest("too_many_symbols", f"at most {MAX_SYMBOLS} symbols are allowed", message.message_id)
    wanted = set(asked)
    view = tuple(symbol for symbol in catalogue() if symbol in wanted)
    rejected = tuple(sorted(wanted - set(view)))
    if not view:
        raise unknown_symbol(rejected, message.message_id)
    return view, rejected


def _message_id(value: object) -> Id:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63):
        return value
    if _is_short_text(value):
        return value
    raise BadRequest("bad_request", f'"id" is a 64-bit whole number or a text of at most {MAX_ID_LENGTH} characters')


def _is_short_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_ID_LENGTH
