"""A connection may send at a rate with a burst; messages above it are refused with a time to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.message_limit import MessageLimit, RateLimited

LIMIT = MessageLimit(per_minute=300, burst=10)


class Bucket:
    """One connection's stored number."""

    def __init__(self, limit: MessageLimit) -> None:
        self.limit = limit
        self.tat_ms = 0

    def send(self, now_ms: int, price: int = 1) -> RateLimited | None:
        charged_ms = self.limit.charge_ms(self.tat_ms, now_ms, price)
        self.tat_ms = max(self.tat_ms, now_ms) + charged_ms
        try:
            self.limit.check(self.tat_ms, now_ms, price, charged_ms)
        except RateLimited as refused:
            return refused
        return None


def test_a_burst_passes_and_the_message_after_it_is_refused() -> None:
    bucket = Bucket(LIMIT)
    assert [bucket.send(1_000) for _ in range(10)] == [None] * 10
    refused = bucket.send(1_000)
    assert refused
    assert (refused.over, refused.retry_in_ms) == (1, 400)


@pytest.mark.parametrize("price", [1, 3, 10])
def test_a_message_passes_again_after_the_wait_and_not_earlier(price: int) -> None:
    bucket = Bucket(LIMIT)
    for _ in range(14):
        refused = bucket.send(1_000, price)
    assert refused
    later = Bucket(LIMIT)
    later.tat_ms = bucket.tat_ms
    assert later.send(1_000 + refused.retry_in_ms - 1, price)
    assert bucket.send(1_000 + refused.retry_in_ms, price) is None


def test_a_price_takes_as_much_as_that_many_messages() -> None:
    dear, plain = Bucket(LIMIT), Bucket(LIMIT)
    assert dear.send(1_000, 7) is None
    assert [plain.send(1_000) for _ in range(7)] == [None] * 7
    assert dear.tat_ms == plain.tat_ms


def test_a_refused_message_counts_as_a_plain_one() -> None:
    """A client that cannot pay a dear message is not over the limit yet: a cheaper one passes."""
    bucket = Bucket(LIMIT)
    assert bucket.send(1_000, 7) is None
    refused = bucket.send(1_000, 4)
    assert refused
    assert (refused.over, refused.retry_in_ms) == (-2, 2 * 200)
    assert bucket.send(1_000, 2) is None


def test_a_client_within_the_rate_is_never_refused() -> None:
    bucket = Bucket(LIMIT)
    assert not any(bucket.send(now_ms) for now_ms in range(0, 60_000, 200))


def test_every_message_counts_even_a_refused_one() -> None:
    bucket = Bucket(LIMIT)
    overs = [refused.over for number in range(60) if (refused := bucket.send(number))]
    assert overs == list(range(1, 51))


def test_a_dear_message_that_came_beside_others_is_refused() -> None:
    """It was charged by an old number: what counts is the number after it."""
    with pytest.raises(RateLimited) as refused:
        LIMIT.check(1_000 + 12 * 200, 1_000, 3, LIMIT.charge_ms(0, 1_000, 3))
    assert (refused.value.over, refused.value.retry_in_ms) == (2, 5 * 200)


@pytest.mark.parametrize(
    ("per_minute", "interval_ms"), [(1, 60_000), (5, 12_000), (7, 8_571), (300, 200), (60_000, 1), (600_000, 1)]
)
def test_the_interval_is_whole_milliseconds(per_minute: int, interval_ms: int) -> None:
    assert MessageLimit(per_minute, 1).interval_ms == interval_ms


@given(
    st.integers(60, 3_000),
    st.integers(5, 30),
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 5)), min_size=1, max_size=200),
)
def test_no_window_passes_more_than_burst_and_rate(per_minute: int, burst: int, sent: list[tuple[int, int]]) -> None:
    bucket = Bucket(MessageLimit(per_minute, burst))
    now_ms, passed = 0, []
    for pause_ms, price in sent:
        now_ms += pause_ms
        if bucket.send(now_ms, price) is None:
            passed.append((now_ms, price))
    interval_ms = bucket.limit.interval_ms
    for first, (from_ms, _) in enumerate(passed):
        spent = 0
        for at_ms, price in passed[first:]:
            spent += price
            assert spent <= burst + (at_ms - from_ms) / interval_ms
