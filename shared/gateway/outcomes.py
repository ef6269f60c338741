"""What can become of a post and of a batch of posts."""

from collections import Counter
from dataclasses import dataclass, field

FAILURES_KEPT = 1_000
RETRIED = frozenset({"throttled", "server_error", "broken", "timeout"})
STATUSES = {200: "ok", 403: "forbidden", 410: "gone", 413: "too_large", 429: "throttled"}


class Gone(Exception):
    """The connection has ended; nothing can be posted to it any more."""


class PostFailed(Exception):
    """A post that did not arrive after its retries; the connection may be well, the next frame heals it."""


@dataclass(slots=True)
class Posted:
    """What became of a batch; small, whatever the number of connections.

    `reached`: connections that have all their frames, `gone`: that have ended, `failures`: that missed a frame after
    its retries, with the reason of the first 1,000 in `failed`; `unsent`: taken up and then given up, for the deadline
    or because the frames were overtaken. `posts`: requests, retries among them; `frames` and `bytes`: of those
    answered with 200. `outcomes`: per request, "ok", "gone", "throttled", "server_error", "broken", "timeout",
    "too_large", "forbidden", "rejected", "untrusted" or "given_up". `error`: what the iterator of connections or
    `on_gone` raised, the first of them. `whole`: every connection was taken up, and none was left out or failed.
    """

    reached: int = 0
    posts: int = 0
    frames: int = 0
    bytes: int = 0
    gone: int = 0
    failures: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    unsent: int = 0
    whole: bool = False
    elapsed_ms: int = 0
    error: Exception | None = None

    def fail(self, connection_id: str, reason: str) -> None:
        self.failures += 1
        if len(self.failed) < FAILURES_KEPT:
            self.failed[connection_id] = reason


def outcome_of(status: int, kind: str) -> str:
    """The outcome's name. `kind`: what went wrong where there is no status: "broken", "timeout" or "untrusted".

    A status line is an answer, even when what should follow it never came.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """
    if status:
        return STATUSES.get(status) or ("server_error" if status >= 500 else "rejected")
    return kind
