"""New subscribers of a warm Lambda share one read of the snapshot until the next tick is due."""

import time
from dataclasses import replace

import pytest

from shared.model.staleness import Ages, as_of
from shared.model.values import Snapshot
from shared.requests.warm_snapshot import WarmSnapshot
from shared.store.quotes_table import QuotesTable
from tests.clock import Clock
from tests.samples import AGELESS, after, quotes

TICK_S = 5


class Counted(QuotesTable):
    """A stored snapshot, and the number of times that it was read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.held = snapshot
        self.reads = 0

    def snapshot_now(self, limits: Ages) -> Snapshot:
        self.reads += 1
        return as_of(self.held, time.time_ns() // 1_000_000, limits)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", lambda: clock.ms * 1_000_000)
    return clock


def test_it_is_read_once_in_a_tick(clock: Clock) -> None:
    table = Counted(after(Snapshot(), quotes(), clock.ms))
    warm = WarmSnapshot(table, TICK_S)
    for _ in range(1_000):
        assert warm.now(AGELESS).seq == 1
        clock.ms += 4
    assert table.reads == 1
    clock.ms += 1_000
    table.held = after(table.held, quotes("1"), clock.ms)
    assert warm.now(AGELESS).seq == 2
    assert table.reads == 2


@pytest.mark.parametrize("ts_ms", [-5_000, 10**9])
def test_a_tick_that_is_late_is_looked_for_each_second(clock: Clock, ts_ms: int) -> None:
    table = Counted(after(Snapshot(), quotes(), clock.ms + ts_ms))
    warm = WarmSnapshot(table, TICK_S)
    for _ in range(31):
        warm.now(AGELESS)
        clock.ms += 100
    assert table.reads == 4


@pytest.mark.usefixtures("clock")
def test_no_snapshot_is_not_kept() -> None:
    table = Counted(Snapshot())
    warm = WarmSnapshot(table, TICK_S)
    for _ in range(3):
        warm.now(AGELESS)
    assert table.reads == 3


def test_its_age_is_that_of_the_moment(clock: Clock) -> None:
    snapshot = after(Snapshot(), quotes(ts_ms=clock.ms), clock.ms)
    warm = WarmSnapshot(Counted(snapshot), 60)
    limits = replace(AGELESS, stale_ms=3_000)
    assert not warm.now(limits).quotes["BTC_CAD"].stale
    clock.ms += 10_000
    assert warm.now(limits).quotes["BTC_CAD"].stale
