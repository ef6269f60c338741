"""Readers judge staleness: a quote without confirmation looks old at once, whenever it was written."""

from dataclasses import replace

import pytest

from shared.model.staleness import Ages, ages, as_of
from shared.model.values import Snapshot
from tests.samples import LIMITS, NOW_MS, SYMBOLS, after, quote, quotes

FIRST = after(Snapshot(), quotes())
DAY_MS = 86_400_000


def test_a_snapshot_in_time_is_read_as_it_was_written() -> None:
    """A quiet market is confirmed at every tick without a write, for a third of the time until it is stale."""
    assert as_of(FIRST, NOW_MS + LIMITS.stale_ms, LIMITS) == FIRST


def test_a_quote_can_be_stale_in_a_feed_that_is_not_late() -> None:
    seen = as_of(FIRST, NOW_MS + LIMITS.stale_ms + 1, LIMITS)
    assert not seen.late
    assert {q.stale for q in seen.quotes.values()} == {True}


def test_a_snapshot_from_the_future_is_late_and_stale() -> None:
    seen = as_of(FIRST, NOW_MS - 3_600_000, LIMITS)
    assert seen.late
    assert {q.stale for q in seen.quotes.values()} == {True}


def test_a_quote_from_the_future_counts_as_seen_now() -> None:
    back = after(FIRST, {}, NOW_MS - 3_600_000)
    assert {q.seen_ms for q in back.quotes.values()} == {NOW_MS - 3_600_000}


def test_a_kept_quote_has_only_its_own_sources_vote() -> None:
    first = after(Snapshot(), {"BTC_CAD": quote(sources=4)})
    assert after(first, {}, NOW_MS + 5_000).quotes["BTC_CAD"].sources == 1


def test_a_late_snapshot_marks_its_old_quotes_stale() -> None:
    seen = as_of(FIRST, NOW_MS + 240_000, LIMITS)
    assert seen.late
    assert {q.stale for q in seen.quotes.values()} == {True}
    assert {symbol: replace(q, stale=False) for symbol, q in seen.quotes.items()} == FIRST.quotes


def test_quotes_older_than_a_day_are_dropped() -> None:
    fresh = replace(FIRST.quotes["BTC_CAD"], seen_ms=NOW_MS + DAY_MS)
    mixed = replace(FIRST, quotes={**FIRST.quotes, "BTC_CAD": fresh})
    seen = as_of(mixed, NOW_MS + DAY_MS + 1, LIMITS)
    assert list(seen.quotes) == ["BTC_CAD"]
    assert seen.unavailable == dict.fromkeys(SYMBOLS[1:], FIRST.seq)


def test_a_snapshot_is_late_beyond_its_age_before_and_after() -> None:
    late = [as_of(FIRST, FIRST.ts_ms + ms, LIMITS).late for ms in (LIMITS.late_ms, LIMITS.late_ms + 1)]
    early = [as_of(FIRST, FIRST.ts_ms - ms, LIMITS).late for ms in (LIMITS.late_ms, LIMITS.late_ms + 1)]
    assert late == early == [False, True]


def test_before_the_first_tick_nothing_is_late() -> None:
    assert not as_of(Snapshot(), NOW_MS, LIMITS).late


@pytest.mark.parametrize(
    ("tick_s", "limits"),
    [
        (1, Ages(30_000, 15_000, 10_000, 33_000)),
        (5, Ages(30_000, 15_000, 10_000, 45_000)),
        (60, Ages(120_000, 180_000, 30_000, 210_000)),
    ],
)
def test_the_limits_of_age_follow_the_tick(tick_s: int, limits: Ages) -> None:
    """Fresh is three ticks or 15 s, stale at least two ticks, late three ticks and at least 30 s."""
    assert ages(tick_s, 30) == limits


def test_a_stale_quote_that_is_confirmed_counts_as_changed() -> None:
    again = after(FIRST, quotes(), NOW_MS + 31_000)
    assert {q.seq for q in again.quotes.values()} == {2}
    assert {q.seq for q in after(FIRST, quotes(), NOW_MS + 30_000).quotes.values()} == {1}


def test_a_quote_that_turns_stale_is_reported_once() -> None:
    stale = after(FIRST, {}, NOW_MS + 31_000)
    later = after(stale, {}, NOW_MS + 36_000)
    assert [s.quotes["BTC_CAD"].seq for s in (FIRST, stale, later)] == [1, 2, 2]


def test_more_or_fewer_sources_that_agree_do_not_change_it() -> None:
    first = after(Snapshot(), {"BTC_CAD": quote(sources=4)})
    second = after(first, {"BTC_CAD": quote(sources=3)}, NOW_MS + 5_000)
    assert (second.quotes["BTC_CAD"].seq, second.quotes["BTC_CAD"].sources) == (1, 3)
