"""If time is too short for all, successive ticks reach everyone: each begins where the last one stopped."""

from tests.fan_out.audience import named
from tests.fan_out.conftest import Stage

COUNT = 600
MOST_TICKS = 12  # as many ticks as one catches up on


def test_nobody_starves_when_the_time_is_always_too_short(stage: Stage) -> None:
    ids = named("short-", COUNT, *[""] * 9, "gone")
    live = {each for each in ids if "gone" not in each}
    stage.audience.join(ids[:300])
    stage.audience.join(ids[300:], rates_batch=("BTC_CAD", "ETH_CAD"))
    publisher = stage.publisher(rate=150, burst=20)
    first: set[str] = set()
    reached: list[int] = []
    while not live <= stage.audience.arrived().keys():
        assert len(reached) < MOST_TICKS
        posted = publisher.publish(stage.feed.tick(), deadline_s=1)
        assert not posted.complete
        reached.append(posted.reached)
        first = first or set(stage.audience.arrived())
    assert max(reached) <= 150 + 20 + 1
    assert len(reached) >= COUNT / (150 + 20) - 1
    assert len(first) >= 10  # the first tick of a busy machine begins late
    # Each knows the market as of its last tick and missed nothing before it.
    assert stage.audience.asked(stage.feed.snapshot, live) == set()
    posts = stage.audience.arrived()
    behind = {each for each in live if posts[each][-1].seq < stage.feed.snapshot.seq}
    assert behind
    stage.audience.assert_all_know(stage.feed.snapshot, live - behind)
    # Nobody was served twice in a round.
    assert max(len(posts) for posts in posts.values()) <= 2

    assert publisher.publish(stage.feed.tick(), deadline_s=60).unsent == 0
    stage.audience.assert_all_know(stage.feed.snapshot, live)
    assert stage.audience.in_table() == live


def test_a_passed_deadline_posts_nothing_and_loses_nothing(stage: Stage) -> None:
    ids = named("none-", 50)
    stage.audience.join(ids)
    publisher = stage.publisher()
    posted = publisher.publish(stage.feed.tick(), deadline_s=0)
    assert (posted.posts, posted.complete) == (0, False)
    assert publisher.publish(stage.feed.tick(), deadline_s=20).complete
    stage.audience.assert_all_know(stage.feed.snapshot, ids)
