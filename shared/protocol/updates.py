"""The frames of prices: the whole of a view, or what of it changed. Every quote is the whole state of its symbol."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from shared.assets import catalogue
from shared.protocol.channels import RATES, RATES_BATCH, View, symbols_of
from shared.protocol.errors import Id
from shared.protocol.frames import reply, source_status
from shared.quotes import Delta, view_seq
from shared.values import Quote, Snapshot
from shared.wire import Encoded, dumps


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
    return (reply(frame, message_id),)


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


def _encoded(quote: Quote) -> Encoded:
    return Encoded(dumps(quote_fields(quote)))


def _data_frame(quote: Encoded) -> bytes:
    return dumps({"channel": RATES, "event": "data", "data": quote}).encode()
