"""A connection may send at a rate with a burst; messages above it are refused with a time to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.message_limit import MessageLimit, RateLimited

LIMIT = MessageLimit(per_second=5, burst=10)


class Bucket:
    """One connection's stored number."""

    def __init__(self, limit: MessageLimit) -> None:
        self.limit = limit
        self.tat_ms = 0

    def send(self, now_ms: int) -> RateLimited | None:
        self.tat_ms = max(self.tat_ms, now_ms) + self.limit.interval_ms
        try:
            self.limit.check(self.tat_ms, now_ms)
        except RateLimited as refused:
            return refused
        return None


def test_a_burst_passes_and_the_message_after_it_is_refused() -> None:
    bucket = Bucket(LIMIT)
    assert [bucket.send(1_000) for _ in range(10)] == [None] * 10
    refused = bucket.send(1_000)
    assert refused
    assert (refused.over, refused.retry_in_ms) == (1, 400)


def test_a_message_passes_again_after_the_wait_and_not_earlier() -> None:
    bucket = Bucket(LIMIT)
    for _ in range(14):
        refused = bucket.send(1_000)
    assert refused
    later = Bucket(LIMIT)
    later.tat_ms = bucket.tat_ms
    assert later.send(1_000 + refused.retry_in_ms - 1)
    assert bucket.send(1_000 + refused.retry_in_ms) is None


def test_a_client_within_the_rate_is_never_refused() -> None:
    bucket = Bucket(LIMIT)
    assert not any(bucket.send(now_ms) for now_ms in range(0, 60_000, 200))


def test_every_message_counts_even_a_refused_one() -> None:
    bucket = Bucket(LIMIT)
    overs = [refused.over for number in range(60) if (refused := bucket.send(number))]
    assert overs == list(range(1, 51))


@pytest.mark.parametrize(("per_second", "interval_ms"), [(1, 1000), (3, 333), (5, 200), (1000, 1), (10_000, 1)])
def test_the_interval_is_whole_milliseconds(per_second: int, interval_ms: int) -> None:
    assert MessageLimit(per_second, 1).interval_ms == interval_ms


@given(st.integers(1, 50), st.integers(1, 30), st.lists(st.integers(0, 500), min_size=1, max_size=200))
def test_no_window_passes_more_than_burst_and_rate(per_second: int, burst: int, pauses_ms: list[int]) -> None:
    bucket = Bucket(MessageLimit(per_second, burst))
    now_ms, passed = 0, []
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        if bucket.send(now_ms) is None:
            passed.append(now_ms)
    interval_ms = bucket.limit.interval_ms
    for first, from_ms in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - from_ms) / interval_ms
