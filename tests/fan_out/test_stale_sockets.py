"""Connections that the other side closed between two batches lose no post."""

import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.fan_out.audience import named
from tests.fan_out.child import child
from tests.fan_out.conftest import Stage
from tools.simulator.sink import Sink

COUNT = 1_000
CLOSINGS = ("close_all", "drop_all")  # with TLS's close_notify, which waits for its answer, and without


def posted(sink: Sink, prefix: str) -> Counter[tuple[str, str, str]]:
    """Return how often each tick reached each connection, by the log."""
    sink.counts()
    assert sink.log
    lines = [line.split(" ", 3) for line in sink.log.read_text(encoding="utf-8").splitlines()]
    return Counter((outcome, each, text) for _, outcome, each, text in lines if each.startswith(prefix))


def until(happened: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < give_up_at


@pytest.mark.parametrize("order", CLOSINGS)
def test_closing_every_connection_between_batches_loses_nothing(stage: Stage, order: str) -> None:
    ids = named(f"{order}-", COUNT)
    stage.audience.join(ids)
    publisher = stage.publisher(post_timeout_s=60)
    for _ in range(3):
        batch = publisher.publish(stage.feed.tick(), deadline_s=60)
        assert (batch.reached, batch.outcomes, batch.complete) == (COUNT, {"ok": COUNT}, True)
        assert stage.sink.tell(**{order: True})["closed"] > 0
    assert {tuple(post.seq for post in posts) for posts in stage.audience.posts().values()} == {(2, 3, 4)}
    stage.audience.assert_all_know(stage.feed.snapshot, ids)


@pytest.mark.parametrize("order", CLOSINGS)
def test_closing_every_connection_while_stopped_loses_nothing(sink: Sink, order: str) -> None:
    with child(sink, COUNT, f"stopped-{order}-") as lambdas:
        for number in range(1, 4):
            told = lambdas.tick()
            assert (told["reached"], told["outcomes"], told["whole"]) == (COUNT, {"ok": COUNT}, True)
            with lambdas.stopped():
                assert sink.tell(**{order: True})["closed"] > 0
                if order == "drop_all":
                    until(lambda: sink.counts()["connections"] == 0)
            counts = posted(sink, f"stopped-{order}-")
            assert len(counts) == number * COUNT
            assert set(counts.values()) == {1}


def test_a_process_stopped_within_a_batch_continues_it(sink: Sink) -> None:
    with child(sink, 300, "midst-", rate=100) as lambdas:
        lambdas.begin()
        until(lambda: posted(sink, "midst-"))
        with lambdas.stopped():
            sink.tell(drop_all=True)
            reached = len(posted(sink, "midst-"))
        told = lambdas.end()
        assert 0 < reached < 300
        assert (told["reached"], told["whole"]) == (300, True)
        assert {each for _, each, _ in posted(sink, "midst-")} == {f"midst-{number:07}=" for number in range(300)}
