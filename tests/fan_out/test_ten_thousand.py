"""Ten thousand connections, some ended and some throttled, checked by the sink's log."""

from tests.fan_out.conftest import Stage
from tests.fan_out.feed import MOVES_ALWAYS

TICKS = 2
# A twentieth is gone; a hundredth is always throttled, and a hundredth the first time.
WORDS = ["gone"] * 5 + ["busy", "busy1"] + [""] * 93


def test_live_connections_get_each_tick_once_gone_are_removed(stage: Stage) -> None:
    audience, feed = stage.audience, stage.feed
    ids = [f"{number:05}{WORDS[number % 100]}{'/+'[number % 2]}=" for number in range(10_000)]
    audience.join(ids[:8_000])
    audience.join(ids[8_000:9_000], rates_batch=(MOVES_ALWAYS, "ETH_CAD"))
    audience.join(ids[9_000:], rates=(MOVES_ALWAYS,))
    gone = {each for each in ids if "gone" in each}
    busy = {each for each in ids if "busy" in each and "busy1" not in each}
    live = set(ids) - gone
    assert (len(gone), len(busy)) == (500, 100)

    # The timeout is long: the emulator takes longer for a page than a post may.
    publisher = stage.publisher(post_timeout_s=60)
    batches = [publisher.publish(feed.tick(), deadline_s=120) for _ in range(TICKS)]

    assert [batch.gone for batch in batches] == [500, 0]
    assert [batch.reached for batch in batches] == [9_400] * TICKS
    assert [batch.failures for batch in batches] == [100] * TICKS
    assert [batch.unsent for batch in batches] == [0] * TICKS
    assert audience.in_table() == live
    assert stage.quotes.audience() == len(live)

    posts = audience.posts()
    assert posts.keys() == set(ids)
    assert all([post.outcome for post in posts[each]] == ["410"] for each in gone)
    assert all([post.outcome for post in posts[each]] == ["429"] * 3 * TICKS for each in busy)
    arrived = audience.arrived()
    assert arrived.keys() == live - busy
    ticks = list(range(feed.snapshot.seq - TICKS + 1, feed.snapshot.seq + 1))
    assert all([post.seq for post in posts] == ticks for posts in arrived.values())
    assert all(
        all(post.follows(seq - 1) for post, seq in zip(arrived[each], ticks, strict=True))
        for each in arrived.keys() & set(ids[:8_000])
    )
    assert all([post.outcome for post in posts[each]] == ["429"] + ["200"] * TICKS for each in ids if "busy1" in each)
    audience.assert_all_know(feed.snapshot, live - busy)
