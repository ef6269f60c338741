"""How long caches may keep a document, and whether a reader has it already.

A document is kept for the rest of the tick and no longer: `must-revalidate` and `stale-if-error=0` forbid a cache to
answer with an old price where the feed does not answer. https://datatracker.ietf.org/doc/html/rfc9111
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime

LASTING_S = 60  # what is wrong with a request stays wrong
SHORTLY_S = 5  # a symbol without a price may get one


@dataclass(frozen=True, slots=True)
class Document:
    """`seq`: the last tick that changed it. `changed_ms`: no earlier than its last change, by the feed's clock."""

    body: bytes
    media_type: str
    seq: int
    changed_ms: int

    @property
    def etag(self) -> str:
        """Names this body and no other: the same tick is told otherwise once it is stale."""
        return f'"{self.seq}-{zlib.crc32(self.body):08x}-{len(self.body)}"'

    @property
    def last_modified(self) -> str:
        return formatdate(self.changed_ms // 1000, usegmt=True)


def kept_for(seconds: int) -> str:
    """The `Cache-Control` of an answer that may be kept this long."""
    return f"public, max-age={seconds}, must-revalidate, stale-if-error=0"


def rest_of_tick_s(ts_ms: int, tick_ms: int, now_ms: int) -> int:
    """The whole seconds until the tick after that at `ts_ms` is due, or one of those after it; at least 1. It ends
    within the next tick, so that a cache asks once a tick."""
    left_ms = tick_ms - (now_ms - ts_ms) % tick_ms
    return -(-left_ms // 1000)


def is_known(etag: str, last_modified: str, headers: Mapping[str, str]) -> bool:
    """Whether a reader has this document already, by its request's headers (names in lower case). A cache that has
    compressed a document calls its name weak, with `W/`.

    https://datatracker.ietf.org/doc/html/rfc9110#section-13.2.2
    """
    if (tags := headers.get("if-none-match")) is not None:
        return tags.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    try:
        return parsedate_to_datetime(last_modified) <= parsedate_to_datetime(headers["if-modified-since"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return False
