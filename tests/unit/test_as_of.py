"""Staleness is judged by whoever reads: what nobody confirms looks old at once, however long ago it was written."""

from dataclasses import replace

import pytest

from shared.model.staleness import Ages, ages, as_of
from shared.model.values import Snapshot
from tests.unit.samples import LIMITS, NOW_MS, SYMBOLS, after, quote, quotes

FIRST = after(Snapshot(), quotes())
DAY_MS = 86_400_000


def test_a_snapshot_that_is_in_time_is_told_as_it_was_written() -> None:
    """A quiet market is confirmed tick after tick without a write, for a third of the time after which it is stale."""
    assert as_of(FIRST, NOW_MS + LIMITS.stale_ms, LIMITS) == FIRST


def test_a_quote_that_is_too_old_is_stale_though_the_feed_is_not_late() -> None:
    seen = as_of(FIRST, NOW_MS + LIMITS.stale_ms + 1, LIMITS)
    assert not seen.late
    assert {q.stale for q in seen.quotes.values()} == {True}


def test_a_snapshot_of_a_time_that_has_not_come_is_late_and_stale() -> None:
    seen = as_of(FIRST, NOW_MS - 3_600_000, LIMITS)
    assert seen.late
    assert {q.stale for q in seen.quotes.values()} == {True}


def test_a_kept_quote_of_a_time_that_has_not_come_was_seen_now_and_grows_stale_from_now_on() -> None:
    back = after(FIRST, {}, NOW_MS - 3_600_000)
    assert {q.seen_ms for q in back.quotes.values()} == {NOW_MS - 3_600_000}


def test_a_kept_quote_is_agreed_on_by_nobody_but_its_own_source() -> None:
    first = after(Snapshot(), {"BTC_CAD": quote(sources=4)})
    assert after(first, {}, NOW_MS + 5_000).quotes["BTC_CAD"].sources == 1


def test_in_a_late_snapshot_every_quote_that_is_too_old_is_stale_and_the_feed_is_late() -> None:
    seen = as_of(FIRST, NOW_MS + 240_000, LIMITS)
    assert seen.late
    assert {q.stale for q in seen.quotes.values()} == {True}
    assert {symbol: replace(q, stale=False) for symbol, q in seen.quotes.items()} == FIRST.quotes


def test_what_is_older_than_a_day_is_gone() -> None:
    fresh = replace(FIRST.quotes["BTC_CAD"], seen_ms=NOW_MS + DAY_MS)
    mixed = replace(FIRST, quotes={**FIRST.quotes, "BTC_CAD": fresh})
    seen = as_of(mixed, NOW_MS + DAY_MS + 1, LIMITS)
    assert list(seen.quotes) == ["BTC_CAD"]
    assert seen.unavailable == dict.fromkeys(SYMBOLS[1:], FIRST.seq)


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
def test_fresh_is_three_ticks_or_15_s_stale_two_at_least_and_late_three_and_30_s(tick_s: int, limits: Ages) -> None:
    assert ages(tick_s, 30) == limits


def test_a_quote_that_is_confirmed_again_after_a_silence_has_changed_for_who_saw_it_stale() -> None:
    again = after(FIRST, quotes(), NOW_MS + 31_000)
    assert {q.seq for q in again.quotes.values()} == {2}
    assert {q.seq for q in after(FIRST, quotes(), NOW_MS + 30_000).quotes.values()} == {1}


def test_growing_stale_is_told_once() -> None:
    stale = after(FIRST, {}, NOW_MS + 31_000)
    later = after(stale, {}, NOW_MS + 36_000)
    assert [s.quotes["BTC_CAD"].seq for s in (FIRST, stale, later)] == [1, 2, 2]


def test_more_or_fewer_sources_that_agree_are_no_change() -> None:
    first = after(Snapshot(), {"BTC_CAD": quote(sources=4)})
    second = after(first, {"BTC_CAD": quote(sources=3)}, NOW_MS + 5_000)
    assert (second.quotes["BTC_CAD"].seq, second.quotes["BTC_CAD"].sources) == (1, 3)
