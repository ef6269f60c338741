"""What a service's answer to a post says: its HTTP/1.1 status, and whether the connection can carry another post.

Of an answer only the status is wanted. Whatever is unusual about the rest costs the connection, never the status:
a connection is used again only where it is certain at which byte the answer ends. https://www.rfc-editor.org/rfc/rfc9112
"""

import re
from typing import NamedTuple

LONGEST_BYTES = 65_536
LONGEST_FIRST_BYTES = len(b"HTTP/1.1 200 ")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)[ \r]")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
WITHOUT_BODY = {204, 304}  # whatever length they claim
UNKNOWN = -1


class NoAnswer(Exception):
    """What came is not HTTP/1.1, or has no end."""


class Answer(NamedTuple):
    """`reusable`: the connection can carry another post."""

    status: int
    reusable: bool


def read_answer(received: bytes) -> Answer | None:
    """The answer, from all that has been received since the post; None while more of it has to come.

    Raises:
        NoAnswer: it never will be one.
    """
    if len(received) > LONGEST_BYTES:
        raise NoAnswer(f"an answer of more than {LONGEST_BYTES} bytes")
    received = _final(received)
    found = STATUS_LINE.match(received)
    if not found:
        if len(received) >= LONGEST_FIRST_BYTES or b"\n" in received:
            raise NoAnswer(f"no HTTP/1.1: {received[:40]!r}")
        return None
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    status = int(found[2])
    head = received[: end + 2].lower()
    if found[1] == b"0" or status in WITHOUT_BODY or not _is_plain(head):
        return Answer(status, reusable=False)
    length = _body_length(head, received, end + 4)
    if length is None:
        return None
    return Answer(status, reusable=end + 4 + length == len(received))


def status_of(received: bytes) -> int:
    """The status of an answer that was cut off: a whole status line is one. 0 without one."""
    received = _final(received)
    found = STATUS_LINE.match(received)
    return int(found[2]) if found and b"\r\n" in received else 0


def _final(received: bytes) -> bytes:
    """Without the interim answers before it: https://www.rfc-editor.org/rfc/rfc9110#name-informational-1xx"""
    while received.startswith(b"HTTP/1.1 1"):
        _interim, _, received = received.partition(b"\r\n\r\n")
    return received


def _is_plain(head: bytes) -> bool:
    """Every line ends as it should, and the connection is to be kept."""
    if head.count(b"\n") != head.count(b"\r\n"):
        return False
    return head.count(b"\r\nconnection:") == head.count(b"\r\nconnection: keep-alive\r\n")


def _body_length(head: bytes, received: bytes, begin: int) -> int | None:
    """Bytes of the body; None while not all of them are there, `UNKNOWN` where nobody can tell how many there are."""
    lengths, codings = head.count(b"\r\ncontent-length:"), head.count(b"\r\ntransfer-encoding:")
    if lengths + codings != 1:
        return UNKNOWN
    if codings:
        return _chunks_length(received, begin) if b"\r\ntransfer-encoding: chunked\r\n" in head else UNKNOWN
    found = LENGTH.search(head)
    if not found:
        return UNKNOWN
    length = int(found[1])
    return length if len(received) >= begin + length else None


def _chunks_length(received: bytes, begin: int) -> int | None:
    """As `_body_length`, in chunks without extensions or trailers.

    https://www.rfc-editor.org/rfc/rfc9112#name-chunked-transfer-coding
    """
    at = begin
    while found := CHUNK_SIZE.match(received, at):
        size = int(found[1], 16)
        at = found.end() + size + 2
        if len(received) < at:
            return None
        if received[at - 2 : at] != b"\r\n":
            return UNKNOWN
        if not size:
            return at - begin
    return UNKNOWN if b"\r\n" in received[at:] or len(received) - at > 10 else None
