"""The frames of what changed in a view."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.model.channels import has_one_frame_per_symbol
from shared.model.delta import Delta, view_seq
from shared.model.staleness import HEARTBEAT_MS
from shared.model.wire import Encoded, dumps
from shared.protocol.bodies import body_of
from shared.protocol.frames import source_status
from shared.protocol.parts import Part, in_parts
from shared.protocol.quotes import QuoteTexts, data_frame
from shared.protocol.views import View, symbols_of


class UpdateFrames:
    """The frames of one delta, encoded once for all connections with the same channel and view. Each quote is encoded
    once for all views.

    With `since`, an earlier tick, the frames hold every change after that tick, for clients that missed some. They hold
    the status of the sources if it has changed or may have changed: after a long silence a client may have been told
    that the feed is late. Pass `texts` if other frames of the delta's new snapshot are encoded as well.
    """

    def __init__(self, delta: Delta, since: int | None = None, texts: QuoteTexts | None = None) -> None:
        self._delta = delta
        self._since = delta.old.seq if since is None else min(since, delta.old.seq)
        self._quotes = delta.quotes_since(self._since)
        self._unavailable = set(delta.unavailable_since(self._since))
        self._encoded: dict[tuple[str, View], tuple[bytes, ...]] = {}
        self._texts = texts or QuoteTexts(delta.new)
        self._has_status = (
            self._since < delta.old.seq
            or delta.new.ts_ms - delta.old.ts_ms > HEARTBEAT_MS
            or source_status(delta.old) != source_status(delta.new)
        )

    def of(self, channel: str, view: View) -> tuple[bytes, ...]:
        """The frames to post; none if nothing in the view changed."""
        key = (channel, view)
        if key not in self._encoded:
            self._encoded[key] = self._encode(channel, symbols_of(view))
        return self._encoded[key]

    def _encode(self, channel: str, symbols: Sequence[str]) -> tuple[bytes, ...]:
        told = [symbol for symbol in symbols if symbol in self._quotes]
        unavailable = [symbol for symbol in symbols if symbol in self._unavailable]
        if has_one_frame_per_symbol(channel):
            return tuple(data_frame(self._texts.alone(symbol)) for symbol in told)
        if not told and not unavailable:
            return ()
        seq, prev_seq = view_seq(self._delta.new, symbols), self._prev_seq(symbols)
        known = self._delta.old if self._since == self._delta.old.seq else None
        body = body_of(channel, self._texts, symbols, told, seq, known)

        def frame(rows: Sequence[Encoded], part: Part) -> bytes:
            fields: dict[str, Any] = {
                "channel": channel,
                "event": "update",
                "seq": seq,
                # A client that does not know parts sees a gap only if it lost the first one.
                "prev_seq": prev_seq if part.is_first else seq,
                "ts": self._delta.new.ts_ms,
                **body.fields,
                body.name: rows,
                **part.fields(),
            }
            if part.is_last and unavailable:
                fields["unavailable"] = unavailable
            if part.is_last and self._has_status:
                fields["status"] = source_status(self._delta.new)
            return dumps(fields).encode()

        return in_parts(body.items, frame)

    def _prev_seq(self, symbols: Iterable[str]) -> int:
        """The tick up to which a client of these symbols must know every change to miss nothing with this frame.

        It is the last tick before the delta that changed one of them. With an earlier `since` that tick is unknown;
        then it is the last one that changed a symbol outside this frame.
        """
        if self._since == self._delta.old.seq:
            return view_seq(self._delta.old, symbols)
        here = self._quotes.keys() | self._unavailable
        return view_seq(self._delta.new, (symbol for symbol in symbols if symbol not in here))
