"""A tick is encoded once per distinct view, however many connections have it."""

import itertools

import pytest

from shared.protocol import UpdateFrames
from tests.fan_out.audience import named
from tests.fan_out.conftest import Stage
from tests.fan_out.feed import MOVES_ALWAYS, OTHERS


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The channel of each view that has been encoded."""
    channels: list[str] = []
    encode = UpdateFrames._encode

    def counted(frames: UpdateFrames, channel: str, symbols: list[str]) -> tuple[bytes, ...]:
        channels.append(channel)
        return encode(frames, channel, symbols)

    monkeypatch.setattr(UpdateFrames, "_encode", counted)
    return channels


def test_ten_thousand_who_see_everything_cost_one_encoding(stage: Stage, encoded: list[str]) -> None:
    ids = named("all-", 10_000)
    stage.audience.join(ids)
    posted = stage.publisher(post_timeout_s=60).publish(stage.feed.tick(), deadline_s=120)
    assert (posted.reached, encoded) == (10_000, ["rates_batch"])
    assert len({post.text for posts in stage.audience.arrived().values() for post in posts}) == 1
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_a_thousand_sets_of_symbols_cost_a_thousand(stage: Stage, encoded: list[str]) -> None:
    ids = named("sets-", 3_000)
    sets = list(itertools.islice(itertools.combinations(OTHERS, 3), 1_000))
    for number, each in enumerate(ids):
        stage.audience.join([each], rates_batch=(MOVES_ALWAYS, *sets[number % 1_000]))
    publisher = stage.publisher(post_timeout_s=60)
    for count in (1_000, 2_000):
        assert publisher.publish(stage.feed.tick(), deadline_s=120).reached == 3_000
        assert len(encoded) == count
    stage.audience.assert_all_know(stage.feed.snapshot, ids)
