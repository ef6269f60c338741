"""The outcomes of a post and of a batch of posts."""

from collections import Counter
from dataclasses import dataclass, field

FAILURES_KEPT = 1_000
RETRIED = frozenset({"throttled", "server_error", "broken", "timeout"})
THROTTLED = "throttled: 429"
STATUSES = {200: "ok", 403: "forbidden", 410: "gone", 413: "too_large", 429: "throttled"}


class Gone(Exception):
    """The connection has ended and takes no more posts."""


class PostFailed(Exception):
    """A post did not arrive, even after retries. The connection may still work; the next frame repairs the loss."""


@dataclass(slots=True)
class Posted:
    """The result of a batch. Its size does not grow with the number of connections.

    Connections: `reached` got all their frames, `gone` have ended, `failures` missed a frame after its retries (with
    the reasons of the first 1,000 in `failed`), `throttled` of these because of a last answer of 429, `unsent` were
    given up at the deadline or because newer frames overtook these. The caller says how many of the throttled are
    `slow` clients, how many of those it has `closed`, how many of the connections are subscribed to `rates`
    (`on_rates`), and how many it has closed because their token had `ended`; these are in no other number. `posts`:
    requests including retries; `frames` and `bytes`: those answered with 200. `outcomes`: per request, "ok", "gone",
    "throttled", "server_error", "broken", "timeout", "too_large", "forbidden", "rejected", "untrusted" or "given_up".
    `error`: the first exception of the iterator of connections, `on_gone` or `overtaken`. `complete`: every connection
    was taken, and all were reached or gone.
    """

    reached: int = 0
    posts: int = 0
    frames: int = 0
    bytes: int = 0
    gone: int = 0
    failures: int = 0
    throttled: int = 0
    slow: int = 0
    closed: int = 0
    on_rates: int = 0
    ended: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    unsent: int = 0
    complete: bool = False
    elapsed_ms: int = 0
    error: Exception | None = None

    @property
    def listening(self) -> int:
        """How many of the connections still exist, whether or not they got their frames."""
        return self.reached + self.failures - self.closed

    def fail(self, connection_id: str, reason: str) -> None:
        self.failures += 1
        self.throttled += reason == THROTTLED
        if len(self.failed) < FAILURES_KEPT:
            self.failed[connection_id] = reason

    def is_throttled(self, connection_id: str) -> bool:
        """Whether it is one of the first 1,000 failures, and its last answer was 429."""
        return self.failed.get(connection_id) == THROTTLED


def outcome_of(status: int, kind: str) -> str:
    """The outcome's name. `kind` says what went wrong when there is no status: "broken", "timeout" or "untrusted".

    A status line counts as a response, even if the rest was lost.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """
    if status:
        return STATUSES.get(status) or ("server_error" if status >= 500 else "rejected")
    return kind
