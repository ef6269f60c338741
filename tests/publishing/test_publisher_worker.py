"""What a worker passes on: its shards' progress, and whether a newer worker has begun."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.gateway import Posted
from shared.model.delta import Delta
from shared.model.values import Progress, Snapshot
from shared.publishing.fan_out import UNKNOWN_PROGRESS, FanOut
from shared.publishing.publisher import Worker
from shared.store.progress_table import Overtaken, ProgressTable

DEADLINE_S = 20.0


class FanOutStub:
    """Posts nothing. `given` has the shards, the progress and the deadline of each batch; `during` happens in it."""

    def __init__(self, shards: Sequence[int]) -> None:
        self.shards = shards
        self.given: list[tuple[Sequence[int], Progress, float]] = []
        self.during: Callable[[], object] = lambda: None
        self.overtaken: list[bool] = []
        self.ends = Progress(1)

    def partitions_of_worker(self, _worker: int) -> Sequence[int]:
        return self.shards

    def post(
        self, _delta: Delta, shards: Sequence[int], progress: Progress, *, deadline_s: float, **given: Any
    ) -> tuple[Posted, Progress]:
        self.given.append((shards, progress, deadline_s))
        self.overtaken.append(given["overtaken"]())
        self.during()
        self.overtaken.append(given["overtaken"]())
        return Posted(reached=1), self.ends


@pytest.fixture
def progress(connections_items: Table) -> ProgressTable:
    return ProgressTable(connections_items)


def publish(progress: ProgressTable, stub: FanOutStub, seq: int) -> None:
    worker = Worker(progress, cast("FanOut", stub))
    assert worker.publish(Delta(Snapshot(seq - 1), Snapshot(seq)), 0, DEADLINE_S, "")


def test_a_worker_goes_on_only_from_one_with_the_same_shards(progress: ProgressTable) -> None:
    stub = FanOutStub([0, 4])
    stub.ends = Progress(1, "4/c")
    for seq in (2, 3):
        publish(progress, stub, seq)
    stub.shards = [0]
    publish(progress, stub, 4)
    assert stub.given == [
        ([0, 4], UNKNOWN_PROGRESS, DEADLINE_S),
        ([0, 4], Progress(1, "4/c"), DEADLINE_S),
        ([0], UNKNOWN_PROGRESS, DEADLINE_S),
    ]


def test_a_worker_learns_about_a_newer_one_during_its_batch(progress: ProgressTable) -> None:
    """The progress of the newer one stays."""
    stub = FanOutStub([0])
    stub.during = lambda: progress.begin(0, Snapshot(3), [0])
    publish(progress, stub, 2)
    assert stub.overtaken == [False, True]
    with pytest.raises(Overtaken):
        progress.begin(0, Snapshot(3), [0])


@pytest.mark.parametrize(("ends", "audience", "counted"), [(2, "7", 1), (1, "7", None), (2, "", None)])
def test_only_a_whole_batch_of_a_known_audience_counts(
    progress: ProgressTable, ends: int, audience: str, counted: int | None
) -> None:
    stub = FanOutStub([0])
    stub.ends = Progress(ends)
    worker = Worker(progress, cast("FanOut", stub))
    worker.publish(Delta(Snapshot(1), Snapshot(2)), 0, DEADLINE_S, audience)
    assert progress.workers(1).counted(2, None) == counted
