"""The snapshots in the records of the table's stream. A worker gets them in the same form.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.model.candles import INTERVAL_MS
from shared.model.delta import Delta
from shared.model.staleness import Ages, as_of
from shared.model.values import Snapshot
from shared.store.codec import pack, unpack
from shared.store.stored_number import believed

LATEST_MS = INTERVAL_MS["1h"]  # the stream's trigger puts records aside after a minute

Image = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Change:
    """Two snapshots as the stream has them, with their images. `old` is `None` for the first snapshot."""

    old: Image | None
    new: Image
    snapshot: Snapshot

    @property
    def old_seq(self) -> int:
        """The tick before, 0 for none."""
        return _seq(self.old) if self.old else 0

    def up_to(self, later: Snapshot) -> "Change":
        """The change from the same old snapshot to a later one."""
        return Change(self.old, _image(later), later)

    def judged(self, limits: Ages) -> Delta:
        """What changed. Ages of the new snapshot are judged by the clock, because the stream may deliver it late. One
        that seems later than `LATEST_MS` comes from a wrong clock: its quotes are stale, but none is left out for its
        age, which nobody would make good when the clock is right again."""
        now_ms = min(time.time_ns() // 1_000_000, self.snapshot.ts_ms + LATEST_MS)
        return Delta(_before(self.old), as_of(self.snapshot, now_ms, limits))


def change_in(records: Sequence[Mapping[str, Any]]) -> tuple[Change | None, int]:
    """One change for all records of a batch: the last new image that can be read, against the first old one. Also
    returns how many new images cannot be read; without any that can, there is no change."""
    last: Change | None = None
    unreadable = 0
    old = records[0].get("OldImage")
    for record in records:
        new = record.get("NewImage", {})
        try:
            last = Change(old, new, _snapshot(new))
        except ValueError:
            unreadable += 1
    return last, unreadable


def delta_of(old: Image | None, new: Image, limits: Ages) -> Delta:
    """What changed between two images, see `Change`.

    Raises:
        ValueError: the new image cannot be read.
    """
    return Change(old, new, _snapshot(new)).judged(limits)


def worker_image(image: Image | None) -> dict[str, Any] | None:
    """The attributes of an image that `delta_of` reads, for a worker."""
    return {name: image[name] for name in ("seq", "packed") if name in image} if image else None


def _before(old: Image | None) -> Snapshot:
    """The snapshot before. If it cannot be read, an empty one with its `seq`: since it has no time, every connection is
    due a snapshot of its whole view, and so is right again whatever it missed."""
    if not old:
        return Snapshot()
    try:
        return _snapshot(old)
    except ValueError:
        return Snapshot(seq=_seq(old))


def _snapshot(image: Image) -> Snapshot:
    """The snapshot in an image, with the `seq` of its item, which is what every writer compares.

    Raises:
        ValueError: it cannot be read.
    """
    seq = _seq(image)
    try:
        packed = base64.b64decode(image["packed"]["B"])
    except (LookupError, TypeError) as error:
        raise ValueError("an image without a packed snapshot") from error
    if not seq:
        raise ValueError("an image without a tick")
    snapshot = replace(unpack(packed), seq=seq)
    if snapshot.is_ahead_of_itself:
        raise ValueError("an image with quotes of later ticks")
    return snapshot


def _seq(image: Image) -> int:
    """The `seq` of an image's item; 0 if it has none that can be believed."""
    try:
        return believed(Decimal(image["seq"]["N"]))
    except (LookupError, TypeError, ValueError, InvalidOperation):
        return 0


def _image(snapshot: Snapshot) -> Image:
    return {"seq": {"N": str(snapshot.seq)}, "packed": {"B": base64.b64encode(pack(snapshot)).decode()}}
