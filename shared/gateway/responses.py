"""Reads the response to a post: its HTTP/1.1 status, and whether the connection can carry another post.

Only the status matters. Anything unusual in the rest costs the connection, never the status: a connection is used
again only when the byte at which the response ends is certain. https://www.rfc-editor.org/rfc/rfc9112
"""

import re
from typing import NamedTuple

LONGEST_BYTES = 65_536
LONGEST_FIRST_BYTES = len(b"HTTP/1.1 200 ")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)[ \r]")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
WITHOUT_BODY = {204, 304}  # even if they state a length
UNKNOWN = -1


class BadResponse(Exception):
    """The bytes received are not HTTP/1.1, or the response does not end."""


class HttpResponse(NamedTuple):
    """`reusable`: the connection can carry another post."""

    status: int
    reusable: bool


def read_response(received: bytes) -> HttpResponse | None:
    """The response in the bytes received since the post, or None while it is incomplete.

    Raises:
        BadResponse: more bytes cannot make it a response.
    """
    if len(received) > LONGEST_BYTES:
        raise BadResponse(f"a response of more than {LONGEST_BYTES} bytes")
    received = _final(received)
    found = STATUS_LINE.match(received)
    if not found:
        if len(received) >= LONGEST_FIRST_BYTES or b"\n" in received:
            raise BadResponse(f"not HTTP/1.1: {received[:40]!r}")
        return None
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    status = int(found[2])
    head = received[: end + 2].lower()
    if found[1] == b"0" or status in WITHOUT_BODY or not _is_plain(head):
        return HttpResponse(status, reusable=False)
    length = _body_length(head, received, end + 4)
    if length is None:
        return None
    return HttpResponse(status, reusable=end + 4 + length == len(received))


def status_of(received: bytes) -> int:
    """The status of a response that was cut off after its status line; 0 if the status line is incomplete."""
    received = _final(received)
    found = STATUS_LINE.match(received)
    return int(found[2]) if found and b"\r\n" in received else 0


def _final(received: bytes) -> bytes:
    """Removes interim responses: https://www.rfc-editor.org/rfc/rfc9110#name-informational-1xx"""
    while received.startswith(b"HTTP/1.1 1"):
        _interim, _, received = received.partition(b"\r\n\r\n")
    return received


def _is_plain(head: bytes) -> bool:
    """Whether every line ends in CRLF and no header asks to close the connection."""
    if head.count(b"\n") != head.count(b"\r\n"):
        return False
    return head.count(b"\r\nconnection:") == head.count(b"\r\nconnection: keep-alive\r\n")


def _body_length(head: bytes, received: bytes, begin: int) -> int | None:
    """The length of the body in bytes, None while it is incomplete, `UNKNOWN` when the headers do not determine it."""
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
    """Like `_body_length`, for chunks without extensions or trailers.

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
