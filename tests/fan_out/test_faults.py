"""Whatever breaks, the batch ends by its deadline and says what it left out, and the next tick makes up for it."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from shared.store.connections_table import ConnectionsTable
from tests.fan_out.audience import Paged, named
from tests.fan_out.conftest import SHARDS, Stage

LATE_MS = 5_000  # after a deadline, on a machine that is busy with other things


def no_answer() -> None:
    raise ReadTimeoutError(endpoint_url="https://dynamodb.ca-central-1.amazonaws.com")


@pytest.mark.parametrize("word", ["slow1", "torn1", "reset1", "fail1", "busy1"])
def test_what_fails_once_arrives_with_the_same_tick(stage: Stage, word: str) -> None:
    ids = named(f"once-{word[:-1][::-1]}-", 300, "", "", word)
    stage.audience.join(ids)
    posted = stage.publisher(post_timeout_s=1 if word == "slow1" else 20).publish(stage.feed.tick(), deadline_s=30)
    assert (posted.reached, posted.whole) == (300, True)
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


@pytest.mark.parametrize("word", ["slow", "torn", "reset", "fail", "busy", "big", "denied"])
def test_what_always_fails_keeps_nobody_else(stage: Stage, word: str) -> None:
    ids = named(f"always-{word[::-1]}-", 300, "", "", "", word)
    stage.audience.join(ids)
    failing = {each for each in ids if word in each}
    publisher = stage.publisher(post_timeout_s=2 if word == "slow" else 20)
    for _ in range(2):
        posted = publisher.publish(stage.feed.tick(), deadline_s=30)
        assert (posted.reached, posted.unsent, posted.whole) == (225, 0, False)
        assert posted.failed.keys() == failing
        assert posted.elapsed_ms < 30_000
    assert stage.audience.arrived().keys() == set(ids) - failing
    assert stage.audience.in_table() == set(ids)
    stage.audience.assert_all_know(stage.feed.snapshot, set(ids) - failing)


def test_an_answer_that_is_cut_off_after_its_status_is_not_waited_for_again(stage: Stage) -> None:
    ids = named("cut-off-", 300, "", "", "cut")
    stage.audience.join(ids)
    posted = stage.publisher().publish(stage.feed.tick(), deadline_s=30)
    assert (posted.reached, posted.whole) == (300, True)
    assert all(len(posts) == 1 for posts in stage.audience.posts().values())
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_when_every_post_that_is_under_way_hangs_the_batch_ends_and_the_next_is_whole(stage: Stage) -> None:
    """Those that hang are the first of the first shard; behind them nobody gets anything before the deadline."""
    shard_of = ConnectionsTable(stage.items, SHARDS).shard_of
    hanging = [each for each in named("hang-0-", 100, "slow1") if shard_of(each) == 0][:8]
    ids = [*hanging, *named("hang-1-", 300)]
    stage.audience.join(ids)
    publisher = stage.publisher(in_flight=8, post_timeout_s=60)
    posted = publisher.publish(stage.feed.tick(), deadline_s=1)
    assert 1_000 <= posted.elapsed_ms < 1_000 + LATE_MS
    assert (posted.reached, posted.unsent, posted.outcomes, posted.whole) == (0, 8, {"given_up": 8}, False)
    assert publisher.publish(stage.feed.tick(), deadline_s=60).whole
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


@pytest.mark.parametrize("count", [300, 1_500])
def test_a_service_that_is_down_for_some_batches_costs_these_and_no_more(stage: Stage, count: int) -> None:
    """Up to a thousand who missed something are remembered each by itself."""
    ids = named(f"down-{count}-", count)
    stage.audience.join(ids[: count // 2])
    stage.audience.join(ids[count // 2 :], rates=None)
    publisher = stage.publisher()
    stage.sink.tell(down_s=600)
    for _ in range(2):
        posted = publisher.publish(stage.feed.tick(), deadline_s=20)
        assert (posted.reached, posted.failures, posted.unsent, posted.whole) == (0, count, 0, False)
        assert posted.outcomes.keys() == {"server_error"}
        assert posted.posts == 3 * count
        assert posted.elapsed_ms < 20_000 + LATE_MS
    assert stage.audience.arrived() == {}
    stage.sink.tell(down_s=0)
    assert publisher.publish(stage.feed.tick(), deadline_s=20).whole
    stage.audience.assert_all_know(stage.feed.snapshot, ids)
    # And nobody is sent again what has arrived.
    before = stage.audience.arrived()
    assert publisher.publish(stage.feed.tick(), deadline_s=20).whole
    assert all(
        [post.follows(stage.feed.snapshot.seq - 1) for post in posts[len(before[each]) :]] == [True]
        for each, posts in stage.audience.arrived().items()
        if each in ids[: count // 2]
    )


def test_a_service_that_comes_back_in_the_middle_of_a_batch_is_used_at_once(stage: Stage) -> None:
    ids = named("back-", 300)
    stage.audience.join(ids)
    stage.sink.tell(down_s=600)
    table = Paged(stage.items, on_page={4: lambda: stage.sink.tell(down_s=0)})
    publisher = stage.publisher(table, rate=300, burst=20)
    posted = publisher.publish(stage.feed.tick(), deadline_s=60)
    assert posted.reached >= 180
    assert posted.failures > 0
    assert posted.reached + posted.failures == len(ids)
    assert publisher.publish(stage.feed.tick(), deadline_s=60).whole
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


@pytest.mark.parametrize("page", [1, 2, 5])
def test_a_page_that_cannot_be_read_ends_the_batch_after_those_before_it(stage: Stage, page: int) -> None:
    """Of the first shard the first or the second, or one of the second shard."""
    ids = named(f"page-{page}-", 300, *[""] * 9, "gone")
    stage.audience.join(ids)
    live = {each for each in ids if "gone" not in each}
    table = Paged(stage.items, on_page={page: no_answer})
    publisher = stage.publisher(table)
    posted = publisher.publish(stage.feed.tick(), deadline_s=20)
    assert isinstance(posted.error, ReadTimeoutError)
    assert (posted.whole, posted.unsent) == (False, 0)
    assert posted.reached + posted.gone == sum(map(len, [stage.audience.posts()])) < len(ids)
    assert posted.elapsed_ms < 20_000
    posted = publisher.publish(stage.feed.tick(), deadline_s=20)
    assert posted.whole
    assert stage.audience.in_table() == live
    stage.audience.assert_all_know(stage.feed.snapshot, live)


def test_who_missed_a_tick_is_not_forgotten_by_a_batch_that_did_not_come_to_it(stage: Stage) -> None:
    ids = named("twice-missed-", 200)
    stage.audience.join(ids[:100])
    stage.audience.join(ids[100:], rates=None)
    table = Paged(stage.items)
    publisher = stage.publisher(table)
    stage.sink.tell(down_s=600)
    assert publisher.publish(stage.feed.tick(), deadline_s=20).failures == len(ids)
    stage.sink.tell(down_s=0)
    table.on_page[table.pages + 2] = no_answer
    assert 0 < publisher.publish(stage.feed.tick(), deadline_s=20).reached < len(ids)
    assert publisher.publish(stage.feed.tick(), deadline_s=20).whole
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_connections_that_end_while_the_table_does_not_answer_are_forgotten_later(stage: Stage) -> None:
    class Deaf(Paged):
        """Its client, which transactions go through, hears nothing."""

        @property
        def meta(self) -> Any:
            no_answer()

    ids = named("deaf-", 100, "", "gone")
    live = {each for each in ids if "gone" not in each}
    stage.audience.join(ids)
    posted = stage.publisher(Deaf(stage.items)).publish(stage.feed.tick(), deadline_s=20)
    assert (posted.reached, posted.gone, type(posted.error)) == (50, 50, ReadTimeoutError)
    assert stage.audience.in_table() == set(ids)
    assert stage.publisher().publish(stage.feed.tick(), deadline_s=20).gone == 50
    assert stage.audience.in_table() == live
    stage.audience.assert_all_know(stage.feed.snapshot, live)
