"""What a stand-by holds against the holder of the lease, look by look."""

import pytest

from functions.ingest import grid
from functions.ingest.grid import Grid
from functions.ingest.watch import UNWRITTEN_TICKS, Watch
from shared.store.quotes_table import Lease
from tests.functions.ingest.ingests import Clock

TICK_MS = 5_000
WRITE_MS = 12_000  # three ticks, begun
MOST = 3 + UNWRITTEN_TICKS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(grid, "time", made)
    return made


def look(watch: Watch, clock: Clock, seq: int, epoch: int = 1, *, ticks_behind: int = 0) -> str:
    """Look at a lease once, a tick after the last look."""
    clock.ms += TICK_MS
    ticked_ms = clock.ms // TICK_MS * TICK_MS - ticks_behind * TICK_MS
    return watch.fault(Lease(epoch, ticked_ms, clock.ms + 15_000, seq))


def test_a_holder_gets_the_time_of_a_quiet_market_to_write(clock: Clock) -> None:
    watch = Watch(Grid(TICK_MS), WRITE_MS)
    assert [look(watch, clock, 7) for _ in range(MOST + 1)] == [""] * (MOST + 1)
    assert look(watch, clock, 7) == "it writes nothing"


@pytest.mark.parametrize(("seq", "epoch"), [(8, 1), (7, 2)])
def test_a_write_or_another_holder_begins_the_count_again(clock: Clock, seq: int, epoch: int) -> None:
    watch = Watch(Grid(TICK_MS), WRITE_MS)
    for _ in range(MOST + 1):
        look(watch, clock, 7)
    assert [look(watch, clock, seq, epoch) for _ in range(MOST + 1)] == [""] * (MOST + 1)
    assert look(watch, clock, seq, epoch) == "it writes nothing"


def test_a_lease_of_an_earlier_version_has_no_seq_to_judge_by(clock: Clock) -> None:
    watch = Watch(Grid(TICK_MS), WRITE_MS)
    assert {look(watch, clock, 0) for _ in range(3 * MOST)} == {""}


def test_after_a_failed_look_the_holder_gets_its_time_again(clock: Clock) -> None:
    watch = Watch(Grid(TICK_MS), WRITE_MS)
    for _ in range(MOST + 1):
        look(watch, clock, 7)
    watch.saw_nothing()
    assert [look(watch, clock, 7) for _ in range(MOST)] == [""] * MOST
    assert look(watch, clock, 7) == "it writes nothing"


@pytest.mark.parametrize(("behind", "fault"), [(0, ""), (1, "it begins no tick"), (-2, ""), (720, "")])
def test_a_first_look_finds_late_only_who_is_one_tick_behind(clock: Clock, behind: int, fault: str) -> None:
    assert look(Watch(Grid(TICK_MS), WRITE_MS), clock, 7, ticks_behind=behind) == fault


def test_a_holder_with_another_clock_is_late_if_it_did_nothing(clock: Clock) -> None:
    watch = Watch(Grid(TICK_MS), WRITE_MS)
    ahead = Lease(1, clock.ms + 3_600_000, clock.ms + 3_615_000, 7)
    assert watch.fault(ahead) == ""
    assert watch.fault(ahead) == "it begins no tick"
