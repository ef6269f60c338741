"""Which tick came when."""

from hypothesis import given
from hypothesis import strategies as st

from shared.model.recent import KEPT_MS, Recent, tick_at, time_of, with_tick


def made(*steps: tuple[int, int]) -> Recent:
    recent: Recent = ()
    for ts_ms, seq in steps:
        recent = with_tick(recent, ts_ms, seq)
    return recent


def test_a_tick_is_the_first_at_a_time_or_later() -> None:
    recent = made((1_000, 1), (6_000, 2), (11_000, 5))
    assert [tick_at(recent, ts_ms) for ts_ms in (1_000, 1_001, 6_000, 6_001, 11_000)] == [1, 2, 2, 5, 5]
    assert [time_of(recent, seq) for seq in (1, 2, 3, 5)] == [1_000, 6_000, 11_000, 11_000]


def test_what_came_before_the_first_known_tick_is_unknown() -> None:
    recent = made((1_000, 7), (6_000, 8))
    assert tick_at(recent, 999) is None
    assert time_of(recent, 6) is None
    assert (tick_at((), 5), time_of((), 5)) == (None, None)


def test_what_has_not_come_yet_is_unknown() -> None:
    assert (tick_at(made((1_000, 7)), 1_001), time_of(made((1_000, 7)), 8)) == (None, None)


def test_a_clock_that_was_set_back_leaves_no_tick_in_the_future() -> None:
    assert made((10_000, 1), (90_000, 2), (20_000, 3)) == ((10_000, 1), (20_000, 3))


def test_a_seq_that_was_set_back_leaves_no_later_one() -> None:
    assert made((10_000, 8), (20_000, 3)) == ((20_000, 3),)


@given(st.lists(st.tuples(st.integers(0, 2**42), st.integers(0, 2**42)), max_size=40))
def test_times_and_ticks_only_grow(steps: list[tuple[int, int]]) -> None:
    recent = made(*steps)
    assert list(recent) == sorted(set(recent))
    assert [seq for _, seq in recent] == sorted({seq for _, seq in recent})
    assert not recent or recent[-1][0] - recent[0][0] <= KEPT_MS
