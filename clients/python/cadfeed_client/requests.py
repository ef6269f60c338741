"""What a client says to the server, and when it has to say it again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from .compact import BATCH, COMPACT, offered

# After this long without an answer, a request counts as lost.
ASK_AGAIN_AFTER_MS = 10_000
# How long the missing parts of a frame may take.
PARTS_WITHIN_MS = 5_000
# When a snapshot is too old to close the gap, the client waits this long before it asks again.
BREATH_MS = 1_000
MOST_SUBSCRIBES = 3


@dataclass(frozen=True, slots=True)
class Subscription:
    """A channel, some of its symbols (none: all), and the seconds between two frames (`None`: every tick)."""

    channel: str = COMPACT
    symbols: tuple[str, ...] = ()
    every_s: int | None = None

    @property
    def batch(self) -> bool:
        """Whether the server says when the state is whole."""
        return self.channel in (BATCH, COMPACT)


class Requests:
    """The requests of one connection: the subscription, and then a snapshot whenever something was missed."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        # The one that the server offers, once it has answered.
        self.channel: str = subscription.channel
        self.last_id: int = 0
        self._subscribes = 0
        self._subscribe_id = 0
        self._subscribe_ms: int | None = None
        self._snapshot_ms: int | None = None
        self._snapshot_id = 0
        # Whether a snapshot is on its way, because it was asked for or because the subscription brings it.
        self.asking: bool = False
        self.answered_ms: int | None = None

    def due_ms(self) -> int | None:
        """When the next one has to be sent."""
        return min((ms for ms in (self._subscribe_ms, self._snapshot_ms) if ms is not None), default=None)

    def opened(self, now_ms: int) -> str:
        """The first message of a connection."""
        return self._subscribe(now_ms)

    def answered(self, now_ms: int) -> None:
        """The server has acknowledged the subscription, or sends data without doing so."""
        self._subscribe_ms = None
        if self.answered_ms is None:
            self.answered_ms = now_ms
            if self._subscription.batch:
                self.asking, self._snapshot_ms = True, now_ms + ASK_AGAIN_AFTER_MS

    def whole(self) -> None:
        """Nothing is missing."""
        self.asking, self._snapshot_ms = False, None

    def parts_missing(self, now_ms: int) -> None:
        """Some parts of a frame have come. If the rest does not, ask for the whole state."""
        if self._snapshot_ms is None:
            self._snapshot_ms = now_ms + PARTS_WITHIN_MS

    def gap_remains(self, now_ms: int) -> None:
        """A snapshot came and does not close the gap."""
        self.asking, self._snapshot_ms = True, min(self._snapshot_ms or now_ms + BREATH_MS, now_ms + BREATH_MS)

    def snapshot(self, now_ms: int) -> str:
        """Ask for the whole state."""
        self._snapshot_id = self._next_id()
        self.asking, self._snapshot_ms = True, now_ms + ASK_AGAIN_AFTER_MS
        return _message("snapshot", self.channel, self._snapshot_id)

    def due(self, now_ms: int) -> list[str]:
        """The messages that have to be sent by now."""
        messages = []
        if self._subscribe_ms is not None and self._subscribe_ms <= now_ms:
            messages.append(self._subscribe(now_ms))
        if self._snapshot_ms is not None and self._snapshot_ms <= now_ms:
            messages.append(self.snapshot(now_ms))
        return messages

    def refused(self, message_id: object, again_ms: int) -> None:
        """The server could not do it just now. An error without an ID belongs to the last request."""
        if self.answered_ms is None and message_id in (None, self._subscribe_id):
            self._subscribe_ms = again_ms
            self._subscribes = 0
        elif self.asking and message_id in (None, self._snapshot_id):
            self._snapshot_ms = again_ms

    def fall_back(self, message_id: object, code: str, now_ms: int) -> str | None:
        """The subscription to another channel, if the server refused this one because it does not offer it."""
        channel = offered(self.channel, code)
        if channel is None or not self.is_subscription(message_id):
            return None
        self.channel, self._subscribes = channel, 0
        return self._subscribe(now_ms)

    def is_subscription(self, message_id: object) -> bool:
        """Whether this is the ID of a subscription that is not answered yet."""
        return self.answered_ms is None and message_id == self._subscribe_id

    def _next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def _subscribe(self, now_ms: int) -> str:
        self._subscribe_id = self._next_id()
        self._subscribes += 1
        # Plain servers may answer nothing until a price moves.
        self._subscribe_ms = now_ms + ASK_AGAIN_AFTER_MS if self._subscribes < MOST_SUBSCRIBES else None
        asked: dict[str, object] = {}
        if self._subscription.symbols:
            asked["symbols"] = list(self._subscription.symbols)
        if self._subscription.every_s is not None:
            asked["every"] = self._subscription.every_s
        return _message("subscribe", self.channel, self._subscribe_id, asked)


def _message(event: str, channel: str, message_id: int, more: Mapping[str, object] | None = None) -> str:
    return json.dumps({"event": event, "channel": channel, "id": message_id, **(more or {})})
