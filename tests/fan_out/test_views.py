"""A tick is encoded once per distinct view, however many connections have it."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from shared.protocol import UpdateFrames, View, snapshots
from tests.fan_out.audience import named
from tests.fan_out.conftest import Stage
from tests.fan_out.feed import MOVES_ALWAYS, OTHERS

UPDATE, SNAPSHOT = "update", "snapshot"


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, View]]:
    """Record each encoding: its kind, channel and view."""
    views: list[tuple[str, str, View]] = []
    encode, snapshot_frames = UpdateFrames._encode, snapshots.snapshot_frames

    def update(frames: UpdateFrames, channel: str, symbols: Sequence[str]) -> tuple[bytes, ...]:
        views.append((UPDATE, channel, tuple(symbols)))
        return encode(frames, channel, symbols)

    def snapshot(given: Any, channel: str, view: View, **more: Any) -> tuple[bytes, ...]:
        views.append((SNAPSHOT, channel, view))
        return snapshot_frames(given, channel, view, **more)

    monkeypatch.setattr(UpdateFrames, "_encode", update)
    monkeypatch.setattr(snapshots, "snapshot_frames", snapshot)
    return views


def test_one_view_costs_two_encodings_for_ten_thousand(stage: Stage, encoded: list[tuple[str, str, View]]) -> None:
    """One is the update, the other is the snapshot for connections whose snapshot is due."""
    ids = named("all-", 10_000)
    stage.audience.join(ids)
    posted = stage.publisher(post_timeout_s=60).publish(stage.feed.tick(), deadline_s=120)
    assert posted.reached == 10_000
    assert Counter((kind, channel) for kind, channel, _ in encoded) == {
        (UPDATE, "rates_batch"): 1,
        (SNAPSHOT, "rates_batch"): 1,
    }
    texts = Counter(post.text for posts in stage.audience.arrived().values() for post in posts)
    assert len(texts) == 2
    assert 10_000 / 60 * 0.5 < min(texts.values()) < 10_000 / 60 * 2
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


def test_a_thousand_views_cost_a_thousand_encodings(stage: Stage, encoded: list[tuple[str, str, View]]) -> None:
    ids = named("sets-", 3_000)
    sets = list(itertools.islice(itertools.combinations(OTHERS, 3), 1_000))
    for number, each in enumerate(ids):
        stage.audience.join([each], rates_batch=(MOVES_ALWAYS, *sets[number % 1_000]))
    publisher = stage.publisher(post_timeout_s=60)
    for _ in range(2):
        encoded.clear()
        assert publisher.publish(stage.feed.tick(), deadline_s=120).reached == 3_000
        assert set(Counter(encoded).values()) == {1}
        kinds = Counter(kind for kind, _, _ in encoded)
        # One in sixty is due a snapshot, so all three of a set almost never are.
        assert 990 <= kinds[UPDATE] <= 1_000
        assert 0 < kinds[SNAPSHOT] < 150
    stage.audience.assert_all_know(stage.feed.snapshot, ids)
