"""Posts stay within the rate over any period, and a pause saves no more than the burst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.gateway.token_bucket import TokenBucket


def test_a_bucket_begins_full() -> None:
    bucket = TokenBucket(10, 5)
    assert bucket.available(100.0) == 5
    bucket.take(5)
    assert bucket.available(100.0) == 0


def test_a_bucket_fills_at_its_rate_and_says_how_long_to_wait() -> None:
    bucket = TokenBucket(10, 5)
    bucket.available(0.0)
    bucket.take(5)
    assert bucket.wait_s() == pytest.approx(0.1)
    assert bucket.available(0.05) == 0
    assert bucket.wait_s() == pytest.approx(0.05)
    assert bucket.available(0.35) == 3
    assert bucket.wait_s() == 0


def test_a_pause_saves_up_no_more_than_the_burst() -> None:
    bucket = TokenBucket(10, 5)
    bucket.available(0.0)
    assert bucket.available(3600.0) == 5


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(10, 5)
    bucket.take(bucket.available(10.0))
    assert bucket.available(9.0) == 0
    assert bucket.available(9.15) == 1


@given(
    rate=st.floats(0.5, 20_000),
    burst=st.integers(1, 5_000),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=30),
)
def test_no_period_lets_through_more_than_burst_and_rate(rate: float, burst: int, pauses: list[float]) -> None:
    bucket = TokenBucket(rate, burst)
    now = taken = 0.0
    for pause in pauses:
        now += pause
        available = bucket.available(now)
        bucket.take(available)
        taken += available
    assert taken <= burst + rate * now + 1e-6 * len(pauses)


@pytest.mark.parametrize(("rate", "burst"), [(0, 5), (-1, 5), (10, 0)])
def test_a_bucket_that_lets_nothing_through_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="lets nothing through"):
        TokenBucket(rate, burst)
