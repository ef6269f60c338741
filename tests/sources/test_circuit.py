"""The pause of a failing source: longer each time, even longer after a refusal, and never in step with others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.values import SourceState
from shared.sources.circuit import SourceUnavailable, after_failure, after_late_answer, after_success, newer, resumed

NOW_MS = 1_767_225_600_000
FAILED = SourceUnavailable("HTTP 500")
BANNED = SourceUnavailable("HTTP 451", banned=True)
errors = st.builds(
    lambda banned, wait_ms: SourceUnavailable("any", banned=banned, retry_after_ms=wait_ms),
    st.booleans(),
    st.none() | st.integers(0, 10**12),
)


def rests_s(error: SourceUnavailable, random: float = 0.5, times: int = 9) -> list[float]:
    """Return the pauses after each of that many failures in a row."""
    state, rests = SourceState(), []
    for _ in range(times):
        state = after_failure(state, error, NOW_MS, lambda: random)
        rests.append((state.retry_ms - NOW_MS) / 1000)
    return rests


def test_the_pause_doubles_from_one_second_to_eight() -> None:
    assert rests_s(FAILED, times=6) == [1, 2, 4, 8, 8, 8]


def test_the_longest_pause_can_be_set() -> None:
    state = SourceState(failures=8)
    assert after_failure(state, FAILED, NOW_MS, lambda: 1, longest_ms=1_600).retry_ms == NOW_MS + 1_920
    assert after_failure(state, BANNED, NOW_MS, lambda: 0.5, longest_ms=1_600).retry_ms == NOW_MS + 1_800_000


def test_the_jitter_is_a_fifth_either_way() -> None:
    assert rests_s(FAILED, random=0)[::6] == [0.8, 6.4]
    assert rests_s(FAILED, random=1)[::6] == [1.2, 9.6]


def test_a_ban_pauses_for_two_minutes_to_half_an_hour() -> None:
    assert rests_s(BANNED, times=6) == [120, 240, 480, 960, 1800, 1800]
    assert rests_s(BANNED, random=0, times=2) == [120, 192]


@pytest.mark.parametrize(
    ("wait_ms", "banned", "seconds"),
    [(0, False, 1), (7_000, False, 7), (600_000, True, 600), (30_000, True, 30), (10**12, True, 259_200)],
)
def test_a_retry_after_is_obeyed_up_to_three_days(wait_ms: int, banned: bool, seconds: int) -> None:
    assert rests_s(SourceUnavailable("429", retry_after_ms=wait_ms, banned=banned), times=1) == [seconds]


@given(failures=st.integers(0, 10**6), earlier_ms=st.integers(0, NOW_MS), error=errors, random=st.floats(0, 1))
def test_a_failure_adds_one_and_keeps_the_last_success(
    failures: int, earlier_ms: int, error: SourceUnavailable, random: float
) -> None:
    """The source is never asked again at once."""
    state = after_failure(SourceState(earlier_ms, "before", failures, 1), error, NOW_MS, lambda: random)
    assert (state.ok_ms, state.error, state.failures) == (earlier_ms, "any", failures + 1)
    assert NOW_MS + 800 <= state.retry_ms <= NOW_MS + 259_200_000
    assert state.retry_ms >= NOW_MS + min(error.retry_after_ms or 0, 259_200_000)
    assert not error.banned or error.retry_after_ms is not None or state.retry_ms >= NOW_MS + 120_000


def test_a_success_forgets_all_failures() -> None:
    failing = SourceState(5, "HTTP 500", 3, NOW_MS, fingerprint=7, moved_ms=9)
    assert after_success(failing, NOW_MS) == SourceState(ok_ms=NOW_MS, fingerprint=7, moved_ms=9)


def test_a_429_without_a_time_pauses_for_a_minute() -> None:
    assert rests_s(SourceUnavailable("HTTP 429", limited=True), times=3) == [60, 60, 60]
    assert rests_s(SourceUnavailable("HTTP 429", limited=True, retry_after_ms=2_000), times=2) == [2, 2]


@pytest.mark.parametrize("error", [BANNED, SourceUnavailable("HTTP 429", limited=True)])
def test_a_source_that_refuses_is_not_asked_more_often(error: SourceUnavailable) -> None:
    state = SourceState()
    for _ in range(9):
        state = after_failure(state, error, NOW_MS, lambda: 0, pace_ms=600_000)
        assert state.retry_ms >= NOW_MS + 600_000


def test_a_failing_source_with_a_slow_pace_is_soon_asked_again() -> None:
    """A lost answer of one that is asked once an hour would else cost that hour."""
    assert paced_rests_s(SourceState(ok_ms=5), 3_600_000, 8) == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
    assert paced_rests_s(SourceState(ok_ms=5), 10_000, 2) == [10, 10]


def test_a_source_that_never_answered_is_asked_again_at_once() -> None:
    """The feed may have no rate of the US dollar without it."""
    assert paced_rests_s(SourceState(), 3_600_000, 13) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600]
    assert paced_rests_s(SourceState(), 10_000, 5) == [1, 2, 4, 8, 10]


def paced_rests_s(state: SourceState, pace_ms: int, failures: int) -> list[int]:
    rests = []
    for _ in range(failures):
        state = after_failure(state, FAILED, NOW_MS, lambda: 0.5, pace_ms=pace_ms)
        rests.append((state.retry_ms - NOW_MS) // 1_000)
    return rests


def test_a_late_answer_is_a_success_that_keeps_the_failures() -> None:
    overdue = SourceState(5, "no answer in 3 s", 2, NOW_MS + 2_000)
    assert after_late_answer(overdue, NOW_MS) == SourceState(NOW_MS, "", 2, NOW_MS + 2_000)


@pytest.mark.parametrize(
    ("stored", "own", "taken"),
    [
        (SourceState(ok_ms=5), SourceState(), True),
        (SourceState(error="HTTP 451", failures=1, retry_ms=9), SourceState(), True),
        (SourceState(ok_ms=5, error="x", failures=2, retry_ms=9), SourceState(ok_ms=8), True),
        (SourceState(ok_ms=5, error="x", failures=2, retry_ms=7), SourceState(ok_ms=8), False),
        (SourceState(ok_ms=5), SourceState(ok_ms=5), False),
        (SourceState(), SourceState(ok_ms=5), False),
        (SourceState(ok_ms=5), SourceState(error="x", failures=1, retry_ms=9), False),
    ],
)
def test_the_newer_of_two_states_holds(stored: SourceState, own: SourceState, taken: bool) -> None:
    assert newer(stored, own) == (stored if taken else own)


DAY_MS = 86_400_000
LIMITED = SourceUnavailable("HTTP 429", limited=True)
ASKED_FOR = SourceUnavailable("HTTP 429", limited=True, retry_after_ms=90_000)
LONG_BAN = SourceUnavailable("HTTP 418", banned=True, retry_after_ms=2 * DAY_MS)


@pytest.mark.parametrize("failures", [1, 9])
@pytest.mark.parametrize("ahead_ms", [0, 3_600_000, DAY_MS, 400 * DAY_MS])
@pytest.mark.parametrize("error", [FAILED, BANNED, LIMITED, ASKED_FOR, LONG_BAN])
def test_a_stored_pause_lasts_no_longer_than_it_was_meant_to(
    error: SourceUnavailable, ahead_ms: int, failures: int
) -> None:
    """The clock of the function that stored it was ahead."""
    right = stored = SourceState(ok_ms=NOW_MS - 1, moved_ms=NOW_MS - 1)
    for _ in range(failures):
        right = after_failure(right, error, NOW_MS, lambda: 0.5)
        stored = after_failure(stored, error, NOW_MS + ahead_ms, lambda: 0.5)
    believed = resumed(stored, NOW_MS)
    assert believed.retry_ms == right.retry_ms
    assert (believed.failures, believed.error) == (right.failures, right.error)
    later_ms = NOW_MS + (right.retry_ms - NOW_MS) // 2
    assert resumed(right, later_ms).retry_ms == right.retry_ms


def test_what_has_happened_has_happened_by_now() -> None:
    stored = SourceState(ok_ms=NOW_MS + DAY_MS, fingerprint=7, moved_ms=NOW_MS + DAY_MS)
    assert resumed(stored, NOW_MS) == SourceState(ok_ms=NOW_MS, fingerprint=7, moved_ms=NOW_MS)


@pytest.mark.parametrize(
    ("error", "left_s", "believed_s"),
    [
        ("HTTP 500", 3_600, 3_600),
        ("HTTP 500", 86_400, 0),
        ("errors in the answer: EGeneral:Temporary lockout", 86_400, 0),
        ("HTTP 418", 2 * 86_400, 2 * 86_400),
        ("HTTP 429", 4 * 86_400, 0),
    ],
)
def test_a_pause_of_an_earlier_version_is_bound_by_its_error(error: str, left_s: int, believed_s: int) -> None:
    stored = SourceState(error=error, failures=3, retry_ms=NOW_MS + left_s * 1000)
    assert resumed(stored, NOW_MS).retry_ms == NOW_MS + believed_s * 1000
