"""The long answers of all connections get no more posts a second than their share."""

from itertools import pairwise

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.message_limit import RateLimited
from shared.store.answer_pace import FEW, KEY, LONGEST_WAIT_MS, AnswerPace
from tests.samples import NOW_MS


@pytest.fixture
def pace(connections_items: Table) -> AnswerPace:
    return AnswerPace(connections_items, 100)


def test_an_answer_begins_when_those_before_it_end(pace: AnswerPace) -> None:
    assert [pace.reserve(50, NOW_MS) for _ in range(3)] == [0, 500, 1_000]
    assert pace.reserve(50, NOW_MS + 1_200) == 300
    assert pace.reserve(50, NOW_MS + 60_000) == 0


@pytest.mark.parametrize(("per_second", "posts", "takes_ms"), [(100_000, 20, 1), (1_000, 20, 20), (11, 20, 1_818)])
def test_an_answer_takes_its_share_in_whole_milliseconds(
    connections_items: Table, per_second: int, posts: int, takes_ms: int
) -> None:
    pace = AnswerPace(connections_items, per_second)
    assert [pace.reserve(posts, NOW_MS) for _ in range(2)] == [0, takes_ms]


def test_answers_that_would_wait_too_long_are_refused(pace: AnswerPace) -> None:
    began = [pace.reserve(90, NOW_MS) for _ in range(3)]
    with pytest.raises(RateLimited) as refused:
        pace.reserve(90, NOW_MS)
    assert began == [0, 900, 1_800]
    assert refused.value.over == 0
    assert pace.reserve(90, NOW_MS + refused.value.retry_in_ms) == 0


def test_a_refused_answer_takes_no_time(pace: AnswerPace) -> None:
    while True:
        try:
            pace.reserve(100, NOW_MS)
        except RateLimited:
            break
    for _ in range(5):
        with pytest.raises(RateLimited):
            pace.reserve(100, NOW_MS)
    assert pace.reserve(100, NOW_MS + 1_000) <= LONGEST_WAIT_MS


def test_no_second_has_more_posts_than_the_share(pace: AnswerPace) -> None:
    """No two answers overlap, however often clients ask."""
    times: list[tuple[int, int]] = []
    for step in range(260):
        now_ms = NOW_MS + step * 37
        try:
            begins_ms = now_ms + pace.reserve(20 + step % 60, now_ms)
        except RateLimited:
            continue
        times.append((begins_ms, begins_ms + (20 + step % 60) * 10))
    assert len(times) > 20
    assert all(ends <= begins for (_, ends), (begins, _) in pairwise(times))


def test_short_answers_reserve_nothing(pace: AnswerPace, connections_items: Table) -> None:
    assert pace.reserve(FEW, NOW_MS) == 0
    assert AnswerPace(connections_items, 0).reserve(1_000, NOW_MS) == 0
    assert "Item" not in connections_items.get_item(Key=KEY)


def test_a_time_of_a_wrong_clock_is_not_believed(pace: AnswerPace, connections_items: Table) -> None:
    connections_items.put_item(Item={**KEY, "due_ms": NOW_MS + 86_400_000})
    assert pace.reserve(50, NOW_MS) == 0
    assert pace.reserve(50, NOW_MS) == 500
