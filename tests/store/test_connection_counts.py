"""A reader of all connections of a shard says how many there are."""

import time

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.store.connection_counts import BELIEVED_S, READ_EVERY_S, WRITTEN_EVERY_S, ConnectionCounts
from shared.store.connections_table import ConnectionsTable

NOW_S = 1_718_707_723


@pytest.fixture
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW_S)


@pytest.mark.usefixtures("fixed_time")
def test_readers_count_every_connection_of_their_shards(connections_items: Table) -> None:
    """Also those that subscribed to nothing, wherever the reading began."""
    connections = ConnectionsTable(connections_items, 2)
    for number in range(20):
        connections.add(f"c{number}", NOW_S)
    connections.subscribe("c3", "rates_batch", None)
    for after in ("", "0/c3", "1/c3"):
        assert len(list(ConnectionsTable(connections_items, 2).subscribers(None, NOW_S, after))) == 1
        assert ConnectionCounts(connections_items).total(NOW_S) == 20
    for number in range(15):
        connections.remove(f"c{number}")
    for shard in (0, 1):  # each by its worker
        worker = ConnectionsTable(connections_items, 2)
        list(worker.subscribers(worker.partitions_of_worker(shard), NOW_S))
    assert ConnectionCounts(connections_items).total(NOW_S) == 5


def test_a_reading_that_was_broken_off_counts_nothing(connections_items: Table) -> None:
    connections = ConnectionsTable(connections_items)
    for number in range(3):
        connections.add(f"c{number}", NOW_S)
        connections.subscribe(f"c{number}", "rates", None)
    next(connections.subscribers(None, NOW_S))
    assert ConnectionCounts(connections_items).total(NOW_S) == 0


def test_counts_are_written_and_read_rarely(connections_items: Table) -> None:
    writer, reader = ConnectionCounts(connections_items), ConnectionCounts(connections_items)
    writer.write(0, 7, NOW_S)
    writer.write(1, 5, NOW_S)
    writer.write(0, 99, NOW_S + WRITTEN_EVERY_S - 1)
    assert reader.total(NOW_S) == 12
    writer.write(0, 8, NOW_S + WRITTEN_EVERY_S)
    assert reader.total(NOW_S + READ_EVERY_S - 1) == 12
    assert reader.total(NOW_S + READ_EVERY_S) == 13


def test_a_count_that_nobody_renews_is_not_believed(connections_items: Table) -> None:
    """Else a feed that stopped with too many connections would never take another."""
    ConnectionCounts(connections_items).write(0, 99, NOW_S)
    assert ConnectionCounts(connections_items).total(NOW_S + BELIEVED_S - 1) == 99
    assert ConnectionCounts(connections_items).total(NOW_S + BELIEVED_S) == 0


def test_a_reader_that_cannot_write_its_count_goes_on(
    connections_items: Table, caplog: pytest.LogCaptureFixture
) -> None:
    connections = ConnectionsTable(connections_items)
    connections.add("c", NOW_S)
    connections.subscribe("c", "rates", None)
    reader = connections.subscribers((connections.partition_of("c"),), NOW_S)
    next(reader)
    connections_items.delete()
    assert list(reader) == []
    assert "could not write the count of connections" in caplog.text
