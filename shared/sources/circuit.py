"""The circuit breaker of each source: how long it is not asked after a failure. Pure; the state outlives the Lambda.

`Retry-After` and 429: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3, https://www.rfc-editor.org/rfc/rfc6585#section-4
"""

from collections.abc import Callable
from dataclasses import replace

from shared.model.values import SourceState

FIRST_BACK_OFF_MS = 1_000
LONGEST_BACK_OFF_MS = 8_000  # for a source with its own pace
LONGEST_BACK_OFF_TICKS = 1.6  # for a source asked every tick: with jitter under two, so it is back within two ticks
FIRST_BAN_MS = 120_000  # after 418, 451 or 403 without Retry-After: asking again soon makes it worse
LONGEST_BAN_MS = 1_800_000
FIRST_AFTER_429_MS = 60_000  # without Retry-After; a slower pace stays in force
FIRST_PACE_MS = 60_000  # of a source that is asked less often: one lost answer must not cost an hour
JITTER = 0.2  # as a fraction, up or down, so that sources that failed together are not asked again together
LONGEST_RETRY_AFTER_MS = 3 * 86_400_000  # the longest ban that Binance documents
LONGEST_UNLIMITED_MS = 3_600_000  # limits a Retry-After with a status other than 418 and 429
LIMITED_ERRORS = {"HTTP 418", "HTTP 429"}
MAX_DOUBLINGS = 20


class SourceUnavailable(Exception):
    """A source gave no usable answer. `retry_after_ms` is how long it asks not to be asked again, if it says so;
    `banned`: it refuses this address or region; `limited`: it was asked too often. `status` and `payload` are what it
    sent in place of an answer, if anything."""

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
    """The state after another failed request. `random` returns a number from 0 to 1. `longest_ms` limits the back-off
    before jitter, except for a ban. `pace_ms` is the source's normal pace: a failing source is not asked more often,
    except one with a slow pace that has not refused. It is asked after `FIRST_PACE_MS`, then twice as late each time;
    one that has never answered, after `FIRST_BACK_OFF_MS` at first.
    """
    banned = error.banned and error.retry_after_ms is None  # a ban with Retry-After ends when it says
    first_ms, most_ms = (FIRST_BAN_MS, LONGEST_BAN_MS) if banned else (FIRST_BACK_OFF_MS, longest_ms)
    rest_ms = min(first_ms * 2 ** min(before.failures, MAX_DOUBLINGS), most_ms)
    rest_ms = int(rest_ms * (1 + JITTER * (2 * random() - 1)))
    if banned:
        rest_ms = max(rest_ms, FIRST_BAN_MS)
    if error.limited and error.retry_after_ms is None:
        rest_ms = max(rest_ms, FIRST_AFTER_429_MS)
    asked_for_ms = min(error.retry_after_ms or 0, LONGEST_RETRY_AFTER_MS)
    if not (error.banned or error.limited):
        soonest_ms = FIRST_PACE_MS if before.ok_ms else FIRST_BACK_OFF_MS
        pace_ms = min(pace_ms, soonest_ms * 2 ** min(before.failures, MAX_DOUBLINGS))
    rest_ms = max(rest_ms, asked_for_ms, pace_ms)
    return replace(before, error=str(error), failures=before.failures + 1, retry_ms=now_ms + rest_ms, rest_ms=rest_ms)


def after_late_answer(before: SourceState, asked_ms: int) -> SourceState:
    """The state after an answer that came too late for its tick. The source works, but keeps its back-off until it
    answers in time, since each late request costs a tick its whole time limit."""
    return replace(before, ok_ms=asked_ms, error="")


def resumed(stored: SourceState, now_ms: int) -> SourceState:
    """A stored state as it is believed now. The clock of the invocation that stored it may have been ahead: a pause
    lasts no longer than it was meant to, and what has happened has happened by now.

    A state of an earlier version does not say how long its pause was. If that is longer than any pause after such an
    error, it does not count.
    """
    left_ms = stored.retry_ms - now_ms
    longest_ms = min(stored.rest_ms, LONGEST_RETRY_AFTER_MS) or _longest_after(stored.error)
    if left_ms > longest_ms:
        left_ms = longest_ms if stored.rest_ms else 0
    return replace(
        stored,
        ok_ms=min(stored.ok_ms, now_ms),
        moved_ms=min(stored.moved_ms, now_ms),
        retry_ms=now_ms + left_ms if stored.retry_ms > now_ms else stored.retry_ms,
    )


def _longest_after(error: str) -> int:
    return LONGEST_RETRY_AFTER_MS if error in LIMITED_ERRORS else LONGEST_UNLIMITED_MS


def newer(stored: SourceState, own: SourceState) -> SourceState:
    """The newer of two states: a success counts by its time, a failure by the end of its back-off."""
    return stored if max(stored.ok_ms, stored.retry_ms) > max(own.ok_ms, own.retry_ms) else own
