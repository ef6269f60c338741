"""What API Gateway takes of a client's frames: masked ones up to a length. aiohttp limits only whole messages."""

import asyncio
from collections.abc import Callable

LENGTH_BYTES = {126: 2, 127: 8}
MASK_BYTES = 4
LAST, CONTROL, MASKED, LENGTH = 0x80, 0x08, 0x80, 0x7F


class FrameLimit(asyncio.Protocol):
    """Stands between a connection's transport and the `protocol` that reads WebSocket frames from it.

    A frame with a payload of more than `frame_bytes`, or with which a message has more than `message_bytes`, does not
    arrive there; `on_too_long` is called instead. Behind it only control frames arrive, so that the client can answer
    the close frame that it is then sent. A frame without a mask calls `on_unmasked`, and nothing arrives from it on.
    The layout of a frame: https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
    Why clients mask: https://datatracker.ietf.org/doc/html/rfc6455#section-10.3
    """

    def __init__(
        self,
        protocol: asyncio.Protocol,
        frame_bytes: int,
        message_bytes: int,
        on_too_long: Callable[[], None],
        on_unmasked: Callable[[], None],
    ) -> None:
        self._protocol = protocol
        self._frame_bytes = frame_bytes
        self._message_bytes = message_bytes
        self._on_too_long = on_too_long
        self._on_unmasked = on_unmasked
        self._header = bytearray()
        self._left = 0
        self._in_message = 0
        self._is_over = False
        self._is_dropped = False
        self._is_unmasked = False

    def data_received(self, data: bytes) -> None:
        passed = bytearray()
        position = 0
        while position < len(data) and not self._is_unmasked:
            if self._left:
                part = data[position : position + self._left]
                self._left -= len(part)
                position += len(part)
                if not self._is_dropped:
                    passed += part
                continue
            self._header.append(data[position])
            position += 1
            length = _payload_length(self._header)
            if length is None:
                continue
            if not self._header[1] & MASKED:
                self._is_unmasked = True
                self._on_unmasked()
                break
            self._is_dropped = self._drops(self._header[0], length)
            if not self._is_dropped:
                passed += self._header
            self._left = length + MASK_BYTES
            self._header.clear()
        if passed:
            self._protocol.data_received(bytes(passed))

    def _drops(self, first_byte: int, length: int) -> bool:
        if first_byte & CONTROL:
            return False
        self._in_message += length
        if not self._is_over and (length > self._frame_bytes or self._in_message > self._message_bytes):
            self._is_over = True
            self._on_too_long()
        if first_byte & LAST:
            self._in_message = 0
        return self._is_over

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def _payload_length(header: bytearray) -> int | None:
    """The payload's length in bytes, from a frame's header; None while the header is not complete."""
    if len(header) < 2:
        return None
    short = header[1] & LENGTH
    more = LENGTH_BYTES.get(short, 0)
    if len(header) < 2 + more:
        return None
    return int.from_bytes(header[2:], "big") if more else short
