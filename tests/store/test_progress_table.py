"""The items of workers: a write that DynamoDB refuses for another reason does not mean another worker."""

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.values import Progress, Snapshot
from shared.store.progress_table import Overtaken, ProgressTable

THROTTLED = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")


def test_a_throttled_worker_is_not_overtaken(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttle(**_request: object) -> None:
        raise THROTTLED

    table = ProgressTable(connections_items)
    with monkeypatch.context() as throttled:
        throttled.setattr(connections_items, "update_item", throttle)
        with pytest.raises(ClientError, match="ProvisionedThroughput"):
            table.begin(0, Snapshot(seq=3))
    table.begin(0, Snapshot(seq=3))
    with pytest.raises(Overtaken):
        table.begin(0, Snapshot(seq=3))


def test_a_shard_is_ahead_that_has_begun_a_later_tick(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    table.begin(1, Snapshot(seq=5))
    assert [table.workers(3).ahead(seq) for seq in (4, 5, 6)] == [[(1, 5)], [], []]


def test_only_the_tick_that_was_begun_is_forgotten(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    table.begin(0, Snapshot(seq=3))
    table.forget(0, 2)
    table.forget(1, 3)
    with pytest.raises(Overtaken):
        table.begin(0, Snapshot(seq=3))
    table.forget(0, 3)
    table.begin(0, Snapshot(seq=3))


def test_a_throttled_forgetting_is_told(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttle(**_request: object) -> None:
        raise THROTTLED

    monkeypatch.setattr(connections_items, "delete_item", throttle)
    with pytest.raises(ClientError, match="ProvisionedThroughput"):
        ProgressTable(connections_items).forget(0, 3)


def test_a_worker_goes_on_only_from_one_that_read_the_same_partitions(connections_items: Table) -> None:
    """Another version may have written the text that says which."""
    table = ProgressTable(connections_items)
    table.begin(0, Snapshot(seq=3), (0, 2))
    table.end(0, 3, Progress(3, "2/c7"), None, (0, 2))
    (item,) = connections_items.scan()["Items"]
    assert item["reads"] == "0,2"
    assert table.begin(0, Snapshot(seq=4), (0, 2)) == Progress(3, "2/c7")
    assert table.begin(0, Snapshot(seq=5), (0, 2, 4)) == Progress()
