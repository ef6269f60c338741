"""The messages of the WebSocket, in and out. Inbound text is judged here; outbound frames are UTF-8 JSON.

`rates` sends one frame per symbol and is what clients of plain ticker servers expect; `rates_batch` sends one frame
per tick. Every quote is the whole state of its symbol.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.assets import catalogue
from shared.quotes import Delta, view_seq
from shared.values import Quote, Snapshot
from shared.wire import Encoded, dumps, loads

RATES = "rates"
RATES_BATCH = "rates_batch"
CHANNELS = (RATES, RATES_BATCH)
MAX_MESSAGE_BYTES = 4096
MAX_SYMBOLS = 100
MAX_ID_LENGTH = 36

Id = int | str | None
View = tuple[str, ...] | None  # the symbols that a client sees; `None` is all of them


class BadRequest(Exception):
    """A message that the server does not act on. `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str, message_id: Id = None) -> None:
        super().__init__(message)
        self.code = code
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class Message:
    """An inbound message: its event, its id to echo, and the other fields as sent."""

    event: str
    message_id: Id
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A valid request for a channel, and what of it was refused."""

    channel: str
    view: View
    rejected: tuple[str, ...] = ()


def parse_message(text: str | None) -> Message:
    """Read an inbound frame.

    Raises:
        BadRequest: too long, not a JSON object, or without an `event`.
    """
    if len((text or "").encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise BadRequest("too_large", f"a message has at most {MAX_MESSAGE_BYTES} bytes")
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
    """The channel and symbols that a `subscribe` asks for. No `symbols` means all of them.

    Raises:
        BadRequest: an unknown channel, symbols that are not a list of names, too many, or none that exist.
    """
    channel = parse_channel(message)
    asked = message.body.get("symbols")
    if asked is None:
        return Subscription(channel, None)
    if not isinstance(asked, list) or not asked or not all(isinstance(symbol, str) for symbol in asked):
        raise BadRequest("bad_request", '"symbols" is not a list of names such as "BTC_CAD"', message.message_id)
    if len(asked) > MAX_SYMBOLS:
        raise BadRequest("too_many_symbols", f"at most {MAX_SYMBOLS} symbols", message.message_id)
    wanted = set(asked)
    view = tuple(symbol for symbol in catalogue() if symbol in wanted)
    rejected = tuple(sorted(wanted - set(view)))
    if not view:
        raise BadRequest("unknown_symbol", f"no such symbol: {', '.join(rejected)[:200]}", message.message_id)
    return Subscription(channel, view, rejected)


def parse_channel(message: Message) -> str:
    """Raises: BadRequest, for anything but a channel's name."""
    channel = message.body.get("channel")
    if channel not in CHANNELS:
        raise BadRequest("unknown_channel", f'"channel" is one of {", ".join(CHANNELS)}', message.message_id)
    return str(channel)


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
    return _reply(frame, message_id)


def unsubscribed_frame(channel: str, message_id: Id) -> bytes:
    return _reply({"event": "unsubscribed", "status": "unsubscribed", "channel": channel}, message_id)


def subscriptions_frame(subscriptions: Mapping[str, View], message_id: Id) -> bytes:
    """What the connection is subscribed to, by channel."""
    listed = [{"channel": channel, "symbols": symbols_of(view)} for channel, view in subscriptions.items()]
    return _reply({"event": "subscriptions", "subscriptions": listed}, message_id)


def pong_frame(ts_ms: int, message_id: Id) -> bytes:
    return _reply({"event": "pong", "ts": ts_ms}, message_id)


def error_frame(code: str, message: str, message_id: Id = None, *, retryable: bool = False) -> bytes:
    return _reply({"event": "error", "code": code, "message": message, "retryable": retryable}, message_id)


def snapshot_frames(snapshot: Snapshot, channel: str, view: View, message_id: Id = None) -> tuple[bytes, ...]:
    """All quotes of a view: one frame per symbol on `rates`, one in all on `rates_batch`."""
    symbols = symbols_of(view)
    quotes = [snapshot.quotes[symbol] for symbol in symbols if symbol in snapshot.quotes]
    if channel == RATES:
        return tuple(_data_frame(_encoded(quote)) for quote in quotes)
    frame = {
        "channel": RATES_BATCH,
        "event": "snapshot",
        "seq": view_seq(snapshot, symbols),
        "ts": snapshot.ts_ms,
        "data": list(map(quote_fields, quotes)),
        "unavailable": [symbol for symbol in symbols if symbol in snapshot.unavailable],
        "status": source_status(snapshot),
    }
    return (_reply(frame, message_id),)


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


class UpdateFrames:
    """The frames of one delta, encoded once per distinct channel and view however many connections share them, out of
    quotes that are encoded once however many views share them.

    With `since`, a tick before the delta's own, they hold all that changed since then, for who missed what came after.
    """

    def __init__(self, delta: Delta, since: int | None = None) -> None:
        self._delta = delta
        self._since = delta.old.seq if since is None else min(since, delta.old.seq)
        self._quotes = delta.quotes_since(self._since)
        self._unavailable = set(delta.unavailable_since(self._since))
        self._encoded: dict[tuple[str, View], tuple[bytes, ...]] = {}
        self._texts: dict[str, Encoded] = {}

    def of(self, channel: str, view: View) -> tuple[bytes, ...]:
        """The frames to post, none when nothing in the view changed."""
        key = (channel, view)
        if key not in self._encoded:
            self._encoded[key] = self._encode(channel, symbols_of(view))
        return self._encoded[key]

    def _encode(self, channel: str, symbols: Iterable[str]) -> tuple[bytes, ...]:
        symbols = list(symbols)
        quotes = [self._text(symbol) for symbol in symbols if symbol in self._quotes]
        unavailable = [symbol for symbol in symbols if symbol in self._unavailable]
        if channel == RATES:
            return tuple(map(_data_frame, quotes))
        if not quotes and not unavailable:
            return ()
        frame: dict[str, Any] = {
            "channel": RATES_BATCH,
            "event": "update",
            "seq": view_seq(self._delta.new, symbols),
            "prev_seq": self._prev_seq(symbols),
            "ts": self._delta.new.ts_ms,
            "data": quotes,
        }
        if unavailable:
            frame["unavailable"] = unavailable
        return (dumps(frame).encode(),)

    def _text(self, symbol: str) -> Encoded:
        if symbol not in self._texts:
            self._texts[symbol] = _encoded(self._quotes[symbol])
        return self._texts[symbol]

    def _prev_seq(self, symbols: Iterable[str]) -> int:
        """What a client of these symbols has to have heard of, so that with this frame it has missed nothing.

        That is the last tick that changed one of them before; where it is not known, the last that changed one which is
        not in this frame.
        """
        if self._since == self._delta.old.seq:
            return view_seq(self._delta.old, symbols)
        here = self._quotes.keys() | self._unavailable
        return view_seq(self._delta.new, (symbol for symbol in symbols if symbol not in here))


def quote_fields(quote: Quote) -> dict[str, str | int | bool | Decimal]:
    """A quote on the wire. `timestamp` is its time in seconds, `ts` in milliseconds."""
    fields: dict[str, str | int | bool | Decimal] = {
        "symbol": quote.symbol,
        "timestamp": quote.ts_ms // 1000,
        "bid": quote.bid,
        "ask": quote.ask,
        "spot": quote.spot,
        "change": quote.change,
        "change_pct": quote.change_pct,
        "ts": quote.ts_ms,
        "seq": quote.seq,
        "source": quote.source,
    }
    if (asset := catalogue().get(quote.symbol)) and asset.renamed_to:
        fields["renamed_to"] = f"{asset.renamed_to}_CAD"
    if quote.stale:
        fields["stale"] = True
    if quote.simulated:
        fields["simulated"] = True
    return fields


def symbols_of(view: View) -> list[str]:
    return list(catalogue() if view is None else view)


def _encoded(quote: Quote) -> Encoded:
    return Encoded(dumps(quote_fields(quote)))


def _data_frame(quote: Encoded) -> bytes:
    return dumps({"channel": RATES, "event": "data", "data": quote}).encode()


def _reply(frame: dict[str, Any], message_id: Id) -> bytes:
    return dumps(frame if message_id is None else {**frame, "id": message_id}).encode()


def _message_id(value: object) -> Id:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63):
        return value
    if isinstance(value, str) and len(value) <= MAX_ID_LENGTH:
        return value
    raise BadRequest("bad_request", f'"id" is a 64-bit whole number or a text of at most {MAX_ID_LENGTH} characters')
