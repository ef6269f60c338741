"""After any fault the batch ends by its deadline and says what it left out, and the next tick catches up."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from shared.publishing.slow_clients import SLOW_TICKS
from shared.store.connections_table import ConnectionsTable
from tests.fan_out.audience import Paged, named
from tests.fan_out.conftest import SHARDS, Stage

LATE_MS = 5_000  # after a deadline, on a machine that is busy with other things


def no_answer() -> None:
    raise ReadTimeoutError(endpoint_url="https://dynamodb.ca-central-1.amazonaws.com")


@pytest.mark.parametrize("word", ["slow1", "torn1", "reset1", "fail1", "busy1"])
def test_a_post_that_fails_once_arrives_within_its_tick(stage: Stage, word: str) -> None:
    ids = named(f"once-{word[:-1][::-1]}-", 300, "", "", word)
    stage.audience.join(ids)
    posted = stage.publisher(post_timeout_s=1 if word == "slow1" else 20).publish(stage.feed.tick(), deadline_s=30)
    assert (posted.reached, posted.complete) == (300, True)
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


@pytest.mark.parametrize("word", ["slow", "torn", "reset", "fail", "busy", "big", "denied"])
def test_a_post_that_always_fails_delays_nobody_else(stage: Stage, word: str) -> None:
    ids = named(f"always-{word[::-1]}-", 300, "", "", "", word)
    stage.audience.join(ids)
    failing = {each for each in ids if word in each}
    publisher = stage.publisher(post_timeout_s=2 if word == "slow" else 20)
    for _ in range(2):
        posted = publisher.publish(stage.feed.tick(), deadline_s=30)
        assert (posted.reached, posted.unsent, posted.complete) == (225, 0, False)
        assert posted.failed.keys() == failing
        assert posted.elapsed_ms < 30_000
    assert stage.audience.arrived().keys() == set(ids) - failing
    assert stage.audience.in_table() == set(ids)
    stage.audience.assert_all_know(stage.feed.snapshot, set(ids) - failing)


def test_a_client_that_does_not_read_is_closed_over_http(stage: Stage) -> None:
    ids = named("drowsy-", 100, *[""] * 99, "busy")
    stage.audience.join(ids)
    (asleep,) = [each for each in ids if "busy" in each]
    publisher = stage.publisher(post_timeout_s=20)
    for _ in range(SLOW_TICKS):
        assert asleep in stage.audience.in_table()
        posted = publisher.publish(stage.feed.tick(), deadline_s=30)
        assert (posted.reached, posted.failures, posted.slow, posted.error) == (99, 1, 1, None)
    assert stage.audience.in_table() == set(ids) - {asleep}
    assert publisher.publish(stage.feed.tick(), deadline_s=30).complete
    stage.audience.assert_all_know(stage.feed.snapshot, set(ids) - {asleep})


def test_an_answer_cut_after_its_status_is_not_awaited_again(stage: Stage) -> None:
    ids = named("cut-off-", 300, "", "", "cut")
    stage.audience.join(ids)
    posted = stage.publisher().publish(stage.feed.tick(), deadline_s=30)
    assert (posted.reached, posted.complete) == (300, True)
    assert all(len(posts) == 1 for posts in stage.audience.posts().values())
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_a_batch_ends_when_all_its_posts_hang(stage: Stage) -> None:
    """The hanging ones are the first of the first shard; nobody behind them gets anything before the deadline."""
    partition_of = ConnectionsTable(stage.items, SHARDS).partition_of
    hanging = [each for each in named("hang-0-", 100, "slow1") if partition_of(each) == 0][:8]
    ids = [*hanging, *named("hang-1-", 300)]
    stage.audience.join(ids)
    publisher = stage.publisher(in_flight=8, post_timeout_s=60)
    posted = publisher.publish(stage.feed.tick(), deadline_s=1)
    assert 1_000 <= posted.elapsed_ms < 1_000 + LATE_MS
    assert (posted.reached, posted.unsent, posted.outcomes, posted.complete) == (0, 8, {"given_up": 8}, False)
    assert publisher.publish(stage.feed.tick(), deadline_s=60).complete
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


@pytest.mark.parametrize("count", [300, 1_100])
def test_an_outage_costs_only_the_batches_it_lasts(stage: Stage, count: int) -> None:
    """Up to a thousand connections that missed something are remembered individually."""
    ids = named(f"down-{count}-", count)
    stage.audience.join(ids[: count // 2])
    stage.audience.join(ids[count // 2 :], rates=None)
    publisher = stage.publisher()
    stage.sink.tell(down_s=600)
    for _ in range(2):
        posted = publisher.publish(stage.feed.tick(), deadline_s=20)
        assert (posted.reached, posted.failures, posted.unsent, posted.complete) == (0, count, 0, False)
        assert posted.outcomes.keys() == {"server_error"}
        assert posted.posts == 3 * count
        assert posted.elapsed_ms < 20_000 + LATE_MS
    assert stage.audience.arrived() == {}
    stage.sink.tell(down_s=0)
    assert publisher.publish(stage.feed.tick(), deadline_s=20).complete
    stage.audience.assert_all_know(stage.feed.snapshot, ids)
    # Nobody gets a frame that has arrived again.
    before = stage.audience.arrived()
    assert publisher.publish(stage.feed.tick(), deadline_s=20).complete
    assert all(
        [post.follows(stage.feed.snapshot.seq - 1) for post in posts[len(before[each]) :]] == [True]
        for each, posts in stage.audience.arrived().items()
        if each in ids[: count // 2]
    )


def test_a_service_that_recovers_within_a_batch_is_used_at_once(stage: Stage) -> None:
    ids = named("back-", 300)
    stage.audience.join(ids)
    stage.sink.tell(down_s=600)
    table = Paged(stage.items, on_page={4: lambda: stage.sink.tell(down_s=0)})
    publisher = stage.publisher(table, rate=300, burst=20)
    posted = publisher.publish(stage.feed.tick(), deadline_s=60)
    assert posted.reached >= 180
    assert posted.failures > 0
    assert posted.reached + posted.failures == len(ids)
    assert publisher.publish(stage.feed.tick(), deadline_s=60).complete
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


@pytest.mark.parametrize("page", [1, 2, 5])
def test_an_unreadable_page_ends_the_batch_after_earlier_pages(stage: Stage, page: int) -> None:
    """The page is the first or second of the first shard, or one of the second shard."""
    ids = named(f"page-{page}-", 300, *[""] * 9, "gone")
    stage.audience.join(ids)
    live = {each for each in ids if "gone" not in each}
    table = Paged(stage.items, on_page={page: no_answer})
    publisher = stage.publisher(table)
    posted = publisher.publish(stage.feed.tick(), deadline_s=20)
    assert isinstance(posted.error, ReadTimeoutError)
    assert (posted.complete, posted.unsent) == (False, 0)
    assert posted.reached + posted.gone == sum(map(len, [stage.audience.posts()])) < len(ids)
    assert posted.elapsed_ms < 20_000
    posted = publisher.publish(stage.feed.tick(), deadline_s=20)
    assert posted.complete
    assert stage.audience.in_table() == live
    stage.audience.assert_all_know(stage.feed.snapshot, live)


def test_a_cut_batch_remembers_connections_that_missed_a_tick(stage: Stage) -> None:
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
    assert publisher.publish(stage.feed.tick(), deadline_s=20).complete
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_gone_connections_are_removed_once_the_table_answers(stage: Stage) -> None:
    class Deaf(Paged):
        """A table whose client, which sends transactions, gets no answer."""

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
