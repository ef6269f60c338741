"""The ingest's loop: each tick once, in order, by one ingest at a time, and none for nobody."""

from dataclasses import replace
from itertools import pairwise

import pytest

from shared.model.values import Snapshot
from shared.store.quotes_table import Lease
from tests.unit.ingests import RUN_TICKS, Stage, assert_each_seq_once_in_order
from tests.unit.samples import NOW_MS


def test_a_run_ticks_at_every_multiple_of_the_tick_for_75_s_and_gives_its_lease_up(stage: Stage) -> None:
    ingest = stage.ingest()
    assert ingest.run() == "end of run"
    first, *others = ingest.market.asked_ms
    assert first == NOW_MS
    assert others == [NOW_MS // 1000 * 1000 + 1000 * n for n in range(1, RUN_TICKS + 1)]
    assert_each_seq_once_in_order(stage.written)
    assert len(stage.written) == RUN_TICKS + 1
    assert stage.table.lease().until_ms == 0
    assert stage.table.snapshot().seq == RUN_TICKS + 1


def test_a_longer_tick_is_kept_too_and_bounds_the_time_for_requests(stage: Stage) -> None:
    ingest = stage.ingest(tick_seconds=5)
    ingest.run()
    assert all(ms % 5_000 == 0 for ms in ingest.market.asked_ms[1:])
    assert {b - a for a, b in pairwise(ingest.market.asked_ms[1:])} == {5_000}
    assert set(ingest.market.limits_s) == {3.0}
    short = stage.ingest()
    short.run()
    assert set(short.market.limits_s) == {0.8}


def test_a_round_that_takes_longer_than_a_tick_delays_it_and_none_is_made_up_for(stage: Stage) -> None:
    ingest = stage.ingest()

    def slow(number: int) -> None:
        stage.clock.ms += 2_500 if number == 3 else 0

    ingest.market.during = slow
    ingest.run()
    third = ingest.market.asked_ms[2]
    assert ingest.market.asked_ms[3:5] == [third + 2_600, third + 3_000]
    assert_each_seq_once_in_order(stage.written)


def test_the_lease_outlasts_three_ticks_and_ten_seconds(stage: Stage) -> None:
    for tick_seconds, lease_ms in ((1, 10_000), (5, 15_000)):
        ingest = stage.ingest(tick_seconds)
        leases: list[int] = []
        ingest.table.before_write = lambda _, leases=leases: leases.append(  # type: ignore[misc]
            stage.table.lease().until_ms - stage.clock.ms
        )
        ingest.run()
        assert set(leases) == {lease_ms}


# Two at a time


@pytest.mark.parametrize("moment", ["asking", "writing"])
def test_two_ingests_that_overlap_write_each_seq_once_and_the_older_leaves(stage: Stage, moment: str) -> None:
    older, newer = stage.ingest(), stage.ingest()
    left: list[str] = []

    def take_over() -> None:
        if not left:
            left.append(newer.run())

    if moment == "asking":
        older.market.during = lambda number: take_over() if number == 60 else None
    else:
        older.table.before_write = lambda snapshot: take_over() if snapshot.seq == 60 else None
    assert older.run() == "successor"
    assert left == ["end of run"]
    assert_each_seq_once_in_order(stage.written)
    assert [epoch for epoch, _ in stage.written[:59]] == [1] * 59
    assert {epoch for epoch, _ in stage.written[59:]} == {2}
    assert stage.table.snapshot().seq == stage.written[-1][1]


def test_a_successor_does_not_repeat_the_tick_that_was_begun(stage: Stage) -> None:
    older, newer = stage.ingest(), stage.ingest()
    older.run()
    begun_ms = stage.table.lease().ticked_ms
    stage.clock.ms = begun_ms + 300
    newer.run()
    assert newer.market.asked_ms[0] == begun_ms + 1000


def test_the_last_write_of_the_older_one_is_followed_not_overwritten(stage: Stage) -> None:
    stage.ingest().run()
    newer = stage.ingest()
    old = stage.table.snapshot()
    late = replace(old, seq=old.seq + 1, ts_ms=stage.clock.ms)

    def write_late(snapshot: Snapshot) -> None:
        newer.table.before_write = lambda _snapshot: None
        assert snapshot.seq == late.seq
        stage.table.write_snapshot(late, 1)
        stage.written.append((1, late.seq))

    newer.table.before_write = write_late
    newer.run()
    assert_each_seq_once_in_order(stage.written)
    assert stage.written[-1][0] == 2
    assert newer.reports[0].seq == late.seq + 1


def test_an_ingest_that_lost_its_lease_in_the_middle_writes_nothing_more(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.during = lambda number: (stage.table.take_lease(0), None)[1] if number == 3 else None
    assert ingest.run() == "successor"
    assert stage.written == [(1, 1), (1, 2)]
    assert stage.table.lease() == Lease(2, stage.table.lease().ticked_ms, 0)


# Nobody listens


def test_without_an_audience_there_is_one_tick_and_the_lease_is_given_up(stage: Stage) -> None:
    stage.table.count_audience(0, NOW_MS + 1)
    ingest = stage.ingest()
    assert ingest.run() == "nobody listens"
    assert stage.written == [(1, 1)]
    assert stage.table.lease().until_ms == 0


def test_an_audience_that_leaves_ends_the_run_after_the_tick(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.during = lambda number: stage.table.count_audience(0, stage.clock.ms) if number == 5 else None
    assert ingest.run() == "nobody listens"
    assert len(ingest.market.asked_ms) == 5


def test_who_joins_while_it_leaves_keeps_it_and_its_lease(stage: Stage) -> None:
    stage.table.count_audience(0, NOW_MS + 1)
    ingest = stage.ingest()

    def join() -> None:
        ingest.table.on_release = lambda: None
        stage.table.join_audience(stage.clock.ms)

    ingest.table.on_release = join
    held: list[int] = []
    ingest.market.during = lambda number: held.append(stage.table.lease().until_ms) if number == 2 else None
    assert ingest.run() == "end of run"
    assert len(ingest.market.asked_ms) == RUN_TICKS + 1
    assert held[0] > NOW_MS


def test_an_ingest_that_was_taken_over_while_it_leaves_says_so(stage: Stage) -> None:
    stage.table.count_audience(0, NOW_MS + 1)
    ingest = stage.ingest()

    def taken_over() -> None:
        stage.table.take_lease(NOW_MS + 10_000)
        stage.table.join_audience(stage.clock.ms)

    ingest.table.on_release = taken_over
    assert ingest.run() == "successor"
    assert stage.table.lease().epoch == 2
