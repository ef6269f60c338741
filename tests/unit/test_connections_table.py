"""The table knows who listens to what, and nobody comes back to it after the end."""

from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.protocol import CHANNELS as PROTOCOL_CHANNELS
from shared.store.connections_table import CHANNELS, LIFETIME_S, ConnectionsTable, NotConnected
from shared.values import Connection

NOW_S = 1_718_707_723
ID = "L0SM9cOFvHcCIhw="


def listening(table: ConnectionsTable, now_s: int = NOW_S, shard: int = 0) -> Mapping[str, object]:
    return {c.connection_id: c.subscriptions for c in table.subscribers((shard,), now_s)}


def test_the_table_and_the_protocol_mean_the_same_channels() -> None:
    assert CHANNELS == PROTOCOL_CHANNELS


def test_a_new_connection_listens_to_nothing(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    assert connections_table.get(ID) == Connection(ID, {})
    assert listening(connections_table) == {}


def test_an_item_ends_by_itself_ten_minutes_after_the_gateways_two_hours(
    connections_table: ConnectionsTable, connections_items: Table
) -> None:
    connections_table.add(ID, NOW_S)
    assert LIFETIME_S == 7_800
    assert connections_items.scan()["Items"] == [
        {"pk": "SHARD#0", "sk": ID, "connected_at": NOW_S, "expires_at": NOW_S + 7_800}
    ]


def test_a_subscription_is_to_some_symbols_or_to_all(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", ("ETH_CAD", "BTC_CAD"))
    connections_table.subscribe(ID, "rates_batch", None)
    both = {"rates": ("ETH_CAD", "BTC_CAD"), "rates_batch": None}
    assert connections_table.get(ID) == Connection(ID, both)
    assert listening(connections_table) == {ID: both}


def test_a_subscription_replaces_the_one_before_on_its_channel(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    connections_table.subscribe(ID, "rates", ("BTC_CAD",))
    connections_table.subscribe(ID, "rates", None)
    assert connections_table.get(ID).subscriptions == {"rates": None}
    connections_table.subscribe(ID, "rates", ("ETH_CAD",))
    assert connections_table.get(ID).subscriptions == {"rates": ("ETH_CAD",)}


def test_who_unsubscribed_from_all_listens_no_more(connections_table: ConnectionsTable) -> None:
    connections_table.add(ID, NOW_S)
    for channel in CHANNELS:
        connections_table.subscribe(ID, channel, None)
    connections_table.unsubscribe(ID, "rates")
    assert listening(connections_table) == {ID: {"rates_batch": None}}
    connections_table.unsubscribe(ID, "rates_batch")
    connections_table.unsubscribe(ID, "rates_batch")
    assert listening(connections_table) == {}
    assert connections_table.get(ID) == Connection(ID, {})


def test_a_subscription_after_the_end_does_not_bring_a_connection_back(
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
    assert connections_items.scan()["Items"] == []


def test_a_connection_can_be_removed_twice(connections_table: ConnectionsTable) -> None:
    connections_table.remove(ID)
    connections_table.remove(ID)


def test_another_error_of_the_table_is_not_taken_for_an_ended_connection(
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
    # A page ends at 1 MB, filtered or not: the first two hold nobody who listens.
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


def test_connections_spread_over_the_shards_and_each_is_found_in_one(connections_items: Table) -> None:
    table = ConnectionsTable(connections_items, shards=4)
    everyone = {f"connection-{number}=" for number in range(60)}
    for connection_id in everyone:
        table.add(connection_id, NOW_S)
        table.subscribe(connection_id, "rates", None)
    shards = [set(listening(table, shard=shard)) for shard in range(4)]
    assert set().union(*shards) == everyone
    assert sum(map(len, shards)) == len(everyone)
    assert min(map(len, shards)) > 5
    assert all(table.get(connection_id).subscriptions == {"rates": None} for connection_id in everyone)
    for connection_id in everyone:
        table.remove(connection_id)
    assert connections_items.scan()["Items"] == []
