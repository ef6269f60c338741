"""The frames of what changed in a view."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.model.delta import Delta, view_seq
from shared.model.wire import Encoded, dumps
from shared.protocol.channels import RATES, RATES_BATCH, View, symbols_of
from shared.protocol.frames import source_status
from shared.protocol.parts import Part, in_parts
from shared.protocol.quotes import QuoteTexts, data_frame

QUIET_MS = 30_000  # an ingest that runs leaves no longer between two snapshots, and no younger one is late


class UpdateFrames:
    """The frames of one delta, encoded once per distinct channel and view however many connections share them, out of
    quotes that are encoded once however many views share them.

    With `since`, a tick before the delta's own, they hold all that changed since then, for who missed what came after.
    How the sources do is in them when that changed, or may have: who asked after a long silence was told that the feed
    is late.
    `texts` are those of the delta's new snapshot, if other frames of it are made as well.
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
            or delta.new.ts_ms - delta.old.ts_ms > QUIET_MS
            or source_status(delta.old) != source_status(delta.new)
        )

    def of(self, channel: str, view: View) -> tuple[bytes, ...]:
        """The frames to post, none when nothing in the view changed."""
        key = (channel, view)
        if key not in self._encoded:
            self._encoded[key] = self._encode(channel, symbols_of(view))
        return self._encoded[key]

    def _encode(self, channel: str, symbols: Sequence[str]) -> tuple[bytes, ...]:
        quotes = [self._texts.of(symbol) for symbol in symbols if symbol in self._quotes]
        unavailable = [symbol for symbol in symbols if symbol in self._unavailable]
        if channel == RATES:
            return tuple(map(data_frame, quotes))
        if not quotes and not unavailable:
            return ()
        seq, prev_seq = view_seq(self._delta.new, symbols), self._prev_seq(symbols)

        def frame(rows: Sequence[Encoded], part: Part) -> bytes:
            fields: dict[str, Any] = {
                "channel": RATES_BATCH,
                "event": "update",
                "seq": seq,
                # So a client that knows nothing of parts sees no gap between them, and one if it lost the first.
                "prev_seq": prev_seq if part.is_first else seq,
                "ts": self._delta.new.ts_ms,
                "data": rows,
                **part.fields(),
            }
            if part.is_last and unavailable:
                fields["unavailable"] = unavailable
            if part.is_last and self._has_status:
                fields["status"] = source_status(self._delta.new)
            return dumps(fields).encode()

        return in_parts(quotes, frame)

    def _prev_seq(self, symbols: Iterable[str]) -> int:
        """What a client of these symbols has to have heard of, so that with this frame it has missed nothing.

        That is the last tick that changed one of them before; where it is not known, the last that changed one which is
        not in this frame.
        """
        if self._since == self._delta.old.seq:
            return view_seq(self._delta.old, symbols)
        here = self._quotes.keys() | self._unavailable
        return view_seq(self._delta.new, (symbol for symbol in symbols if symbol not in here))
