"""The frames of a whole view."""

from collections.abc import Sequence
from typing import Any

from shared.model.channels import has_one_frame_per_symbol
from shared.model.delta import view_seq
from shared.model.values import Snapshot
from shared.model.wire import Encoded
from shared.protocol.bodies import body_of
from shared.protocol.errors import Id
from shared.protocol.frames import heartbeat_frame, reply, source_status
from shared.protocol.parts import Part, in_parts
from shared.protocol.quotes import QuoteTexts, data_frame
from shared.protocol.views import View, symbols_of


def snapshot_frames(
    snapshot: Snapshot,
    channel: str,
    view: View,
    message_id: Id = None,
    texts: QuoteTexts | None = None,
    known: Snapshot | None = None,
) -> tuple[bytes, ...]:
    """All quotes of a view, as the channel sends them: one frame per symbol, or one frame or its parts.

    A frame of one symbol does not have the status of the feed, so a heartbeat follows the quotes if the feed is late.
    `known`: a snapshot whose legend the client has.
    """
    symbols = symbols_of(view)
    texts = texts or QuoteTexts(snapshot)
    told = [symbol for symbol in symbols if symbol in snapshot.quotes]
    if has_one_frame_per_symbol(channel):
        frames = tuple(data_frame(texts.alone(symbol), message_id) for symbol in told)
        return (*frames, heartbeat_frame(snapshot)) if snapshot.late else frames
    seq = view_seq(snapshot, symbols)
    body = body_of(channel, texts, symbols, told, seq, known, is_whole=True)

    def frame(rows: Sequence[Encoded], part: Part) -> bytes:
        fields: dict[str, Any] = {
            "channel": channel,
            "event": "snapshot",
            "seq": seq,
            "ts": snapshot.ts_ms,
            **body.fields,
            body.name: rows,
            **part.fields(),
        }
        if part.is_last:
            fields["unavailable"] = [symbol for symbol in symbols if symbol in snapshot.unavailable]
            fields["status"] = source_status(snapshot)
        return reply(fields, message_id)

    return in_parts(body.items, frame)


class SnapshotFrames:
    """The frames of one snapshot, encoded once for all connections with the same channel and view. `known`: a snapshot
    whose legend most clients have."""

    def __init__(self, snapshot: Snapshot, texts: QuoteTexts | None = None, known: Snapshot | None = None) -> None:
        self._snapshot = snapshot
        self._texts = texts or QuoteTexts(snapshot)
        self._known = known
        self._encoded: dict[tuple[str, View, bool], tuple[bytes, ...]] = {}

    def of(self, channel: str, view: View, *, knows: bool = False) -> tuple[bytes, ...]:
        """The frames to post. A channel with one frame per symbol has none if no symbol of the view has a price.

        `knows`: the client has the legend of `known`.
        """
        key = (channel, view, knows)
        if key not in self._encoded:
            known = self._known if knows else None
            self._encoded[key] = snapshot_frames(self._snapshot, channel, view, texts=self._texts, known=known)
        return self._encoded[key]
