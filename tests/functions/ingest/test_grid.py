"""Ticks are on a grid that no wrong clock moves."""

import pytest

from functions.ingest import grid, ticks
from functions.ingest.grid import Grid
from shared.store.quotes_table import Lease
from tests.functions.ingest.ingests import Clock, Stage, assert_each_seq_once_in_order
from tests.samples import NOW_MS

HOUR_MS = 3_600_000


@pytest.mark.parametrize(("ticked", "next_tick"), [(-1, 0), (0, 1), (1, 1), (2, 1), (3, 0), (720, 0)])
def test_a_tick_that_began_far_in_the_future_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, ticked: int, next_tick: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(grid, "time", clock)
    this_ms = NOW_MS // 5_000 * 5_000
    assert Grid(5_000).next_ms(this_ms + ticked * 5_000) == this_ms + next_tick * 5_000


@pytest.mark.parametrize(("now", "look"), [(0, 1_000), (999, 1_000), (1_000, 6_000), (4_999, 6_000)])
def test_a_stand_by_looks_once_a_tick(monkeypatch: pytest.MonkeyPatch, now: int, look: int) -> None:
    clock = Clock(NOW_MS // 5_000 * 5_000 + now)
    monkeypatch.setattr(grid, "time", clock)
    assert Grid(5_000).look_ms() == clock.ms - now + look


@pytest.mark.parametrize(
    ("tick_ms", "lease_ms", "grace_ms"), [(1_000, 10_000, 500), (2_000, 10_000, 1_000), (5_000, 15_000, 1_000)]
)
def test_a_lease_lasts_three_ticks_and_a_grace_half_of_one(tick_ms: int, lease_ms: int, grace_ms: int) -> None:
    """Within bounds."""
    made = Grid(tick_ms)
    assert (made.lease_ms, made.grace_ms) == (lease_ms, grace_ms)


def test_a_clock_that_was_an_hour_ahead_for_10_s_stops_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its lease nor its snapshots, while no price moves."""
    monkeypatch.setattr(ticks, "RUN_MS", 10_000)
    stage.clock.ms += HOUR_MS
    ahead = stage.ingest()
    ahead.run()
    stage.table.renew_lease(Lease(1, stage.clock.ms, stage.clock.ms + 10_000, len(stage.written) + 1))
    stage.clock.ms = NOW_MS + 10_000
    monkeypatch.setattr(ticks, "RUN_MS", 25_000)
    right = stage.ingest()
    right.market.moves = False
    times: list[int] = []
    right.table.before_write = lambda snapshot: times.append(snapshot.ts_ms)
    assert right.run() == "end of run"
    assert right.market.asked_ms[0] == NOW_MS + 10_000
    assert_each_seq_once_in_order(stage.written)
    assert 3 <= len(times) <= 5
    assert max(b - a for a, b in zip([NOW_MS + 10_000, *times], times, strict=False)) <= 11_000
