"""When a pace's turns come, and which of them have the whole view."""

from itertools import pairwise

import pytest

from shared.model.pace import LONGEST_S, Pace
from shared.model.recent import Recent, with_tick
from shared.model.values import Snapshot
from shared.publishing.periodic import Period
from shared.publishing.turns import turn_of

TICK_MS = 5_000


def turns(every_s: int, ticks: int) -> list[tuple[int, bool]]:
    """When the turns of a connection come, and whether each has the whole view. All ticks are known."""
    found = []
    recent: Recent = ((0, 1),)
    for seq, (from_ms, to_ms) in enumerate(pairwise(range(0, (ticks + 1) * TICK_MS, TICK_MS)), 2):
        recent = with_tick(recent, to_ms, seq)
        turn = turn_of(Pace(every_s), 0, Period(from_ms, to_ms), Snapshot(seq, to_ms, recent=recent))
        if turn:
            found.append((to_ms, turn.since is None))
    return found


@pytest.mark.parametrize("every_s", [5, 60, LONGEST_S])
def test_turns_come_exactly_once_in_an_interval(every_s: int) -> None:
    assert [at_ms for at_ms, _ in turns(every_s, 600)] == list(range(every_s * 1000, 3_000_001, every_s * 1000))


@pytest.mark.parametrize(("every_s", "whole_s"), [(5, 60), (10, 60), (60, 300), (300, 1_500)])
def test_a_whole_view_comes_in_a_minute_or_five_turns(every_s: int, whole_s: int) -> None:
    """Whichever is rarer."""
    whole = [at_ms for at_ms, is_whole in turns(every_s, 600) if is_whole]
    assert whole == list(range(whole_s * 1000, 3_000_001, whole_s * 1000))
