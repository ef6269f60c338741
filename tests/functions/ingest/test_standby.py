"""A run that lost its lease stands by: a run that dies is replaced within two ticks, and no two write one `seq`."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.exceptions import ConnectionClosedError

from functions.ingest import grid
from functions.ingest.grid import Grid
from functions.ingest.ticks import STANDBY_RUN_MS
from functions.ingest.unheard import BELIEVED_AFTER_MS
from functions.ingest.watch import UNWRITTEN_TICKS
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.staleness import ages
from shared.store.quotes_table import AUDIENCE_KEY, LEASE_KEY, SNAPSHOT_KEY, LeaseLost
from tests.functions.ingest.ingests import Stage, assert_each_seq_once_in_order
from tests.functions.ingest.virtual_time import VirtualTime
from tests.samples import NOW_MS

TICK_MS = 1_000
JITTER_MS = 100  # of a tick's write: its calls
UNWRITTEN_MS = ages(1, 30).write_ms + (UNWRITTEN_TICKS + 1) * TICK_MS  # the stand-by's look that is one too many


@pytest.fixture
def world(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualTime]:
    made = VirtualTime(stage)
    monkeypatch.setattr(grid, "time", made)
    yield made
    made.end()
    assert_each_seq_once_in_order(stage.written)


def next_write_ms(world: VirtualTime, after_ms: int) -> int:
    """Return how long after that time the next tick was written."""
    return min(at_ms for at_ms, _, _ in world.written if at_ms > after_ms) - after_ms


def test_a_successor_leaves_no_gap_and_the_older_run_stands_by(world: VirtualTime, stage: Stage) -> None:
    older, newer = world.begin(0), world.begin(4.3)
    world.advance(10)
    assert max(world.gaps_ms()) <= TICK_MS + JITTER_MS
    assert world.holder() is newer
    assert not older.ended_ms
    assert older.ingest.paused_ms == [pytest.approx(NOW_MS + 4_900, abs=TICK_MS)]
    assert stage.table.lease().epoch == 2


def test_a_stand_by_ends_130_s_after_its_beginning(world: VirtualTime) -> None:
    older, newer = world.begin(0), world.begin(126)
    older.stopped_ms = (NOW_MS + 3_000, NOW_MS + 125_000)  # the ticks of two minutes cost a test 5 s
    world.advance(134)
    assert older.result == "successor"
    assert older.ended_ms - older.begins_ms == pytest.approx(STANDBY_RUN_MS, abs=2 * TICK_MS)
    assert STANDBY_RUN_MS >= 130_000
    assert not newer.ended_ms


@pytest.mark.parametrize("seed", range(10))
def test_a_holder_killed_at_any_moment_is_replaced_in_two_ticks(
    world: VirtualTime, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    killed_s = random.Random(seed).uniform(5, 8)
    world.begin(0), world.begin(2)
    world.advance(killed_s)
    killed = world.holder()
    killed.killed_ms = world.now_ms
    world.advance(killed_s + 4)
    assert next_write_ms(world, killed.killed_ms) <= 2 * TICK_MS, f"seed {seed}"
    assert world.holder() is not killed
    assert [line.message for line in caplog.records] == ["a stand-by takes over"]


@pytest.mark.parametrize("steps", range(0, 50, 5))
def test_a_successor_killed_while_it_takes_over_is_replaced(world: VirtualTime, steps: int) -> None:
    """At each of the calls of its first two ticks."""
    older, newer = world.begin(0), world.begin(2.7)
    killed_s = 2.7 + steps * 0.03
    world.advance(killed_s)
    newer.killed_ms = world.now_ms
    world.advance(killed_s + 4)
    assert next_write_ms(world, newer.killed_ms) <= 2 * TICK_MS
    assert max(world.gaps_ms()) <= 2 * TICK_MS + 700
    assert world.holder() is older


@pytest.mark.parametrize("seed", range(5))
def test_a_holder_stopped_for_25_s_wakes_and_writes_nothing(world: VirtualTime, seed: int) -> None:
    """It was replaced within two ticks."""
    stopped_s = random.Random(seed).uniform(5, 6)
    world.begin(0), world.begin(2)
    world.advance(stopped_s)
    stopped = world.holder()
    before = len(stopped.ingest.table.epochs)
    stopped.stopped_ms = (world.now_ms, world.now_ms + 25_000)
    world.advance(stopped_s + 30)
    assert next_write_ms(world, stopped.stopped_ms[0]) <= 2 * TICK_MS, f"seed {seed}"
    assert max(world.gaps_ms()) <= 2 * TICK_MS + 700
    assert len(stopped.ingest.table.epochs) == before
    assert world.holder() is not stopped
    # It stands by again, so it replaces the one that replaced it.
    world.holder().killed_ms = world.now_ms
    world.advance(stopped_s + 34)
    assert world.holder() is stopped


def test_a_holder_that_wakes_changes_no_candle_that_is_closed(world: VirtualTime) -> None:
    """It was stopped between the sources' answers and its write, and knows less of the minute than its successor."""
    minute_ms = INTERVAL_MS["1m"]
    end_s = (minute_ms - NOW_MS % minute_ms) / 1000
    world.begin(0)
    stopped = world.begin(2)
    world.advance(end_s - 3)

    def stop(_round: int) -> None:
        stopped.ingest.market.during = lambda _round: None
        stopped.stopped_ms = (world.now_ms, world.now_ms + 8_000)
        world.sleep(0)

    def closed() -> list[Candle]:
        return stopped.ingest.candles.read("BTC_CAD", "1m", 1, now_ms=world.now_ms)

    stopped.ingest.market.during = stop
    world.advance(end_s + 3)
    before = closed()
    assert [candle.open_ms for candle in before] == [NOW_MS // minute_ms * minute_ms]
    world.advance(end_s + 9)
    assert world.now_ms > stopped.stopped_ms[1] > NOW_MS
    assert closed() == before


def test_a_schedule_119_s_apart_leaves_no_silence(world: VirtualTime) -> None:
    for begins_s in (0, 119, 238):
        world.begin(begins_s)
    world.advance(260)
    assert max(world.gaps_ms()) <= 2 * TICK_MS
    assert [run.result for run in world.runs] == ["successor", "successor", ""]


def test_of_three_that_begin_at_once_one_ticks_and_two_stand_by(world: VirtualTime, stage: Stage) -> None:
    for _ in range(3):
        world.begin(0)
    world.advance(6)
    assert max(world.gaps_ms()) <= TICK_MS + JITTER_MS
    assert not any(run.ended_ms for run in world.runs)
    for _ in range(2):
        killed = world.holder()
        killed.killed_ms = world.now_ms
        world.advance((world.now_ms - NOW_MS) / 1000 + 4)
        assert next_write_ms(world, killed.killed_ms) <= 2 * TICK_MS
    assert stage.written[-1][0] == 5


@pytest.mark.parametrize("audience_is_known", [True, False])
def test_a_run_that_ends_hands_over_to_its_stand_by(
    world: VirtualTime, monkeypatch: pytest.MonkeyPatch, *, audience_is_known: bool
) -> None:
    """The schedule started no other one meanwhile."""
    older, newer = world.begin(0), world.begin(2)

    def unknown() -> int:
        raise ConnectionClosedError(endpoint_url="https://dynamodb.ca-central-1.amazonaws.com")

    if not audience_is_known:
        monkeypatch.setattr(newer.ingest.table, "audience", unknown)
    newer.stopped_ms = (NOW_MS + 5_000, NOW_MS + 120_000)
    older.stopped_ms = (NOW_MS + 9_000, NOW_MS + 118_000)
    world.advance(133)
    assert older.result == "end of run"
    assert world.holder() is newer
    assert next_write_ms(world, older.ended_ms) <= TICK_MS + Grid(TICK_MS).grace_ms + JITTER_MS


def test_a_lease_that_was_given_up_is_taken_with_the_first_look(world: VirtualTime) -> None:
    """By a run that saw none of the ticks before."""
    older, newer = world.begin(0), world.begin(4)
    newer.stopped_ms = (NOW_MS + 7_000, NOW_MS + 132_600)
    older.stopped_ms = (NOW_MS + 11_000, NOW_MS + 128_000)
    world.advance(133.9)
    assert older.result == "end of run"
    assert older.ended_ms < newer.stopped_ms[1] - 2 * TICK_MS
    assert world.holder() is newer


def test_a_stand_by_knows_what_it_wrote_if_the_rest_is_broken(world: VirtualTime, stage: Stage) -> None:
    older, newer = world.begin(0), world.begin(2)
    world.advance(5)
    newer.killed_ms = world.now_ms
    stage.items.put_item(Item={**SNAPSHOT_KEY, "seq": stage.written[-1][1], "epoch": 2, "packed": b"garbage"})
    world.advance(9)
    assert world.holder() is older
    own = [epoch for epoch, _ in stage.written if epoch in older.ingest.table.epochs]
    assert stage.table.snapshot().candles["BTC_CAD"]["1d"].ticks == len(own)


def test_a_holder_that_came_back_before_it_was_replaced_stays(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "time", stage.clock)
    late = stage.table.take_lease(NOW_MS + 10_000)
    back = replace(late, ticked_ms=NOW_MS)
    stage.table.renew_lease(back)
    with pytest.raises(LeaseLost):
        stage.ingest(standby=True).ticks._begin(replace(late, ticked_ms=NOW_MS - TICK_MS), NOW_MS + 10_000)
    assert stage.table.lease() == back


@pytest.mark.parametrize("at_s", [5.05, 5.3, 5.6, 5.95])
def test_a_lease_that_is_garbage_is_taken_with_the_next_look(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, at_s: float
) -> None:
    world = VirtualTime(stage)
    monkeypatch.setattr(grid, "time", world)
    world.begin(0), world.begin(2)
    world.advance(at_s)
    stage.items.put_item(Item={**LEASE_KEY, "epoch": "poison", "ticked_ms": "poison", "until_ms": "poison"})
    world.advance(12)
    assert next_write_ms(world, NOW_MS + round(at_s * 1000)) <= 2 * TICK_MS
    assert max(world.gaps_ms()) <= 2 * TICK_MS + JITTER_MS
    world.end()


def test_a_lease_deleted_with_its_audience_leaves_no_silence(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gave up the lease, so nobody knows that nobody listens."""
    world = VirtualTime(stage)
    monkeypatch.setattr(grid, "time", world)
    older, newer = world.begin(0), world.begin(2)
    newer.stopped_ms = (NOW_MS + 4_500, NOW_MS + 60_000)
    world.advance(5)
    stage.items.delete_item(Key=LEASE_KEY)
    stage.items.delete_item(Key=AUDIENCE_KEY)
    world.advance(9)
    assert next_write_ms(world, NOW_MS + 5_000) <= 2 * TICK_MS
    assert world.holder() is older
    world.end()


def test_without_an_audience_stand_bys_stop_as_well(world: VirtualTime, stage: Stage) -> None:
    world.begin(0), world.begin(1), world.begin(2)
    world.advance(5)
    stage.nobody_listens()
    world.advance(8 + BELIEVED_AFTER_MS / 1000)
    assert [run.result for run in world.runs] == ["nobody listens"] * 3


def test_without_stand_by_a_run_ends_with_its_successor(world: VirtualTime) -> None:
    older, newer = world.begin(0, standby=False), world.begin(2, standby=False)
    world.advance(5)
    assert older.result == "successor"
    assert not newer.ended_ms
    assert max(world.gaps_ms()) <= TICK_MS + JITTER_MS


@pytest.mark.parametrize("ahead", ["older", "newer"])
def test_a_clock_an_hour_ahead_changes_no_holder(world: VirtualTime, stage: Stage, ahead: str) -> None:
    """Whether a holder lives is seen by what changes in the lease, not by anybody's clock."""
    hour_ms = 3_600_000
    world.begin(0, skew_ms=hour_ms if ahead == "older" else 0)
    newer = world.begin(2, skew_ms=hour_ms if ahead == "newer" else 0)
    world.advance(9)
    assert max(world.gaps_ms()) <= 2 * TICK_MS
    assert {epoch for epoch, _ in stage.written} == {1, 2}
    newer.killed_ms = world.now_ms
    world.advance(13)
    assert next_write_ms(world, newer.killed_ms) <= 2 * TICK_MS


def test_a_holder_that_begins_ticks_but_never_writes_is_replaced(
    world: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    older, newer = world.begin(0), world.begin(2.7)
    fault = newer.ingest.items.fault

    def refuse(call: str) -> None:
        fault(call)
        if call == "put_item":
            raise ConnectionClosedError(endpoint_url="https://dynamodb.ca-central-1.amazonaws.com")

    newer.ingest.items.fault = refuse
    world.advance(50)
    assert newer.ingest.failures
    assert not newer.ingest.table.epochs
    assert max(world.gaps_ms()) <= UNWRITTEN_MS + 3 * TICK_MS
    assert world.holder() is older
    assert [line.message for line in caplog.records] == ["a stand-by takes over"]  # once: `newer` does not take it back
    assert not newer.ended_ms


def test_a_holder_whose_market_stands_still_is_not_replaced(
    world: VirtualTime, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for run in (world.begin(0), world.begin(2)):
        run.ingest.market.moves = False
    world.advance(60)
    assert len(stage.written) < 10
    assert {epoch for epoch, _ in stage.written} == {1, 2}
    assert not caplog.records


def test_all_runs_outlive_a_table_that_was_away(world: VirtualTime) -> None:
    older, newer = world.begin(0), world.begin(2)
    for run in (older, newer):
        fault = run.ingest.items.fault

        def away(call: str, fault=fault) -> None:  # type: ignore[no-untyped-def]
            fault(call)
            if NOW_MS + 5_000 <= world.now_ms < NOW_MS + 15_000:
                raise ConnectionClosedError(endpoint_url="https://dynamodb.ca-central-1.amazonaws.com")

        run.ingest.items.fault = away
    world.advance(20)
    assert next_write_ms(world, NOW_MS + 15_000) <= 2 * TICK_MS
    assert not older.ended_ms
    assert not newer.ended_ms
