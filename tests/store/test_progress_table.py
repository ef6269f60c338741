"""The items of workers: a write that DynamoDB refuses for another reason does not mean another worker."""

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.values import Progress, Snapshot
from shared.store.progress_table import Counted, Overtaken, ProgressTable

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


def test_a_worker_goes_on_only_within_the_same_partitions(connections_items: Table) -> None:
    """Another version may have written the text that says which."""
    table = ProgressTable(connections_items)
    table.begin(0, Snapshot(seq=3), (0, 2))
    table.end(0, 3, Progress(3, "2/c7"), None, (0, 2))
    (item,) = connections_items.scan()["Items"]
    assert item["reads"] == "0,2"
    assert table.begin(0, Snapshot(seq=4), (0, 2)) == Progress(3, "2/c7")
    assert table.begin(0, Snapshot(seq=5), (0, 2, 4)) == Progress()


def progressed(table: ProgressTable, shard: int, seq: int, counted: Counted | None) -> None:
    table.begin(shard, Snapshot(seq=seq))
    table.end(shard, seq, Progress(seq, ""), counted)


def test_connections_are_counted_when_each_shard_has_been(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    progressed(table, 0, 5, Counted(3, "a", 1))
    assert (table.workers(1).counted(5, "a"), table.workers(2).counted(5, "a")) == (3, None)
    progressed(table, 1, 6, Counted(4, "a", 2))
    workers = table.workers(2)
    assert [workers.counted(5, version) for version in ("a", None, "b")] == [7, 7, None]
    assert [workers.counted(seq, None) for seq in (4, 5, 6, 7)] == [7, 7, None, None]
    assert [workers.on_rates(seq) for seq in (5, 6)] == [3, None]
    assert table.workers(1).counted(0, None) == 3
    assert table.workers(3).counted(1, None) is None


def test_a_worker_of_another_version_counts_no_places_on_rates(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    progressed(table, 0, 5, Counted(3, "a", 1))
    item = connections_items.scan()["Items"][0]
    connections_items.put_item(Item={name: value for name, value in item.items() if name != "on_rates"})
    assert (table.workers(1).counted(5, "a"), table.workers(1).on_rates(5)) == (3, None)


def test_what_was_not_counted_keeps_the_count_before(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    progressed(table, 0, 5, Counted(3, "a", 1))
    progressed(table, 0, 6, None)
    assert (table.workers(1).counted(5, "a"), table.workers(1).counted(6, "a")) == (3, None)


def test_a_worker_is_overtaken_by_a_later_tick_of_its_shard(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    assert not table.overtaken(0, 5)
    table.begin(0, Snapshot(seq=5))
    assert [table.overtaken(shard, seq) for shard, seq in ((0, 4), (0, 5), (0, 6), (1, 4))] == [
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(Overtaken):
        table.end(0, 4, Progress(), None)


def test_a_feed_that_begins_again_has_no_workers(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    for shard in range(3):
        table.begin(shard, Snapshot(seq=5))
    table.clear(2)
    assert [dict(item)["sk"] for item in connections_items.scan()["Items"]] == ["SHARD#2"]


def test_a_worker_of_a_version_without_partitions_read_its_shard(connections_items: Table) -> None:
    table = ProgressTable(connections_items)
    connections_items.put_item(Item={"pk": "PROGRESS", "sk": "SHARD#1", "seq": 5, "whole_seq": 4})
    assert table.begin(1, Snapshot(seq=6)) == Progress(4, "")
    assert table.begin(1, Snapshot(seq=7), (1, 3)) == Progress()
