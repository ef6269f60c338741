"""Late, duplicate or overtaken workers of a shard, and how the next one catches up."""

from dataclasses import replace
from functools import partial

import pytest

from shared.gateway import Posted
from shared.model.delta import Delta
from shared.publishing.periodic import Period, spread_of
from shared.publishing.publisher import Publisher, Worker
from shared.store.connections_table import ConnectionsTable
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import Audience
from tests.fan_out.audience import Paged, named
from tests.fan_out.conftest import SHARDS, Stage

DEADLINE_S = 20.0


def publish(worker: Worker, delta: Delta) -> list[Posted | None]:
    return [worker.publish(delta, shard, DEADLINE_S, "") for shard in range(SHARDS)]


def test_each_connection_is_served_by_the_worker_of_its_shard(stage: Stage) -> None:
    ids = named("sharded-", 200, *[""] * 9, "gone")
    live = {each for each in ids if "gone" not in each}
    stage.audience.join(ids)
    workers = [stage.worker() for _ in range(SHARDS)]
    publisher = Publisher(
        stage.quotes, ProgressTable(stage.items), stage.fan_out(), shards=SHARDS, connections_per_worker=100
    )
    stage.quotes.count_audience(len(ids), Audience())

    def start(delta: Delta, shard: int, audience: str) -> None:
        workers[shard].publish(delta, shard, DEADLINE_S, audience)

    assert publisher.needs_workers()
    for _ in range(3):
        delta = stage.feed.tick()
        publisher.delegate(delta, partial(start, delta))
    assert stage.audience.in_table() == live
    arrived = stage.audience.arrived()
    seqs = [stage.feed.snapshot.seq - 2, stage.feed.snapshot.seq - 1, stage.feed.snapshot.seq]
    assert all([post.seq for post in arrived[each]] == seqs for each in live)
    stage.audience.assert_all_know(stage.feed.snapshot, live)
    assert stage.quotes.audience() == len(live)


def test_an_ingest_whose_clock_was_ahead_silences_no_worker(stage: Stage) -> None:
    ids = named("ahead-", 100)
    stage.audience.join(ids)
    worker = stage.worker()
    ahead = stage.feed.tick()
    publish(worker, replace(ahead, new=replace(ahead.new, ts_ms=ahead.new.ts_ms + 3_600_000)))
    assert all(posted and posted.complete for posted in publish(worker, stage.feed.tick()))
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_an_invocation_that_comes_twice_posts_once(stage: Stage) -> None:
    ids = named("twice-", 100)
    stage.audience.join(ids)
    delta = stage.feed.tick()
    assert all(posted and posted.complete for posted in publish(stage.worker(), delta))
    assert publish(stage.worker(), delta) == [None, None]
    assert {len(posts) for posts in stage.audience.posts().values()} == {1}


def test_a_worker_behind_a_newer_one_posts_nothing(stage: Stage) -> None:
    """The newer one posted its changes too if an older one had begun before both."""
    ids = named("late-", 100)
    stage.audience.join(ids)
    worker = stage.worker()
    publish(worker, stage.feed.tick())
    late, newer = stage.feed.tick(), stage.feed.tick()
    publish(worker, newer)
    assert publish(stage.worker(), late) == [None, None]
    assert {tuple(post.seq for post in posts) for posts in stage.audience.posts().values()} == {(2, 4)}
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_an_overtaken_worker_stops_and_the_newer_one_catches_up(stage: Stage) -> None:
    ids = named("overtaken-", 1_500)
    stage.audience.join(ids[:1_000])
    stage.audience.join(ids[1_000:], rates=("BTC_CAD", "ETH_CAD"))
    publish(stage.worker(), stage.feed.tick())
    older, newer = stage.feed.tick(), stage.feed.tick()
    newer_posted = []

    def overtake() -> None:
        newer_posted.append(stage.worker().publish(newer, 0, DEADLINE_S, ""))

    slow = stage.worker(Paged(stage.items, on_page={2: overtake}), rate=100, burst=20)
    posted = slow.publish(older, 0, DEADLINE_S, "")
    assert posted
    assert not posted.complete
    assert posted.reached < 400
    (whole,) = newer_posted
    assert whole
    assert whole.complete
    partition_of = ConnectionsTable(stage.items, SHARDS).partition_of
    of_shard = [each for each in ids if partition_of(each) % SHARDS == 0]
    assert whole.reached == len(of_shard)
    stage.audience.assert_all_know(stage.feed.snapshot, of_shard)
    # The older one stored nothing, and the next tick restores it for all.
    following = stage.worker().publish(stage.feed.tick(), 0, DEADLINE_S, "")
    assert following
    assert following.complete
    stage.audience.assert_all_know(stage.feed.snapshot, of_shard)


@pytest.mark.parametrize("deadline_s", [0.0, 0.3])
def test_a_worker_posts_what_the_one_before_left_out(stage: Stage, deadline_s: float) -> None:
    ids = named(f"left-{deadline_s * 10:.0f}-", 300)
    stage.audience.join(ids)
    publish(stage.worker(), stage.feed.tick())
    slow, delta = stage.worker(rate=200, burst=10), stage.feed.tick()
    for shard in range(SHARDS):
        posted = slow.publish(delta, shard, deadline_s, "")
        assert posted
        assert not posted.complete
    assert all(posted and posted.complete for posted in publish(stage.worker(), stage.feed.tick()))
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_a_worker_remembers_connections_that_missed_a_tick(stage: Stage) -> None:
    ids = named("either-", 200)
    stage.audience.join(ids[:100])
    stage.audience.join(ids[100:], rates=None)
    worker = stage.worker()
    stage.sink.tell(down_s=600)
    assert all(posted and posted.reached == 0 for posted in publish(worker, stage.feed.tick()))
    stage.sink.tell(down_s=0)
    assert all(posted and posted.complete for posted in publish(worker, stage.feed.tick()))
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_a_client_that_missed_another_workers_tick_asks_for_it(stage: Stage) -> None:
    """The process that posted to the few failures remembers them. Others learn of the gap by `prev_seq`."""
    ids = named("noticed-", 100)
    stage.audience.join(ids)
    stage.sink.tell(down_s=600)
    publish(stage.worker(), stage.feed.tick())
    stage.sink.tell(down_s=0)
    delta = stage.feed.tick()
    publish(stage.worker(), delta)
    period = Period(delta.old.ts_ms, delta.new.ts_ms)
    made_whole = {each for each in ids if period.has_snapshot(spread_of(each))}
    assert len(made_whole) < len(ids) / 4
    assert stage.audience.asked(stage.feed.snapshot, ids) == set(ids) - made_whole
