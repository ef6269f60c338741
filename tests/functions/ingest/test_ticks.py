"""The ingest's loop: each tick once, in order, by one ingest at a time, and none without listeners."""

from dataclasses import replace
from itertools import pairwise

import pytest
from botocore.exceptions import ConnectionClosedError

from functions.ingest import ticks
from functions.ingest.ticks import RUN_MS, TRIES
from functions.ingest.unheard import BELIEVED_AFTER_MS, BELIEVED_AFTER_WRITES
from shared.model.values import Snapshot
from shared.store.quotes_table import AUDIENCE_KEY, Lease
from tests.functions.ingest.ingests import POLL_MS, WHOLE_RUN_TICKS, Stage, assert_each_seq_once_in_order
from tests.samples import NOW_MS

TICK_MS = 1_000
RUN_TICKS = 20


@pytest.fixture(autouse=True)
def _short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", RUN_TICKS * TICK_MS)


def test_a_run_ticks_for_75_s_and_releases_its_lease(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", RUN_MS)
    ingest = stage.ingest()
    assert ingest.run() == "end of run"
    first, *others = ingest.market.asked_ms
    assert first == NOW_MS
    assert others == [NOW_MS // 1000 * 1000 + 1000 * n for n in range(1, WHOLE_RUN_TICKS + 1)]
    assert_each_seq_once_in_order(stage.written)
    assert len(stage.written) == WHOLE_RUN_TICKS + 1
    assert stage.table.lease().until_ms == 0
    assert stage.table.snapshot().seq == WHOLE_RUN_TICKS + 1


def test_a_longer_tick_bounds_the_time_for_requests(stage: Stage) -> None:
    ingest = stage.ingest(tick_seconds=5)
    ingest.run()
    assert all(ms % 5_000 == 0 for ms in ingest.market.asked_ms[1:])
    assert {b - a for a, b in pairwise(ingest.market.asked_ms[1:])} == {5_000}
    assert set(ingest.market.limits_s) == {3.0}
    short = stage.ingest()
    short.run()
    assert set(short.market.limits_s) == {0.8}


def test_a_slow_round_delays_its_tick_and_skips_the_missed_ones(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 8 * TICK_MS)
    ingest = stage.ingest()

    def slow(number: int) -> None:
        stage.clock.ms += 2_500 if number == 3 else 0

    ingest.market.during = slow
    ingest.run()
    third = ingest.market.asked_ms[2]
    assert ingest.market.asked_ms[3:5] == [third + 2_600, third + 3_000]
    assert_each_seq_once_in_order(stage.written)


def test_the_lease_outlasts_three_ticks_and_ten_seconds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 6 * TICK_MS)
    for tick_seconds, lease_ms in ((1, 10_000), (5, 15_000)):
        ingest = stage.ingest(tick_seconds)
        leases: list[int] = []
        ingest.market.during = lambda _, leases=leases: leases.append(  # type: ignore[misc]
            stage.table.lease().until_ms - stage.clock.ms + POLL_MS
        )
        ingest.run()
        assert set(leases) == {lease_ms}


# Two at a time


@pytest.mark.parametrize("moment", ["asking", "writing"])
def test_overlapping_ingests_write_each_seq_once(stage: Stage, moment: str) -> None:
    """The older one stops."""
    older, newer = stage.ingest(), stage.ingest()
    left: list[str] = []

    def take_over() -> None:
        if not left:
            left.append(newer.run())

    if moment == "asking":
        older.market.during = lambda number: take_over() if number == 10 else None
    else:
        older.table.before_write = lambda snapshot: take_over() if snapshot.seq == 10 else None
    assert older.run() == "successor"
    assert left == ["end of run"]
    assert_each_seq_once_in_order(stage.written)
    assert [epoch for epoch, _ in stage.written[:9]] == [1] * 9
    assert {epoch for epoch, _ in stage.written[9:]} == {2}
    assert stage.table.snapshot().seq == stage.written[-1][1]


def test_a_successor_does_not_repeat_the_tick_that_was_begun(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 5 * TICK_MS)
    older, newer = stage.ingest(), stage.ingest()
    older.run()
    begun_ms = stage.table.lease().ticked_ms
    stage.clock.ms = begun_ms + 300
    newer.run()
    assert newer.market.asked_ms[0] == begun_ms + 1000


def test_a_successor_continues_from_the_predecessors_last_write(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 5 * TICK_MS)
    stage.ingest().run()
    newer = stage.ingest()
    old = stage.table.snapshot()
    late = replace(old, seq=old.seq + 1, ts_ms=stage.clock.ms)
    leased: list[tuple[int, int]] = []

    def write_late(snapshot: Snapshot) -> None:
        newer.table.before_write = lambda snapshot: leased.append((snapshot.seq, stage.table.lease().seq))
        assert snapshot.seq == late.seq
        stage.table.write_snapshot(late, 1)
        stage.written.append((1, late.seq))

    newer.table.before_write = write_late
    newer.run()
    assert leased[0] == (late.seq + 1, late.seq + 1)
    assert all(seq == of_lease for seq, of_lease in leased), "what is written is never above the lease"
    assert_each_seq_once_in_order(stage.written)
    assert stage.written[-1][0] == 2
    assert newer.reports[0].seq == late.seq + 1


def test_a_failed_tick_leaves_the_lease_above_what_it_leased(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have written, and only its answer was lost."""
    monkeypatch.setattr(ticks, "RUN_MS", 6 * TICK_MS)
    stage.ingest().run()
    newer = stage.ingest()
    old = stage.table.snapshot()
    late = replace(old, seq=old.seq + 3, ts_ms=stage.clock.ms)
    leased: list[int] = []

    def write_late(_: Snapshot) -> None:
        newer.table.before_write = fail
        stage.table.write_snapshot(replace(late, seq=old.seq + 1), 1)
        stage.table.write_snapshot(replace(late, seq=old.seq + 2), 1)
        stage.table.write_snapshot(late, 1)

    def fail(_: Snapshot) -> None:
        leased.append(stage.table.lease().seq)
        raise ConnectionClosedError(endpoint_url="dynamodb")

    def look(number: int) -> None:
        if number > 1:
            leased.append(stage.table.lease().seq)
        if number == 3:
            newer.table.before_write = lambda _: None

    newer.table.before_write = write_late
    newer.market.during = look
    newer.run()
    assert leased[0] == late.seq + 1
    assert leased == sorted(leased), "a renewal never lowers it"
    assert stage.table.lease().seq == stage.table.snapshot().seq


def test_one_that_lost_its_lease_writes_over_no_other_snapshot(stage: Stage) -> None:
    """Its successor has not written yet, but its predecessor has once more."""
    ingest = stage.ingest()

    def lose_both(snapshot: Snapshot) -> None:
        if snapshot.seq == 3:
            stage.table.write_snapshot(replace(stage.table.snapshot(), seq=3), 1)
            stage.table.take_lease(0)

    ingest.table.before_write = lose_both
    assert ingest.run() == "successor"
    assert stage.written == [(1, 1), (1, 2)]


def test_an_ingest_that_lost_its_lease_finishes_only_its_tick(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.during = lambda number: (stage.table.take_lease(0), None)[1] if number == 3 else None
    assert ingest.run() == "successor"
    assert stage.written == [(1, 1), (1, 2), (1, 3)]
    assert stage.table.lease() == Lease(2, stage.table.lease().ticked_ms, 0, 3)


def test_a_tick_that_lasts_until_the_next_one_renews_its_lease(stage: Stage) -> None:
    """From that moment on another ingest may have begun the next one."""
    ingest = stage.ingest()

    def until_due(number: int) -> None:
        if number == 3:
            stage.clock.ms = ingest.market.asked_ms[-1] + TICK_MS
            stage.table.take_lease(0)

    ingest.market.during = until_due
    assert ingest.run() == "successor"
    assert ingest.market.asked_ms[-1] % TICK_MS == 0
    assert stage.written == [(1, 1), (1, 2)]


def test_a_run_that_waits_for_its_first_tick_holds_the_lease(stage: Stage) -> None:
    """So a subscriber that comes meanwhile wakes no other ingest."""
    ingest = stage.ingest()
    leases: list[bool] = []
    ingest.items.lost = lambda call: leases.append(
        call == "update_item" and stage.table.lease().is_live(stage.clock.ms, 10 * TICK_MS)
    )
    stage.nobody_listens()
    ingest.run()
    assert leases[:3] == [False, False, True]  # the lease and the snapshot are read, the lease is taken


@pytest.mark.parametrize(("lost", "stopped"), [(TRIES - 1, "end of run"), (TRIES, "successor")])
def test_a_lease_that_changes_hands_is_asked_for_four_times(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, lost: int, stopped: str
) -> None:
    """Its holder renews it, or another run takes it, between the look at it and the taking."""
    monkeypatch.setattr(ticks, "RUN_MS", 2 * TICK_MS)
    ingest = stage.ingest()
    take, asked = ingest.table.take_lease, []

    def take_late(until_ms: int, *, above: int = 0, seen: Lease | None = None) -> Lease:
        asked.append(seen)
        if len(asked) <= lost:
            stage.table.take_lease(0)
        return take(until_ms, above=above, seen=seen)

    monkeypatch.setattr(ingest.table, "take_lease", take_late)
    assert ingest.run() == stopped
    assert len(asked) == 4
    assert stage.table.lease().epoch == 4


# Nobody listens


def test_without_an_audience_a_run_ticks_once(stage: Stage) -> None:
    stage.nobody_listens()
    ingest = stage.ingest()
    assert ingest.run() == "nobody listens"
    assert stage.written == [(1, 1)]
    assert stage.table.lease().until_ms == 0


def test_a_run_goes_on_for_a_while_when_its_audience_left(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.during = lambda number: stage.nobody_listens() if number == 5 else None
    assert ingest.run() == "nobody listens"
    assert len(ingest.market.asked_ms) == 5 + BELIEVED_AFTER_MS // 1000


@pytest.mark.parametrize("wrong_ticks", [1, 5, 9])
@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_wrong_audience_that_is_corrected_stops_no_run(stage: Stage, wrong_ticks: int, is_deleted: bool) -> None:
    ingest = stage.ingest()

    def during(number: int) -> None:
        if number % 20 == 5:
            stage.items.delete_item(Key=AUDIENCE_KEY) if is_deleted else stage.nobody_listens()
        if number % 20 == 5 + wrong_ticks:
            stage.table.join_audience(stage.clock.ms)

    ingest.market.during = during
    assert ingest.run() == "end of run"
    assert len(ingest.market.asked_ms) == RUN_TICKS + 1


def test_ticks_that_write_nothing_prove_no_empty_audience(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a written tick `publish` does not run, and cannot correct the audience."""
    monkeypatch.setattr(ticks, "RUN_MS", WHOLE_RUN_TICKS * TICK_MS)
    ingest = stage.ingest()

    def during(number: int) -> None:
        ingest.market.moves = False
        if number == 5:
            stage.nobody_listens()

    ingest.market.during = during
    assert ingest.run() == "nobody listens"
    assert len(stage.written) == 1 + BELIEVED_AFTER_WRITES
    assert len(ingest.market.asked_ms) > 5 + BELIEVED_AFTER_MS // 1000


def test_a_successor_of_a_heard_run_does_not_believe_the_first_0(stage: Stage) -> None:
    stage.table.take_lease(NOW_MS + 5_000)
    stage.nobody_listens()
    successor = stage.ingest()
    successor.market.during = lambda number: stage.table.join_audience(stage.clock.ms) if number == 3 else None
    assert successor.run() == "end of run"


def test_a_listener_who_joins_while_it_stops_keeps_it_running(stage: Stage) -> None:
    stage.nobody_listens()
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


def test_an_ingest_overtaken_while_it_stops_says_so(stage: Stage) -> None:
    stage.nobody_listens()
    ingest = stage.ingest()

    def taken_over() -> None:
        stage.table.take_lease(NOW_MS + 10_000)
        stage.table.join_audience(stage.clock.ms)

    ingest.table.on_release = taken_over
    assert ingest.run() == "successor"
    assert stage.table.lease().epoch == 2
