"""Each source's circuit breaker: how long it is left alone after a failure. Pure; the state outlives the Lambda.

`Retry-After` and 429: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3, https://www.rfc-editor.org/rfc/rfc6585#section-4
"""

from collections.abc import Callable
from dataclasses import replace

from shared.model.values import SourceState

FIRST_BACK_OFF_MS = 1_000
LONGEST_BACK_OFF_MS = 8_000  # of a source that has a pace of its own
LONGEST_BACK_OFF_TICKS = 1.6  # of one asked every tick: with its jitter under two, so it is back within two ticks
FIRST_BAN_MS = 120_000  # 418, 451, 403 without Retry-After: asking again soon makes it worse
LONGEST_BAN_MS = 1_800_000
FIRST_AFTER_429_MS = 60_000  # without Retry-After; whose pace is slower keeps to that
JITTER = 0.2  # of the rest, either way, so that those who failed together do not come back together
LONGEST_RETRY_AFTER_MS = 3 * 86_400_000  # the longest ban that Binance names
LONGEST_UNLIMITED_MS = 3_600_000  # of a Retry-After that comes with another status than 418 and 429
MAX_DOUBLINGS = 20


class SourceUnavailable(Exception):
    """An upstream gave no usable answer. `retry_after_ms` is how long it wants to be left alone, if it said so,
    `banned` that it refuses this address or region altogether, `limited` that it was asked too often. `status` and
    `payload` are what came in place of an answer, if anything did."""

    def __init__(
        self,
        reason: str,
        *,
        retry_after_ms: int | None = None,
        banned: bool = False,
        limited: bool = False,
        status: int | None = None,
        payload: object = None,
    ) -> None:
        super().__init__(reason)
        self.retry_after_ms = retry_after_ms
        self.banned = banned
        self.limited = limited
        self.status = status
        self.payload = payload


def after_success(before: SourceState, asked_ms: int) -> SourceState:
    return SourceState(ok_ms=asked_ms, fingerprint=before.fingerprint, moved_ms=before.moved_ms)


def after_failure(
    before: SourceState,
    error: SourceUnavailable,
    now_ms: int,
    random: Callable[[], float],
    longest_ms: int = LONGEST_BACK_OFF_MS,
    pace_ms: int = 0,
) -> SourceState:
    """The state once one more request has failed. `random` gives a number from 0 to 1, `longest_ms` bounds the rest
    before its jitter, where it is no ban. `pace_ms` is how often the source is asked while well: one that fails is
    asked no more often."""
    banned = error.banned and error.retry_after_ms is None  # who says when to come back is taken at its word
    first_ms, most_ms = (FIRST_BAN_MS, LONGEST_BAN_MS) if banned else (FIRST_BACK_OFF_MS, longest_ms)
    rest_ms = min(first_ms * 2 ** min(before.failures, MAX_DOUBLINGS), most_ms)
    rest_ms = int(rest_ms * (1 + JITTER * (2 * random() - 1)))
    if banned:
        rest_ms = max(rest_ms, FIRST_BAN_MS)
    if error.limited and error.retry_after_ms is None:
        rest_ms = max(rest_ms, FIRST_AFTER_429_MS)
    asked_for_ms = min(error.retry_after_ms or 0, LONGEST_RETRY_AFTER_MS)
    return replace(
        before,
        error=str(error),
        failures=before.failures + 1,
        retry_ms=now_ms + max(rest_ms, asked_for_ms, pace_ms),
    )


def after_late_answer(before: SourceState, asked_ms: int) -> SourceState:
    """The state once an answer has come that its tick did not wait for. Well again, but it stays as seldom asked as its
    failures say until it answers in time: each time it is asked costs a tick its whole time limit."""
    return replace(before, ok_ms=asked_ms, error="")


def newer(stored: SourceState, own: SourceState) -> SourceState:
    """Which of the two knows more: a success by its time, a failure by the time until which it holds."""
    return stored if max(stored.ok_ms, stored.retry_ms) > max(own.ok_ms, own.retry_ms) else own
