"""The ingest's loop: each tick once, in order, by one ingest at a time, and none for nobody."""

from dataclasses import replace
from itertools import pairwise

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared import ticks
from shared.sources.all_sources import Polled
from shared.store.quotes_table import Lease
from shared.ticks import TickReport
from shared.values import Snapshot, SourceState
from tests.unit.ingests import Clock, Stage
from tests.unit.samples import NOW_MS

RUN_TICKS = 75  # of one second


@pytest.fixture
def stage(quotes_items: Table, monkeypatch: pytest.MonkeyPatch) -> Stage:
    clock = Clock()
    monkeypatch.setattr(ticks, "time", clock)
    made = Stage(quotes_items, clock)
    made.table.join_audience(NOW_MS)
    return made


def assert_each_seq_once_in_order(written: list[tuple[int, int]]) -> None:
    assert [seq for _, seq in written] == list(range(1, len(written) + 1))
    assert [epoch for epoch, _ in written] == sorted(epoch for epoch, _ in written)


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


# What is written


def test_a_tick_that_changes_nothing_writes_nothing_but_every_30_s_it_does(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.moves = False
    times: list[int] = []
    ingest.table.before_write = lambda snapshot: times.append(snapshot.ts_ms)
    ingest.run()
    assert [seq for _, seq in stage.written] == [1, 2, 3]
    assert all(30_000 <= later - earlier < 31_000 for earlier, later in pairwise(times))
    assert [report.written for report in ingest.reports].count(True) == 3
    assert [report.changed for report in ingest.reports[1:]] == [0] * RUN_TICKS
    assert ingest.reports[-1].seq == 3
    # Nothing was said to have changed after the first tick.
    assert stage.table.snapshot().quotes["BTC_CAD"].seq == 1


def test_after_ticks_without_a_write_a_change_follows_the_stored_seq(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.moves = False

    def move(number: int) -> None:
        ingest.market.moves = number >= 10

    ingest.market.during = move
    ingest.run()
    assert_each_seq_once_in_order(stage.written)
    assert len(stage.written) == 1 + RUN_TICKS + 1 - 9


def test_with_every_source_down_clients_still_hear_that_it_is_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = stage.ingest()
    ingest.run()
    stage.written.clear()
    seq = stage.table.snapshot().seq
    silent = stage.ingest()
    down = Polled([], {"binance": SourceState(error="HTTP 503")})
    monkeypatch.setattr(silent.market, "poll", lambda _timeout_s: down)
    silent.run()
    stored = stage.table.snapshot()
    assert stored.seq > seq
    assert stored.quotes["BTC_CAD"].stale
    assert stored.sources["binance"].error == "HTTP 503"
    assert stored.sources["binance"].ok_ms > 0
    assert silent.reports[-1].errors == {"binance": "HTTP 503"}


def test_a_report_says_what_the_tick_did(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.run()
    assert ingest.reports[0] == TickReport(seq=1, changed=75, written=True, poll_ms=100, took_ms=100, errors={})
    assert ingest.reports[1] == TickReport(seq=2, changed=1, written=True, poll_ms=100, took_ms=100, errors={})
