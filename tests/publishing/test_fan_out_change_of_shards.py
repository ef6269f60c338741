"""A change of the number of shards loses nobody: each connection is in one place, is found, and gets every tick.

Here each shard has one partition, as in earlier versions, so that each change of the number is one of the layout.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest
from boto3.dynamodb.conditions import Attr, Key
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.delta import Delta
from shared.model.message_limit import MessageLimit
from shared.model.values import Progress, Snapshot
from shared.publishing.fan_out import UNKNOWN_PROGRESS, FanOut
from shared.publishing.publisher import Publisher, Worker
from shared.store import connections_table
from shared.store.connections_table import LAYOUT, LIFETIME_S, ConnectionsTable, NotConnected
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import QuotesTable
from tests.clients import Clients, gone
from tests.publishing.test_fan_out import FIRST, moved
from tests.stored import stored

DEADLINE_S = 20.0
LIMIT = MessageLimit(per_minute=60_000, burst=1_000)
CONNECTIONS = 40


@pytest.fixture(autouse=True)
def fewest(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Change the fewest partitions of what is opened from now on."""

    def change(number: int) -> None:
        monkeypatch.setattr(connections_table, "FEWEST_PARTITIONS", number)

    change(1)
    return change


@pytest.fixture
def at(connections_items: Table) -> Callable[[int], ConnectionsTable]:
    """Return a function's table as a deployment with that number of shards has it after a cold start."""
    return lambda shards: ConnectionsTable(connections_items, shards)


@pytest.fixture
def clients() -> Clients:
    return Clients()


@contextmanager
def calls(table: Table) -> Iterator[list[str]]:
    """Record the calls to DynamoDB."""
    made: list[str] = []
    events = table.meta.client.meta.events
    events.register("before-call.dynamodb", lambda model, **_: made.append(model.name), unique_id="recorded")
    try:
        yield made
    finally:
        events.unregister("before-call.dynamodb", unique_id="recorded")


def now_s() -> int:
    return int(time.time())


def join(table: ConnectionsTable, connection_id: str) -> None:
    table.add(connection_id, now_s())
    table.subscribe(connection_id, "rates_batch", None)


def in_shard(shard: int, shards: int, besides: Callable[[int], bool] = lambda _shard: True) -> str:
    """Return an ID with that place in one layout, and a place in `besides` in the layout of four."""
    found = (f"c{number}" for number in range(10_000))
    table, four = ConnectionsTable(None, shards), ConnectionsTable(None, 4)  # type: ignore[arg-type]
    return next(each for each in found if table.partition_of(each) == shard and besides(four.partition_of(each)))


def publisher(table: ConnectionsTable, quotes: QuotesTable, items: Table, clients: Clients, shards: int) -> Publisher:
    fan_out = FanOut(table, clients.gateway)
    return Publisher(quotes, ProgressTable(items), fan_out, shards=shards, connections_per_worker=10**9)


@pytest.mark.parametrize("numbers", [(1, 4, 1), (4, 7, 2, 4)])
def test_every_connection_is_in_one_place_and_gets_every_tick(
    at: Callable[[int], ConnectionsTable],
    connections_items: Table,
    quotes_table: QuotesTable,
    clients: Clients,
    numbers: Sequence[int],
) -> None:
    """During each deployment functions of both versions run, and each of them serves each connection."""
    chance = random.Random(7)
    alive = [f"first-{number:03}=" for number in range(CONNECTIONS)]
    delta = moved(FIRST, 1, "BTC_CAD")
    first = at(numbers[0])
    for each in alive:
        join(first, each)
    for before, after in pairwise(numbers):
        handlers = [at(before), at(after)]  # warm ones of the old deployment, cold ones of the new one
        publishers = [
            publisher(at(number), quotes_table, connections_items, clients, number) for number in (before, after)
        ]
        for step in range(3):
            for number in range(8):
                new = f"{before}-{after}-{step}-{number}="
                chance.choice(handlers).add(new, now_s())
                handler = chance.choice(handlers)
                assert handler.count_message(new, LIMIT, now_s() * 1000, lambda _: 1).connection_id == new
                handler.subscribe(new, "rates_batch", ("BTC_CAD",))
                alive.append(new)
            for ended in chance.sample(alive, 8):
                chance.choice(handlers).remove(ended)
                alive.remove(ended)
            for each in chance.sample(alive, 10):
                chance.choice(handlers).subscribe(each, "rates_batch", ("BTC_CAD", "ETH_CAD"))
            clients.received.clear()
            publishers[step % 2].publish(delta, DEADLINE_S)
            assert sorted(clients.received) == sorted(alive)
            assert {len(frames) for frames in clients.received.values()} == {1}
            delta = moved(delta.new, step + 1, "BTC_CAD")
        assert sorted(str(item["sk"]) for item in stored(connections_items)) == sorted(alive)
    last = at(numbers[-1])
    for each in alive:
        last.remove(each)
    assert stored(connections_items) == []


def test_a_version_without_layouts_is_served_after_an_upgrade(
    at: Callable[[int], ConnectionsTable], connections_items: Table, quotes_table: QuotesTable, clients: Clients
) -> None:
    ids = [f"older-{number}=" for number in range(20)]
    for each in ids:
        key = {"pk": f"SHARD#{at(4).partition_of(each)}", "sk": each}
        connections_items.put_item(
            Item={**key, "connected_at": now_s(), "expires_at": now_s() + LIFETIME_S, "rates_batch": []}
        )
    assert all(at(4).get(each) for each in ids)
    publisher(at(4), quotes_table, connections_items, clients, 4).publish(moved(FIRST, 1, "BTC_CAD"), DEADLINE_S)
    assert sorted(clients.received) == sorted(ids)
    assert all(at(1).get(each) for each in ids)
    publisher(at(1), quotes_table, connections_items, clients, 1).publish(moved(FIRST, 1, "BTC_CAD"), DEADLINE_S)
    assert {len(frames) for frames in clients.received.values()} == {2}


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_a_version_with_a_partition_a_shard_is_served(
    at: Callable[[int], ConnectionsTable],
    fewest: Callable[[int], None],
    connections_items: Table,
    quotes_table: QuotesTable,
    clients: Clients,
    shards: int,
) -> None:
    """With and without its layout, by handlers, by a publisher and by workers; and back."""
    earlier = at(shards)
    ids = [f"older-{number}=" for number in range(20)]
    for each in ids:
        join(earlier, each)
    connections_items.delete_item(Key={"pk": "SHARD#0", "sk": f"{LAYOUT}{shards}"})
    fewest(4)
    for each in ids:
        assert at(shards).count_message(each, LIMIT, now_s() * 1000, lambda _: 1).connection_id == each
    delta = moved(FIRST, 1, "BTC_CAD")
    publisher(at(shards), quotes_table, connections_items, clients, shards).publish(delta, DEADLINE_S)
    assert sorted(clients.received) == sorted(ids)
    join(at(shards), "newer")
    following = moved(delta.new, 2, "BTC_CAD")
    for shard in range(shards):
        Worker(ProgressTable(connections_items), FanOut(at(shards), clients.gateway)).publish(
            following, shard, DEADLINE_S, ""
        )
    assert {each: len(frames) for each, frames in clients.received.items()} == dict.fromkeys(ids, 2) | {"newer": 1}
    assert earlier.get("newer").connection_id == "newer"


def test_there_are_four_partitions_at_least(fewest: Callable[[int], None]) -> None:
    fewest(4)
    assert [connections_table.partitions_of(shards) for shards in (1, 2, 3, 4, 5, 100)] == [4, 4, 6, 4, 5, 100]


def test_a_version_without_layouts_finds_everybody_again(
    at: Callable[[int], ConnectionsTable], connections_items: Table
) -> None:
    """It reads `SHARD#n` by the ID's CRC-32, and filters by the channels."""
    ids = [f"newer-{number}=" for number in range(40)]
    table = at(4)
    for each in ids:
        join(table, each)
    found: list[str] = []
    for shard in range(4):
        page = connections_items.query(
            KeyConditionExpression=Key("pk").eq(f"SHARD#{shard}"),
            FilterExpression=Attr("expires_at").gt(now_s()) & (Attr("rates").exists() | Attr("rates_batch").exists()),
        )
        found += [str(item["sk"]) for item in page["Items"]]
    assert sorted(found) == sorted(ids)


@pytest.mark.parametrize("shards", [1, 4])
def test_a_tick_makes_one_query_per_shard_with_one_layout(
    at: Callable[[int], ConnectionsTable],
    connections_items: Table,
    quotes_table: QuotesTable,
    clients: Clients,
    shards: int,
) -> None:
    table = at(shards)
    for number in range(20):
        join(table, f"c{number}")
    publishing = publisher(at(shards), quotes_table, connections_items, clients, shards)
    delta = moved(FIRST, 1, "BTC_CAD")
    publishing.publish(delta, DEADLINE_S)
    with calls(connections_items) as made:
        publishing.publish(moved(delta.new, 2, "BTC_CAD"), DEADLINE_S)
    assert [call for call in made if call != "UpdateItem"] == ["Query"] * shards + made.count("GetItem") * ["GetItem"]
    assert made.count("GetItem") + made.count("UpdateItem") <= 1  # of the audience


def test_a_connection_of_another_layout_costs_a_read_more(
    at: Callable[[int], ConnectionsTable], connections_items: Table
) -> None:
    elsewhere = in_shard(0, 1, lambda shard: shard != 0)
    join(at(1), elsewhere)
    handler = at(4)
    with calls(connections_items) as made:
        handler.count_message(elsewhere, LIMIT, now_s() * 1000, lambda _: 1)
        assert made == ["GetItem", "Query", "GetItem", "UpdateItem"]
        made.clear()
        handler.count_message(in_another := elsewhere, LIMIT, now_s() * 1000, lambda _: 1)
        assert made == ["GetItem", "UpdateItem"]
        made.clear()
        handler.subscribe(in_another, "rates", None)
        assert made == ["UpdateItem"]


def test_a_function_finds_a_layout_newer_than_what_it_has_read(
    at: Callable[[int], ConnectionsTable],
) -> None:
    warm = at(1)
    with pytest.raises(NotConnected):
        warm.get("nobody")
    new = in_shard(3, 7, lambda shard: shard != 0)
    join(at(7), new)
    assert warm.get(new).connection_id == new


def test_a_publisher_sees_a_layout_with_its_first_connection(
    at: Callable[[int], ConnectionsTable], connections_items: Table, quotes_table: QuotesTable, clients: Clients
) -> None:
    """Its own deployment does not know the number yet."""
    publishing = publisher(at(1), quotes_table, connections_items, clients, 1)
    join(at(1), "first")
    delta = moved(FIRST, 1, "BTC_CAD")
    publishing.publish(delta, DEADLINE_S)
    new = in_shard(5, 7)
    join(at(7), new)
    publishing.publish(moved(delta.new, 2, "BTC_CAD"), DEADLINE_S)
    assert {each: len(frames) for each, frames in clients.received.items()} == {"first": 2, new: 1}


def test_a_layout_ends_with_its_last_connections(
    at: Callable[[int], ConnectionsTable], connections_items: Table
) -> None:
    began_s = now_s()
    at(4).add("long ago", began_s - LIFETIME_S)
    at(7).add("an hour ago", began_s - 3_600)
    assert list(at(1).subscribers(None, began_s)) == []
    with calls(connections_items) as made:
        assert list(at(2).subscribers(None, began_s)) == []
        assert made.count("Query") == 7
        made.clear()
        assert list(at(2).subscribers(None, began_s + LIFETIME_S - 3_600)) == []
        assert made.count("Query") == 2


def test_a_layout_is_announced_first_and_every_ten_minutes(
    at: Callable[[int], ConnectionsTable], connections_items: Table
) -> None:
    table, began_s = at(4), now_s()
    for after_s in (0, 599, 600, 1_199, -5_000):  # the last: the clock was set back
        table.add(f"{after_s}", began_s + after_s)
        (layout,) = connections_items.query(
            KeyConditionExpression=Key("pk").eq("SHARD#0") & Key("sk").begins_with(LAYOUT)
        )["Items"]
        announced_s = {599: 0, 1_199: 600}.get(after_s, after_s)
        assert layout == {
            "pk": "SHARD#0",
            "sk": "LAYOUT#4",
            "layout": 4,
            "expires_at": began_s + announced_s + LIFETIME_S,
        }


def test_a_connection_is_not_added_without_its_layout(
    at: Callable[[int], ConnectionsTable], connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure between the two writes leaves a layout without connections, never the reverse."""
    table = at(4)

    def fail(_now_s: int) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(table, "_announce", fail)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                table.add("c", now_s())
    assert stored(connections_items) == []
    table.add("c", now_s())
    assert connections_items.scan()["Count"] == 2


def test_a_gone_connection_of_another_layout_is_removed(
    at: Callable[[int], ConnectionsTable], connections_items: Table, quotes_table: QuotesTable, clients: Clients
) -> None:
    left, here = in_shard(5, 7, lambda shard: shard != 1), in_shard(6, 7)
    for each in (left, here):
        join(at(7), each)
    clients.refusals[left] = gone
    publisher(at(4), quotes_table, connections_items, clients, 4).publish(moved(FIRST, 1, "BTC_CAD"), DEADLINE_S)
    assert [item["sk"] for item in stored(connections_items)] == [here]


def test_a_cut_batch_continues_in_a_shard_of_another_layout(at: Callable[[int], ConnectionsTable]) -> None:
    ids = {f"c{number}" for number in range(40)}
    for each in ids:
        join(at(7), each)
    table = at(2)
    everyone = list(table.subscribers(None, now_s()))
    assert {each.connection_id for each in everyone} == ids
    for number, last in enumerate(everyone):
        following = [each.connection_id for each in table.subscribers(None, now_s(), last.place)]
        in_order = everyone[number + 1 :] + everyone[: number + 1]
        assert sorted(following) == sorted(ids)
        assert following[: 40 - number - 1] == [each.connection_id for each in in_order[: 40 - number - 1]]


@pytest.mark.parametrize("after", ["c3", "9/c3", "x/c3", "/c3"])
def test_a_place_that_is_not_in_use_begins_at_the_start(at: Callable[[int], ConnectionsTable], after: str) -> None:
    for number in range(10):
        join(at(2), f"c{number}")
    assert len(list(at(2).subscribers(None, now_s(), after))) == 10
    assert len(list(at(2).subscribers((0, 1), now_s(), after))) == 10


# Workers


def delegate(
    at: Callable[[int], ConnectionsTable], items: Table, quotes: QuotesTable, clients: Clients, shards: int
) -> Callable[[Delta], None]:
    """Return what `publish` of that deployment does with more connections than one function serves."""
    fan_out = FanOut(at(shards), clients.gateway)
    progress = ProgressTable(items)
    publishing = Publisher(quotes, progress, fan_out, shards=shards, connections_per_worker=1)
    worker = Worker(progress, FanOut(at(shards), clients.gateway))
    posted: list[object] = []

    def publish(delta: Delta) -> None:
        publishing.delegate(
            delta, lambda shard, audience: posted.append(worker.publish(delta, shard, DEADLINE_S, audience))
        )

    return publish


@pytest.mark.parametrize("numbers", [(2, 4, 7, 4, 2)])
def test_workers_share_the_shards_of_every_layout(
    at: Callable[[int], ConnectionsTable],
    connections_items: Table,
    quotes_table: QuotesTable,
    clients: Clients,
    monkeypatch: pytest.MonkeyPatch,
    numbers: Sequence[int],
) -> None:
    monkeypatch.setattr(connections_table, "LAYOUTS_READ_EVERY_S", 0)
    ids: list[str] = []
    delta = moved(FIRST, 1, "BTC_CAD")
    for place, shards in enumerate(numbers):
        for number in range(20):
            ids.append(f"{place}-{number}")
            join(at(shards), ids[-1])
        read = Counter(shard for worker in range(shards) for shard in at(shards).partitions_of_worker(worker))
        assert read == Counter(range(max(numbers[: place + 1])))
        publish = delegate(at, connections_items, quotes_table, clients, shards)
        for _ in range(3):
            clients.received.clear()
            publish(delta)
            assert sorted(clients.received) == sorted(ids)
            assert {len(frames) for frames in clients.received.values()} == {1}
            delta = moved(delta.new, place + 1, "BTC_CAD")
        assert quotes_table.audience() == len(ids)


def test_a_worker_with_other_shards_does_not_know_their_progress(connections_items: Table) -> None:
    progress = ProgressTable(connections_items)
    progress.begin(0, Snapshot(1), (0, 4))
    progress.end(0, 1, Progress(5, "4/c"), None, (0, 4))
    assert progress.begin(0, Snapshot(2), (0, 4)) == Progress(5, "4/c")
    assert progress.begin(0, Snapshot(3), (0,)) == Progress()
    assert UNKNOWN_PROGRESS.complete_seq


def test_progress_of_an_earlier_version_is_that_of_one_shard(connections_items: Table) -> None:
    """Its place is an ID, which says nothing about the shard; an earlier version never gets a place of this one."""
    key = {"pk": "PROGRESS", "sk": "SHARD#2"}
    connections_items.put_item(Item={**key, "ts_ms": 1, "whole_seq": 5, "stopped_after": "c1"})
    progress = ProgressTable(connections_items)
    assert progress.begin(2, Snapshot(2), (2,)) == Progress(5)
    progress.end(2, 2, Progress(5, "2/c1"), None, (2,))
    (item,) = connections_items.scan()["Items"]
    assert "stopped_after" not in item
