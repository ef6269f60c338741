"""One job at a time, one run at a time, and a job that is cut off goes on."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import DAY_MS
from shared.store.backfill_jobs import (
    JOB_KEY,
    MINUTES_EVERY_MS,
    MINUTES_KEY,
    ONE_JOB_PER_MS,
    PAUSE_MS,
    SILENT_AFTER_MS,
    BackfillJobs,
    Job,
    Taken,
)
from tests.samples import NOW_MS


class Clock:
    ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(quotes_items: Table, clock: Clock) -> BackfillJobs:
    return BackfillJobs(quotes_items, clock)


def test_a_job_that_was_started_is_taken_once(jobs: BackfillJobs) -> None:
    assert jobs.current() is None
    jobs.start(0, NOW_MS)
    assert jobs.take() == Job(NOW_MS, 0, NOW_MS, heard_ms=NOW_MS)
    with pytest.raises(Taken):
        jobs.take()


def test_there_is_nothing_to_take_before_a_job(jobs: BackfillJobs) -> None:
    with pytest.raises(Taken):
        jobs.take()


def test_two_jobs_are_an_hour_apart(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.start(0, NOW_MS)
    clock.ms += ONE_JOB_PER_MS - 1
    with pytest.raises(Taken):
        jobs.start(NOW_MS, clock.ms)
    clock.ms += 1
    jobs.start(NOW_MS, clock.ms)
    assert jobs.current() == Job(clock.ms, NOW_MS, clock.ms)


@pytest.mark.parametrize(("ahead_ms", "is_taken"), [(ONE_JOB_PER_MS - 1, True), (ONE_JOB_PER_MS, False)])
def test_a_job_of_a_clock_that_is_ahead_is_replaced(
    jobs: BackfillJobs, clock: Clock, ahead_ms: int, *, is_taken: bool
) -> None:
    clock.ms += ahead_ms
    jobs.start(0, NOW_MS)
    clock.ms -= ahead_ms
    with pytest.raises(Taken) if is_taken else nullcontext():
        jobs.start(0, NOW_MS)


def test_a_silent_run_is_replaced_and_its_progress_stays(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.start(0, NOW_MS)
    job = jobs.take()
    jobs.progressed(job, ["1h#BTC_CAD", "1h#ETH_CAD"])
    jobs.progressed(job)
    clock.ms += SILENT_AFTER_MS
    again = jobs.take()
    assert again.done == {"1h#BTC_CAD", "1h#ETH_CAD"}
    assert again.began_ms == job.began_ms


def test_a_run_that_goes_on_is_left_alone(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.start(0, NOW_MS)
    job = jobs.take()
    for _ in range(5):
        clock.ms += SILENT_AFTER_MS - 1
        with pytest.raises(Taken):
            jobs.take()
        jobs.progressed(job)


def test_a_whole_job_is_over(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.start(0, NOW_MS)
    jobs.end(jobs.take(), is_whole=True)
    assert (jobs.current() or Job(0, 0, 0)).ended == "whole"
    clock.ms += 10 * ONE_JOB_PER_MS
    with pytest.raises(Taken):
        jobs.take()


def test_an_incomplete_job_goes_on_after_an_hour(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.start(0, NOW_MS)
    jobs.end(jobs.take(), is_whole=False)
    clock.ms += ONE_JOB_PER_MS - 1
    with pytest.raises(Taken):
        jobs.take()
    clock.ms += 1
    assert jobs.take().began_ms == clock.ms
    jobs.end(replace(jobs.current() or Job(0, 0, 0)), is_whole=False)
    assert not (jobs.current() or Job(0, 0, 0)).is_waiting(clock.ms + ONE_JOB_PER_MS - 1)


def test_a_replaced_run_learns_it(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.start(0, NOW_MS)
    old = jobs.take()
    clock.ms += ONE_JOB_PER_MS
    jobs.start(NOW_MS, clock.ms)
    with pytest.raises(Taken):
        jobs.progressed(old, ["1h#BTC_CAD"])
    with pytest.raises(Taken):
        jobs.end(old, is_whole=True)
    assert jobs.take().done == frozenset()


def test_a_symbols_minutes_are_claimed_every_five_minutes(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.claim_minutes("BTC_CAD")
    jobs.release_minutes()
    clock.ms += MINUTES_EVERY_MS - 1
    with pytest.raises(Taken):
        jobs.claim_minutes("BTC_CAD")
    jobs.release_minutes()
    clock.ms += PAUSE_MS
    jobs.claim_minutes("BTC_CAD")


@pytest.mark.parametrize(
    ("claimed_ms", "is_free"),
    [
        (-MINUTES_EVERY_MS, True),
        (1 - MINUTES_EVERY_MS, False),
        (MINUTES_EVERY_MS - 1, False),
        (MINUTES_EVERY_MS, True),
    ],
)
def test_minutes_claimed_within_five_minutes_are_taken(
    jobs: BackfillJobs, quotes_items: Table, claimed_ms: int, *, is_free: bool
) -> None:
    """By a clock that was ahead, too; but one that was further ahead keeps nobody waiting."""
    quotes_items.put_item(Item={**MINUTES_KEY, "sk": "MINUTES#BTC_CAD", "claimed_ms": NOW_MS + claimed_ms})
    with nullcontext() if is_free else pytest.raises(Taken):
        jobs.claim_minutes("BTC_CAD")


@pytest.mark.parametrize(
    ("until_ms", "is_free"), [(0, True), (1, False), (2 * SILENT_AFTER_MS, False), (2 * SILENT_AFTER_MS + 1, True)]
)
def test_another_runs_minutes_are_its_own_until_they_end(
    jobs: BackfillJobs, quotes_items: Table, until_ms: int, *, is_free: bool
) -> None:
    quotes_items.put_item(Item={**MINUTES_KEY, "until_ms": NOW_MS + until_ms})
    with nullcontext() if is_free else pytest.raises(Taken):
        jobs.claim_minutes("BTC_CAD")


def test_the_claim_of_a_symbol_expires_after_two_hours(jobs: BackfillJobs, quotes_items: Table) -> None:
    jobs.claim_minutes("BTC_CAD")
    item = quotes_items.get_item(Key={**MINUTES_KEY, "sk": "MINUTES#BTC_CAD"})["Item"]
    assert (item["claimed_ms"], item["expires_at"]) == (NOW_MS, NOW_MS // 1000 + 7_200)


def test_one_run_at_a_time_has_minutes(jobs: BackfillJobs, clock: Clock) -> None:
    jobs.claim_minutes("BTC_CAD")
    with pytest.raises(Taken):
        jobs.claim_minutes("ETH_CAD")
    jobs.release_minutes()
    with pytest.raises(Taken):
        jobs.claim_minutes("ETH_CAD")
    clock.ms += PAUSE_MS
    jobs.claim_minutes("ETH_CAD")
    clock.ms += SILENT_AFTER_MS  # it was cut off
    jobs.start(0, NOW_MS)
    jobs.take()
    with pytest.raises(Taken):
        jobs.claim_minutes("LTC_CAD")


def test_a_clock_that_was_a_day_ahead_keeps_nobody_waiting(jobs: BackfillJobs, clock: Clock) -> None:
    clock.ms = NOW_MS + DAY_MS
    jobs.claim_minutes("ETH_CAD")
    jobs.start(0, clock.ms)
    jobs.take()
    clock.ms = NOW_MS
    assert jobs.take().heard_ms == NOW_MS
    jobs.start(0, NOW_MS)
    jobs.end(jobs.take(), is_whole=False)
    jobs.claim_minutes("ETH_CAD")
    with pytest.raises(Taken):
        jobs.start(0, NOW_MS)


@pytest.mark.parametrize("broken", [{}, {"began_ms": "x"}, {"heard_ms": None}, {"until_ms": [1]}, {"done": 7}])
def test_a_broken_job_gives_way_to_the_next(jobs: BackfillJobs, quotes_items: Table, broken: dict[str, Any]) -> None:
    whole: dict[str, Any] = {**JOB_KEY, "began_ms": 1, "from_ms": 0, "until_ms": 1, "heard_ms": 1, "ended": "whole"}
    quotes_items.put_item(Item={**whole, **broken} if broken else JOB_KEY)
    assert jobs.current() is None
    jobs.start(0, NOW_MS)
    assert jobs.take().until_ms == NOW_MS
