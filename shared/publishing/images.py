"""The snapshots in a stream's record, which is also the form in which they are handed to a worker.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import base64
import time
from collections.abc import Mapping
from typing import Any

from shared.model.delta import Delta
from shared.model.staleness import Ages, as_of
from shared.model.values import Snapshot
from shared.store.codec import unpack_or_restart

Image = Mapping[str, Mapping[str, str]]


def delta_of(old: Image | None, new: Image, limits: Ages) -> Delta:
    """What changed from the one image to the other; before the first snapshot there was none. The new one is told as
    it is now: a stream may bring it late."""
    now_ms = time.time_ns() // 1_000_000
    return Delta(_snapshot(old) if old else Snapshot(), as_of(_snapshot(new), now_ms, limits))


def needed(image: Image | None) -> dict[str, Any] | None:
    """Of an image what `delta_of` reads."""
    return {name: image[name] for name in ("seq", "packed")} if image else None


def _snapshot(image: Image) -> Snapshot:
    return unpack_or_restart(base64.b64decode(image["packed"]["B"]), int(image["seq"]["N"]))
