"""Requests of the user's own, which wait for their answer over whatever connection there is.

They change nothing on the server, so one whose answer may be lost is sent again: on the next connection when its own
one ended, and after a while when nothing came. Each time it has another `id`, a text; those of the subscription are
numbers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

ANSWER_WITHIN_MS = 8_000
GIVE_UP_AFTER_MS = 20_000

Frame = Mapping[str, object]


class RequestError(Exception):
    """A request was given up. `code` is the server's (docs/protocol.md has them all) or one of `no_answer`: connected,
    and nothing came; `disconnected`: there was no connection; `closed`: the feed was. `retryable`: the same request may
    succeed later."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of the request that was made under this key: its answer, or why there is none."""

    key: int
    end: Frame | RequestError


@dataclass(slots=True)
class _Pending:
    body: Frame
    give_up_ms: int
    message_id: str = ""
    sent_on: int = 0
    again_ms: int = 0
    refusal: RequestError | None = None


class Questions:
    """The requests that are under way, by the keys under which they were made."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}
        self._settled: list[Settled] = []
        self._last_id = 0

    def add(self, key: int, body: Frame, now_ms: int) -> None:
        self._pending[key] = _Pending(body, now_ms + GIVE_UP_AFTER_MS)

    def forget(self, key: int) -> None:
        """Nobody waits for the answer any more."""
        self._pending.pop(key, None)

    def due_ms(self, connection: int | None) -> int | None:
        """When `due` has something to do, with the connection that is open, if one is."""
        return min((min(each.give_up_ms, _send_ms(each, connection)) for each in self._pending.values()), default=None)

    def due(self, connection: int | None, now_ms: int) -> list[str]:
        """The messages to send now on the open connection. What has waited too long is given up."""
        messages = []
        for key, pending in list(self._pending.items()):
            if pending.give_up_ms <= now_ms:
                self._settle(key, pending.refusal or _gave_up(pending, connection))
            elif connection is not None and _send_ms(pending, connection) <= now_ms:
                messages.append(self._send(pending, connection, now_ms))
        return messages

    def is_asked(self, message_id: object) -> bool:
        """Whether a frame with this `id` answers one of them."""
        return self._key_of(message_id) is not None

    def answered(self, frame: Frame) -> None:
        """The answer came."""
        if (key := self._key_of(frame.get("id"))) is not None:
            self._settle(key, frame)

    def refused(self, frame: Frame, again_ms: int) -> None:
        """The server could not do it, or not before `again_ms`."""
        if (key := self._key_of(frame.get("id"))) is None:
            return
        retryable = frame.get("retryable") is True
        error = RequestError(str(frame.get("code", "error")), str(frame.get("message", "")), retryable=retryable)
        pending = self._pending[key]
        pending.refusal, pending.again_ms = error, again_ms
        if not retryable or again_ms >= pending.give_up_ms:
            self._settle(key, error)

    def disturbed(self, connection: int, again_ms: int) -> None:
        """The server failed at something on that connection and does not say at what."""
        for pending in self._pending.values():
            if pending.sent_on == connection:
                pending.again_ms = min(pending.again_ms, again_ms)

    def close(self) -> None:
        """Give everything up."""
        for key in list(self._pending):
            self._settle(key, RequestError("closed", "the feed was closed", retryable=False))

    def settled(self) -> list[Settled]:
        """Those that have come to their end since the last call."""
        ended, self._settled = self._settled, []
        return ended

    def _send(self, pending: _Pending, connection: int, now_ms: int) -> str:
        self._last_id += 1
        pending.message_id, pending.sent_on = f"ask-{self._last_id}", connection
        pending.again_ms = now_ms + ANSWER_WITHIN_MS
        pending.refusal = None
        return json.dumps({**pending.body, "id": pending.message_id})

    def _settle(self, key: int, end: Frame | RequestError) -> None:
        del self._pending[key]
        self._settled.append(Settled(key, end))

    def _key_of(self, message_id: object) -> int | None:
        sent = isinstance(message_id, str) and message_id
        return next((key for key, each in self._pending.items() if sent and each.message_id == message_id), None)


def _send_ms(pending: _Pending, connection: int | None) -> int:
    """A limit holds for one connection: on another one a request is due at once."""
    if connection is None:
        return pending.give_up_ms
    return pending.again_ms if pending.sent_on == connection else 0


def _gave_up(pending: _Pending, connection: int | None) -> RequestError:
    if connection is not None and pending.sent_on == connection:
        return RequestError("no_answer", "the feed did not answer in time", retryable=True)
    return RequestError("disconnected", "there is no connection to the feed", retryable=True)
