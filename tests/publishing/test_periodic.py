"""Each connection gets heartbeats, a snapshot once a minute, and a closing notice, all by the clock."""

from collections import Counter
from itertools import pairwise

import pytest

from shared.model.staleness import HEARTBEAT_MS
from shared.model.values import Connection
from shared.protocol import MAX_DURATION, TOKEN_ENDS
from shared.publishing.periodic import (
    NOTICE_S,
    RECONNECT_WITHIN_MS,
    SNAPSHOT_MS,
    Notice,
    Period,
    notice_of,
    reconnect_in_ms,
    spread_of,
)
from tests.samples import NOW_MS

IDS = [f"{number:06}aBcDeFgHi=" for number in range(2_000)]


def periods(tick_ms: int, count: int, from_ms: int = NOW_MS) -> list[Period]:
    return [Period(*each) for each in pairwise(range(from_ms, from_ms + (count + 1) * tick_ms, tick_ms))]


def notice_at(connected_s: int, ends_s: int = 0) -> Notice:
    return notice_of(Connection("a", {}, connected_s, ends_s=ends_s))


@pytest.mark.parametrize("tick_ms", [1_000, 5_000, 7_000, 60_000])
def test_every_connection_is_due_a_snapshot_once_a_minute(tick_ms: int) -> None:
    minutes = 7 if tick_ms == 7_000 else 5
    ticks = periods(tick_ms, minutes * SNAPSHOT_MS // tick_ms)
    due = Counter(each for each in IDS for period in ticks if period.has_snapshot(spread_of(each)))
    assert due == dict.fromkeys(IDS, minutes)


def test_snapshots_are_spread_over_the_minute() -> None:
    ticks = periods(5_000, 12)
    due = [sum(period.has_snapshot(spread_of(each)) for each in IDS) for period in ticks]
    assert sum(due) == len(IDS)
    assert min(due) > len(IDS) / 12 * 0.7
    assert max(due) < len(IDS) / 12 * 1.3


def test_a_tick_that_stands_for_several_skips_nothing() -> None:
    long = Period(NOW_MS, NOW_MS + SNAPSHOT_MS)
    assert all(long.has_snapshot(spread_of(each)) for each in IDS)
    assert long.has_heartbeat()


@pytest.mark.parametrize("tick_ms", [1_000, 5_000, 7_000, 30_000])
def test_heartbeats_are_30_s_and_at_most_a_tick_apart(tick_ms: int) -> None:
    beats = [period.to_ms for period in periods(tick_ms, 100) if period.has_heartbeat()]
    assert max(later - earlier for earlier, later in pairwise(beats)) <= HEARTBEAT_MS + tick_ms


def test_the_notice_comes_once_when_a_connection_gets_old() -> None:
    connected_s = NOW_MS // 1_000
    ticks = periods(5_000, 7_200 // 5)
    due = [period for period in ticks if period.has_notice(notice_at(connected_s))]
    (notice,) = due
    age_s = notice.to_ms / 1_000 - connected_s
    assert NOTICE_S <= age_s < NOTICE_S + 5
    assert NOTICE_S == 6_600


def test_a_connection_whose_age_is_not_known_gets_no_notice() -> None:
    assert not any(period.has_notice(notice_at(0)) for period in periods(5_000, 100))


def test_clients_come_back_over_eight_minutes_and_before_the_end() -> None:
    waits = [reconnect_in_ms(spread_of(each)) for each in IDS]
    assert 0 <= min(waits) < 10_000
    assert RECONNECT_WITHIN_MS - 10_000 < max(waits) <= RECONNECT_WITHIN_MS == 480_000
    assert NOTICE_S * 1_000 + RECONNECT_WITHIN_MS < 2 * 3_600_000
    quarters = Counter(wait * 4 // (RECONNECT_WITHIN_MS + 1) for wait in waits)
    assert min(quarters.values()) > len(IDS) / 4 * 0.85


def test_a_notice_is_due_in_the_one_period_that_holds_its_time() -> None:
    at_ms = (1_000 + NOTICE_S) * 1_000
    periods = [Period(at_ms - 2, at_ms - 1), Period(at_ms - 1, at_ms), Period(at_ms, at_ms + 1)]
    assert [period.has_notice(notice_at(1_000)) for period in periods] == [False, True, False]


@pytest.mark.parametrize(
    ("lives_s", "after_s", "within_ms", "reason"),
    [
        (20, 15, 4_000, TOKEN_ENDS),
        (3, 3, 0, TOKEN_ENDS),
        (3_600, 3_000, 480_000, TOKEN_ENDS),
        (7_199, 6_599, 480_000, TOKEN_ENDS),
        (7_201, NOTICE_S, RECONNECT_WITHIN_MS, MAX_DURATION),
        (86_400, NOTICE_S, RECONNECT_WITHIN_MS, MAX_DURATION),
    ],
)
def test_a_notice_comes_before_a_token_ends(lives_s: int, after_s: int, within_ms: int, reason: str) -> None:
    """Every client has time to come back before its connection is closed."""
    notice = notice_at(1_000, 1_000 + lives_s)
    assert notice == (1_000 + after_s, reason, within_ms)
    assert notice.due_s * 1000 + notice.within_ms <= 1_000_000 + lives_s * 1000
    assert 0 <= reconnect_in_ms(spread_of("a"), within_ms) <= within_ms
