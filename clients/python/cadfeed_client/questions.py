"""The user's own requests, which wait for their answers over whatever connection there is.

They change nothing on the server, so the client repeats one whose answer may be lost: on the next connection when its
own has ended, and after a while when nothing came. Each attempt has its own `id`, a string; those of the subscription
are numbers.
"""

import json
from dataclasses import dataclass, field

from .answers import Frame, Request
from .compact import BATCH, offered
from .continuity import part_of
from .errors import RequestError

ANSWER_WITHIN_MS = 8_000
GIVE_UP_AFTER_MS = 20_000


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of the request that was made under this key: its answer, or a `RequestError`."""

    key: int
    end: object


@dataclass(slots=True)
class _Pending:
    request: Request[object]
    give_up_ms: int
    message_id: str = ""
    sent_on: int = 0
    channel: str = ""
    again_ms: int = 0
    refusal: RequestError | None = None
    parts: dict[int, Frame] = field(default_factory=dict)


class Questions:
    """The requests that are under way, by the keys under which they were made."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}
        self._settled: list[Settled] = []
        self._last_id = 0

    def add(self, key: int, request: Request[object], now_ms: int) -> None:
        """Add a request; `due` sends it."""
        self._pending[key] = _Pending(request, now_ms + GIVE_UP_AFTER_MS)

    def forget(self, key: int) -> None:
        """Nobody waits for the answer any more."""
        self._pending.pop(key, None)

    def due_ms(self, connection: int | None) -> int | None:
        """When `due` has something to do. `connection` is the open one, if there is one."""
        return min((min(each.give_up_ms, _send_ms(each, connection)) for each in self._pending.values()), default=None)

    def due(self, connection: int | None, now_ms: int, channel: str = BATCH) -> list[str]:
        """The messages to send now on the open connection, which is subscribed to this channel. What has waited too
        long is given up."""
        messages = []
        for key, pending in list(self._pending.items()):
            if pending.give_up_ms <= now_ms:
                self._settle(key, pending.refusal or _gave_up(pending, connection))
            elif connection is not None and _send_ms(pending, connection) <= now_ms:
                messages.append(self._send(pending, connection, now_ms, channel))
        return messages

    def is_asked(self, message_id: object) -> bool:
        """Whether a frame with this `id` answers one of them."""
        return self._key_of(message_id) is not None

    def answered(self, frame: Frame) -> None:
        """The answer came, or a part of it.

        Raises:
            ValueError: it is not what the protocol says. The request goes on as if it had not come.
        """
        if (key := self._key_of(frame.get("id"))) is None:
            return
        part, parts = part_of(frame)
        pending = self._pending[key]
        pending.parts[part] = frame
        if len(pending.parts) < parts:
            return
        frames = [pending.parts[number] for number in sorted(pending.parts)]
        pending.parts.clear()
        self._settle(key, pending.request.answer(frames))

    def refused(self, frame: Frame, again_ms: int) -> None:
        """The server could not do it, or not before `again_ms`."""
        if (key := self._key_of(frame.get("id"))) is None:
            return
        pending, code = self._pending[key], str(frame.get("code", "error"))
        # If the server does not offer the channel, the connection is about to take another one.
        retryable = frame.get("retryable") is True or offered(pending.channel, code) is not None
        error = RequestError(code, str(frame.get("message", "")), retryable=retryable)
        pending.refusal, pending.again_ms = error, again_ms
        if not retryable or again_ms >= pending.give_up_ms:
            self._settle(key, error)

    def disturbed(self, connection: int, again_ms: int) -> None:
        """The server failed at something on that connection and does not say at what."""
        for pending in self._pending.values():
            if pending.sent_on == connection:
                pending.again_ms = min(pending.again_ms, again_ms)

    def close(self, error: RequestError) -> None:
        """End everything with this error."""
        for key in list(self._pending):
            self._settle(key, error)

    def settled(self) -> list[Settled]:
        """The requests that have ended since the last call."""
        ended, self._settled = self._settled, []
        return ended

    def _send(self, pending: _Pending, connection: int, now_ms: int, channel: str) -> str:
        self._last_id += 1
        pending.message_id, pending.sent_on = f"ask-{self._last_id}", connection
        pending.again_ms = now_ms + ANSWER_WITHIN_MS
        pending.refusal = None
        pending.parts.clear()
        fields = pending.request.fields()
        if "channel" in fields:
            fields["channel"] = pending.channel = channel
        return json.dumps({**fields, "id": pending.message_id})

    def _settle(self, key: int, end: object) -> None:
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
