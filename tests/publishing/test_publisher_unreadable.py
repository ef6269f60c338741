"""An item of the connections table that nobody can read costs only its own connection a frame, never the others."""

import time
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.publishing.fan_out import FanOut
from shared.publishing.publisher import Publisher, Worker
from shared.store.connections_table import ConnectionsTable
from shared.store.progress_table import PARTITION, ProgressTable
from shared.store.quotes_table import QuotesTable
from shared.store.stored_number import LARGEST
from tests.clients import Clients
from tests.samples import NOW_MS, after, quote, quotes

DEADLINE_S = 20.0
GOOD = {"good on rates", "good on rates_batch"}
SHARDS = 2
FIRST = after(Snapshot(), quotes())


def item(**attributes: object) -> dict[str, Any]:
    now_s = int(time.time())
    return {"pk": "SHARD#0", "sk": "bad", "connected_at": now_s, "expires_at": now_s + 5_000, **attributes}


def layout(number: object, pk: str = "SHARD#0") -> dict[str, Any]:
    return item(pk=pk, sk=f"LAYOUT#{number}", layout=number)


UNREADABLE = {
    "a number as symbols": item(rates=5),
    "null as symbols": item(rates=None),
    "bytes as symbols": item(rates=b"BTC_CAD"),
    "a bool as symbols": item(rates_batch=True),
    "lists as symbols": item(rates=[["BTC_CAD"], {"a": 1}]),
    "lists as symbols of a batch": item(rates_batch=[["BTC_CAD"], {"a": 1}]),
    "a list as time": item(rates=[], connected_at=[1]),
    "a text as time": item(rates=[], connected_at="then"),
    "a text as layout": layout("many"),
    "a list as layout": layout([1]),
    "a layout of no shards": layout(0),
    "a layout of less than none": layout(-5),
    "a layout of too many shards": layout(100_000),
    "a layout in another shard": layout("many", "SHARD#1"),
}
PROGRESS = {
    "a text as tick": {"seq": "ten"},
    "a list as tick": {"seq": [1]},
    "a tick beyond all numbers": {"seq": 10**30},
    "a text as the last whole tick": {"whole_seq": "ten"},
    "a list as the last whole tick": {"whole_seq": [1]},
    "a whole tick beyond all numbers": {"whole_seq": 10**30},
    "a text as connections": {"counted_seq": 10**6, "connections": "many"},
    "no connections": {"counted_seq": 10**6},
}


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def connections(connections_items: Table) -> ConnectionsTable:
    table = ConnectionsTable(connections_items, SHARDS)
    for connection_id in GOOD:
        table.add(connection_id, int(time.time()))
        table.subscribe(connection_id, connection_id.removeprefix("good on "), None)
    return table


@pytest.fixture
def publisher(
    quotes_table: QuotesTable, connections_items: Table, connections: ConnectionsTable, clients: Clients
) -> Publisher:
    fan_out = FanOut(connections, clients.gateway)
    return Publisher(quotes_table, ProgressTable(connections_items), fan_out, shards=SHARDS, connections_per_worker=1)


def moved(old: Snapshot, price: int) -> Delta:
    new = after(old, quotes() | {"BTC_CAD": quote(spot=str(price))}, old.ts_ms + 1_000)
    return Delta(old, new)


def publish_with_workers(publisher: Publisher, connections_items: Table, clients: Clients, delta: Delta) -> None:
    connections = ConnectionsTable(connections_items, SHARDS)
    worker = Worker(ProgressTable(connections_items), FanOut(connections, clients.gateway))

    def start_worker(shard: int, audience: str) -> None:
        worker.publish(delta, shard, DEADLINE_S, audience)

    publisher.delegate(delta, start_worker)


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_the_others_get_their_frames(
    publisher: Publisher, connections_items: Table, clients: Clients, unreadable: dict[str, Any]
) -> None:
    connections_items.put_item(Item=unreadable)
    posted = publisher.publish(moved(FIRST, 1), DEADLINE_S)
    assert clients.received.keys() >= GOOD
    assert posted.error is None


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_a_connection_is_found_and_removed(connections_items: Table, unreadable: dict[str, Any]) -> None:
    connections_items.put_item(Item=unreadable)
    table = ConnectionsTable(connections_items, SHARDS)
    table.add("new", int(time.time()))
    table.remove("of another number of shards")
    assert table.partitions_of_worker(0) == (0, 2)
    assert table.get("new").connection_id == "new"


@pytest.mark.parametrize("unreadable", PROGRESS.values(), ids=PROGRESS)
def test_workers_post_whatever_their_progress_says(
    publisher: Publisher, connections_items: Table, clients: Clients, unreadable: dict[str, Any]
) -> None:
    for shard in range(SHARDS):
        connections_items.put_item(Item={"pk": PARTITION, "sk": f"SHARD#{shard}", **unreadable})
    publish_with_workers(publisher, connections_items, clients, moved(FIRST, 1))
    assert clients.received.keys() >= GOOD


@pytest.mark.parametrize("ahead", [10**6, LARGEST])
def test_workers_post_again_after_a_tick_that_never_was(
    publisher: Publisher, quotes_table: QuotesTable, connections_items: Table, clients: Clients, ahead: int
) -> None:
    first = moved(FIRST, 1)
    second = moved(first.new, 2)
    for shard in range(SHARDS):
        connections_items.put_item(Item={"pk": PARTITION, "sk": f"SHARD#{shard}", "seq": ahead})
    for delta in (first, second):
        quotes_table.write_snapshot(delta.new, 1, quotes_table.stored())
        publish_with_workers(publisher, connections_items, clients, delta)
    assert clients.received.keys() >= GOOD
    assert second.new.ts_ms == NOW_MS + 2_000


def test_a_tick_that_another_publisher_has_begun_stays_begun(
    publisher: Publisher, quotes_table: QuotesTable, connections_items: Table, clients: Clients
) -> None:
    late = moved(FIRST, 1)
    newer = moved(late.new, 2)
    quotes_table.write_snapshot(newer.new, 1)
    progress = ProgressTable(connections_items)
    for shard in range(SHARDS):
        progress.begin(shard, newer.new)
    publish_with_workers(publisher, connections_items, clients, late)
    assert progress.workers(SHARDS).ahead(late.new.seq) == [(shard, newer.new.seq) for shard in range(SHARDS)]
    assert clients.received == {}
