"""The table knows each connection's subscriptions, and an ended connection stays removed."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.channels import CHANNELS
from shared.model.message_limit import MessageLimit, RateLimited
from shared.model.pace import Pace
from shared.model.values import Connection
from shared.store.connections_table import LIFETIME_S, Changed, ConnectionsTable, NotConnected
from tests.stored import asked_of, stored

NOW_S = 1_718_707_723
ID = "L0SM9cOFvHcCIhw="


def listening(
    table: ConnectionsTable, now_s: int = NOW_S, partitions: Sequence[int] | None = None
) -> Mapping[str, object]:
    return {c.connection_id: c.subscriptions for c in table.subscribers(partitions, now_s)}


def test_a_new_connection_listens_to_nothing(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    assert connections_table.get(ID) == Connection(ID, {}, NOW_S)
    assert listening(connections_table) == {}


def test_an_item_expires_after_two_hours_and_ten_minutes(
    connections_table: ConnectionsTable, connections_items: Table
) -> None:
    connections_table.add(ID, NOW_S)
    assert LIFETIME_S == 7_800
    assert stored(connections_items) == [
        {"pk": "SHARD#2", "sk": ID, "connected_at": NOW_S, "expires_at": NOW_S + 7_800}
    ]


def test_a_subscription_is_to_some_symbols_or_to_all(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", ("ETH_CAD", "BTC_CAD"))
    connections_table.subscribe(ID, "rates_batch", None)
    both = {"rates": ("ETH_CAD", "BTC_CAD"), "rates_batch": None}
    assert connections_table.get(ID) == Connection(ID, both, NOW_S)
    assert list(connections_table.subscribers(None, NOW_S)) == [Connection(ID, both, NOW_S)]


def test_a_subscription_replaces_the_one_before_on_its_channel(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", ("BTC_CAD",))
    connections_table.subscribe(ID, "rates", None)
    assert connections_table.get(ID).subscriptions == {"rates": None}
    connections_table.subscribe(ID, "rates", ("ETH_CAD",))
    assert connections_table.get(ID).subscriptions == {"rates": ("ETH_CAD",)}


def test_a_subscription_has_its_pace_until_the_next_one(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates_batch", None, Pace(15, 7))
    connections_table.subscribe(ID, "rates_compact", None, Pace(60, 0))
    assert connections_table.get(ID).paces == {"rates_batch": Pace(15, 7), "rates_compact": Pace(60, 0)}
    connections_table.subscribe(ID, "rates_batch", None)
    assert connections_table.get(ID).paces == {"rates_compact": Pace(60, 0)}


def test_unsubscribing_from_each_channel_ends_listening(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    for channel in CHANNELS:
        connections_table.subscribe(ID, channel, None)
    left = dict.fromkeys(CHANNELS)
    for channel in CHANNELS:
        assert listening(connections_table) == {ID: left}
        connections_table.unsubscribe(ID, channel)
        connections_table.unsubscribe(ID, channel)
        del left[channel]
    assert listening(connections_table) == {}
    assert connections_table.get(ID) == Connection(ID, {}, NOW_S)


def test_unsubscribing_from_everything_ends_listening(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    for channel in CHANNELS:
        connections_table.subscribe(ID, channel, None)
    connections_table.unsubscribe(ID)
    connections_table.unsubscribe(ID)
    assert connections_table.get(ID) == Connection(ID, {}, NOW_S)


@pytest.mark.parametrize("view", [None, ("BTC_CAD", "ETH_CAD")])
def test_a_subscription_is_reduced_only_if_unchanged_since_read(
    connections_table: ConnectionsTable, view: tuple[str, ...] | None
) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", view)
    read = connections_table.get(ID)
    connections_table.reduce(read, "rates", ("ETH_CAD",))
    assert connections_table.get(ID).subscriptions == {"rates": ("ETH_CAD",)}
    with pytest.raises(Changed):
        connections_table.reduce(read, "rates", ())
    connections_table.reduce(connections_table.get(ID), "rates", ())
    assert connections_table.get(ID).subscriptions == {}
    connections_table.remove(ID)
    with pytest.raises(Changed):
        connections_table.reduce(read, "rates", ("ETH_CAD",))


# Counts of messages

LIMIT = MessageLimit(per_minute=300, burst=10)
NOW_MS = NOW_S * 1_000


def plain(_connection: Connection) -> int:
    return 1


def test_messages_over_the_limit_in_the_item_are_refused(
    connections_table: ConnectionsTable, connections_items: Table
) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", None)
    for _ in range(10):
        assert connections_table.count_message(ID, LIMIT, NOW_MS, plain) == Connection(ID, {"rates": None}, NOW_S)
    with pytest.raises(RateLimited) as refused:
        connections_table.count_message(ID, LIMIT, NOW_MS, plain)
    assert (refused.value.over, refused.value.retry_in_ms) == (1, 400)
    (item,) = stored(connections_items)
    assert item["tat_ms"] == NOW_MS + 11 * 200
    assert connections_table.count_message(ID, LIMIT, NOW_MS + 400, plain)


def test_the_message_count_resets_after_a_pause(connections_table: ConnectionsTable, connections_items: Table) -> None:
    connections_table.add(ID, NOW_S)
    for _ in range(60):
        with contextlib.suppress(RateLimited):
            connections_table.count_message(ID, LIMIT, NOW_MS, plain)
    connections_table.count_message(ID, LIMIT, NOW_MS + 60 * 200, plain)
    (item,) = stored(connections_items)
    assert item["tat_ms"] == NOW_MS + 61 * 200


def test_a_message_costs_one_read_and_one_write(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    calls: list[str] = []
    client = connections_table._table.meta.client
    client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name), unique_id="counted"
    )
    try:
        for number in range(12):
            calls.clear()
            with contextlib.suppress(RateLimited):
                connections_table.count_message(ID, LIMIT, NOW_MS + number, plain)
            assert calls == ["GetItem", "UpdateItem"]
    finally:
        client.meta.events.unregister("before-call.dynamodb", unique_id="counted")


def test_messages_that_come_at_once_are_added_up(
    connections_table: ConnectionsTable, connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the item before either writes it."""
    connections_table.add(ID, NOW_S)
    connections_table.count_message(ID, LIMIT, NOW_MS, plain)
    stale = connections_table._get(ID)
    connections_table.count_message(ID, LIMIT, NOW_MS, plain)
    monkeypatch.setattr(connections_table, "_get", lambda _id: stale)
    connections_table.count_message(ID, LIMIT, NOW_MS, plain)
    (item,) = stored(connections_items)
    assert item["tat_ms"] == NOW_MS + 3 * 200


def test_messages_that_come_at_once_after_a_pause_all_count(
    connections_table: ConnectionsTable, connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them has read the number before any of them wrote it; a dear one must not be free beside another."""
    connections_table.add(ID, NOW_S)
    stale = connections_table._get(ID)
    monkeypatch.setattr(connections_table, "_get", lambda _id: stale)
    passed = 0
    for _ in range(5):
        with contextlib.suppress(RateLimited):
            connections_table.count_message(ID, LIMIT, NOW_MS, lambda _: 4)
            passed += 1
    assert passed == 2
    (item,) = stored(connections_items)
    assert item["tat_ms"] == NOW_MS + 5 * 4 * 200


def test_a_message_is_priced_by_its_connection(connections_table: ConnectionsTable, connections_items: Table) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", ("BTC_CAD", "ETH_CAD"))
    connections_table.count_message(ID, LIMIT, NOW_MS, lambda connection: len(connection.subscriptions["rates"] or ()))
    (item,) = stored(connections_items)
    assert item["tat_ms"] == NOW_MS + 2 * 200


def test_a_message_of_an_ended_connection_is_not_counted(
    connections_table: ConnectionsTable, connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotConnected):
        connections_table.count_message(ID, LIMIT, NOW_MS, plain)
    connections_table.add(ID, NOW_S)
    item = connections_table._get(ID)
    connections_table.remove(ID)
    monkeypatch.setattr(connections_table, "_get", lambda _id: item)
    with pytest.raises(NotConnected):
        connections_table.count_message(ID, LIMIT, NOW_MS, plain)
    assert stored(connections_items) == []


def test_a_subscription_does_not_revive_an_ended_connection(
    connections_table: ConnectionsTable, connections_items: Table
) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.remove(ID)
    with pytest.raises(NotConnected):
        connections_table.subscribe(ID, "rates", None)
    with pytest.raises(NotConnected):
        connections_table.unsubscribe(ID, "rates")
    with pytest.raises(NotConnected):
        connections_table.get(ID)
    assert stored(connections_items) == []


def test_a_connection_can_be_removed_twice(connections_table: ConnectionsTable) -> None:
    connections_table.remove(ID)
    connections_table.remove(ID)


def test_another_table_error_is_not_an_ended_connection(
    connections_table: ConnectionsTable, connections_items: Table
) -> None:
    connections_items.delete()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        connections_table.subscribe(ID, "rates", None)


def test_an_expired_item_that_is_not_deleted_yet_does_not_listen(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S - LIFETIME_S)
    connections_table.subscribe(ID, "rates", None)
    assert listening(connections_table, NOW_S - 1) == {ID: {"rates": None}}
    assert listening(connections_table, NOW_S) == {}


def test_every_page_of_a_shard_is_read(connections_table: ConnectionsTable, connections_items: Table) -> None:
    # A page ends at 1 MB before the filter: the first two have no listening connection.
    for number in range(30):
        connections_items.put_item(
            Item={
                "pk": "SHARD#0",
                "sk": f"connection-{number:02}",
                "expires_at": NOW_S + 60,
                "padding": "x" * 100_000,
                **({"rates": []} if number >= 25 else {}),
            }
        )
    first_page = connections_items.query(
        KeyConditionExpression="pk = :shard", ExpressionAttributeValues={":shard": "SHARD#0"}
    )
    assert first_page["Count"] < 15
    assert list(listening(connections_table)) == [f"connection-{number}" for number in range(25, 30)]


def test_connections_spread_over_the_partitions(connections_items: Table) -> None:
    table = ConnectionsTable(connections_items, shards=1)
    everyone = {f"connection-{number}=" for number in range(60)}
    for connection_id in everyone:
        table.add(connection_id, NOW_S)
        table.subscribe(connection_id, "rates", None)
    found = [set(listening(table, partitions=(partition,))) for partition in range(4)]
    assert set().union(*found) == everyone
    assert sum(map(len, found)) == len(everyone)
    assert min(map(len, found)) > 5
    assert all(table.get(connection_id).subscriptions == {"rates": None} for connection_id in everyone)
    for connection_id in everyone:
        table.remove(connection_id)
    assert stored(connections_items) == []


def test_ended_connections_are_removed_by_fifty(connections_items: Table) -> None:
    """With its place each of them takes two of a transaction's hundred changes."""
    with asked_of(connections_items, "TransactWriteItems") as sent:
        ConnectionsTable(connections_items).remove_all([f"c{number}" for number in range(120)], NOW_S)
    assert [len(each["TransactItems"]) for each in sent] == [50, 50, 20]


def test_another_layouts_connection_is_removed_where_found(connections_items: Table) -> None:
    """As after a change of the number of shards: a worker knows the partition from reading it."""
    former, now = ConnectionsTable(connections_items, 16), ConnectionsTable(connections_items, 1)
    ids = [f"c{number}" for number in range(20)]
    for each in ids:
        former.add(each, NOW_S)
        former.subscribe(each, "rates", None)
    assert listening(now).keys() == set(ids)
    now.remove_all(ids, NOW_S)
    assert listening(former) == {}
    assert not [item for item in connections_items.scan()["Items"] if "connected_at" in item]
    assert listening(now) == {}
    # It remembers no connection that it does not find any more.
    assert [now.partition_of(each) for each in ids] == [
        ConnectionsTable(connections_items).partition_of(i) for i in ids
    ]


@pytest.mark.parametrize(
    ("layout", "expires_s", "partitions"), [(8, 60, 8), (8, -1, 4), (100, 60, 100), (101, 60, 4), ("8", 60, 4)]
)
def test_a_layout_is_in_use_until_it_expires(
    connections_items: Table, layout: Any, expires_s: int, partitions: int
) -> None:
    """Also if DynamoDB has not deleted it yet. One that cannot be is that of nobody."""
    item = {"pk": "SHARD#0", "sk": "LAYOUT#x", "layout": layout, "expires_at": int(time.time()) + expires_s}
    connections_items.put_item(Item=item)
    assert ConnectionsTable(connections_items, 2).partitions_of_worker(0) == tuple(range(0, partitions, 2))


def test_a_reader_announces_a_layout_that_is_missing(connections_items: Table) -> None:
    """Connections of a version that announced none have one then, also for readers with another layout."""
    table = ConnectionsTable(connections_items, 16)
    beyond = next(each for each in map(str, range(99)) if table.partition_of(each) >= 4)
    table.add(beyond, NOW_S)
    table.subscribe(beyond, "rates", None)
    connections_items.delete_item(Key={"pk": "SHARD#0", "sk": "LAYOUT#16"})
    assert listening(ConnectionsTable(connections_items)) == {}
    assert listening(table).keys() == {beyond}
    assert listening(ConnectionsTable(connections_items)).keys() == {beyond}


def test_reading_goes_on_from_a_place_and_comes_round_to_it(connections_table: ConnectionsTable) -> None:
    """An ID may have a slash in it."""
    for number in range(12):
        connections_table.add(f"c/{number}", NOW_S)
        connections_table.subscribe(f"c/{number}", "rates", None)
    every = list(connections_table.subscribers(None, NOW_S))
    assert len(every) == 12
    for begin, last in enumerate(every):
        found = list(connections_table.subscribers(None, NOW_S, last.place))
        assert [each.place for each in found] == [each.place for each in every[begin + 1 :] + every[: begin + 1]]
    for nowhere in ("", "x/c/1", "77/c/1"):
        assert list(connections_table.subscribers(None, NOW_S, nowhere)) == every


def test_a_layout_that_cannot_be_read_hides_no_connection(
    connections_table: ConnectionsTable, connections_items: Table
) -> None:
    connections_items.put_item(Item={"pk": "SHARD#0", "sk": "LAYOUT#x", "layout": "many", "expires_at": NOW_S + 60})
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", None)
    assert listening(connections_table).keys() == {ID}
    assert connections_table.get(ID).connection_id == ID
    with pytest.raises(NotConnected):
        connections_table.get("another")


def test_a_worker_beyond_the_shards_reads_its_own_partition(connections_items: Table) -> None:
    """As one does that another version has invoked."""
    assert ConnectionsTable(connections_items, 1).partitions_of_worker(7) == (7,)
    assert ConnectionsTable(connections_items, 2).partitions_of_worker(7) == (7,)


def test_workers_read_the_layouts_every_ten_seconds(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table, asked = ConnectionsTable(connections_items), []
    with asked_of(connections_items, "Query") as queries:
        for seconds in (0, 1, 9.9, 10, 11, 19, 20, 3):
            monkeypatch.setattr(time, "time", lambda seconds=seconds: NOW_S + seconds)
            table.partitions_of_worker(0)
            asked.append(len(queries))
    assert asked == [1, 1, 1, 2, 2, 2, 3, 4]


def test_another_layouts_connection_is_remembered_where_found(connections_items: Table) -> None:
    former, now = ConnectionsTable(connections_items, 16), ConnectionsTable(connections_items)
    ids = [f"c{number}" for number in range(9)]
    for each in ids:
        former.add(each, NOW_S)
    found = []
    for each in ids:
        now.get(each)
        found.append(now.partition_of(each))
    assert found == [former.partition_of(each) for each in ids]
    assert max(found) >= 4


@pytest.mark.parametrize(
    ("stored", "allowed"),
    [(["rates", "rates_batch"], ("rates", "rates_batch")), ([], ()), ("rates", ()), ([7], ()), (None, ())],
)
def test_a_token_allows_the_channels_that_can_be_read(
    connections_table: ConnectionsTable, stored: Any, allowed: tuple[str, ...]
) -> None:
    connections_table.add(ID, NOW_S, {"allowed": stored, "viewer": "203.0.113.7", "ends_at": NOW_S + 60})
    found = connections_table.get(ID)
    assert (found.allowed, found.viewer, found.ends_s) == (allowed, "203.0.113.7", NOW_S + 60)
    connections_table.add("without", NOW_S)
    assert (connections_table.get("without").allowed, connections_table.get("without").viewer) == (None, "")


@pytest.mark.parametrize(
    ("numbers", "pace"),
    [
        ([1, 7], (1, 7)),
        ([300, 0], (300, 0)),
        ([0, 7], None),
        ([301, 7], None),
        ([5], None),
        ([5, 6, 7], None),
        ("5", None),
    ],
)
def test_a_pace_that_cannot_be_is_that_of_every_tick(
    connections_items: Table, connections_table: ConnectionsTable, numbers: Any, pace: tuple[int, int] | None
) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates_batch", None)
    (item,) = (each for each in connections_items.scan()["Items"] if "connected_at" in each)
    connections_items.put_item(Item={**item, "rates_batch_every": numbers})
    assert connections_table.get(ID).paces == ({"rates_batch": Pace(*pace)} if pace else {})


def test_a_layout_is_announced_again_before_it_expires(connections_items: Table) -> None:
    """Once in ten minutes, by each Lambda that takes connections; also if a clock was set back."""
    table = ConnectionsTable(connections_items)
    announced = []
    for number, seconds in enumerate((0, 599, 600, 601, 1_200, 10)):
        connections_items.delete_item(Key={"pk": "SHARD#0", "sk": "LAYOUT#4"})
        table.add(f"c{number}", NOW_S + seconds)
        announced.append(any("layout" in item for item in connections_items.scan()["Items"]))
    assert announced == [True, False, True, False, True, True]


def test_without_a_number_of_shards_there_is_one(connections_items: Table) -> None:
    assert ConnectionsTable(connections_items).partitions_of_worker(0) == (0, 1, 2, 3)


def test_a_message_over_the_limit_counts_as_its_price_then(connections_table: ConnectionsTable) -> None:
    limit = MessageLimit(per_minute=60, burst=10)
    connections_table.add(ID, NOW_S)
    now_ms = NOW_S * 1_000
    over = []
    for price_over in (1, 3, 3):
        with pytest.raises(RateLimited) as refused:
            connections_table.count_message(ID, limit, now_ms, lambda _: 20, price_over)
        over.append(refused.value.over)
    assert over == [1 - 10, 4 - 10, 7 - 10]
