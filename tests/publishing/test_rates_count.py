"""`publish` corrects how many places on `rates` are taken, by the connections that it finds."""

import time
from collections.abc import Callable

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.channels import RATES, RATES_BATCH
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.publishing.fan_out import FanOut
from shared.publishing.publisher import Publisher, Worker
from shared.publishing.rates_count import RatesCount
from shared.store.connections_table import ConnectionsTable
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import QuotesTable
from shared.store.rates_places import RatesPlaces
from tests.clients import Clients
from tests.samples import after, quote, quotes

MOST = 5


@pytest.fixture
def places(quotes_items: Table) -> RatesPlaces:
    return RatesPlaces(quotes_items)


class Ticks:
    """Snapshots, one after the other."""

    def __init__(self) -> None:
        self._last = after(Snapshot(), quotes())

    def next(self) -> Delta:
        before = self._last
        self._last = after(before, quotes() | {"BTC_CAD": quote(spot=str(before.seq))}, before.ts_ms + 1_000)
        return Delta(before, self._last)


@pytest.mark.parametrize("workers", [False, True])
def test_connections_that_ended_give_their_places_back(
    quotes_items: Table, connections_items: Table, places: RatesPlaces, *, workers: bool
) -> None:
    """Whether `publish` posts by itself or its workers do."""
    shards = 2 if workers else 1
    connections, progress = ConnectionsTable(connections_items, shards), ProgressTable(connections_items)
    clients, ticks = Clients(), Ticks()
    fan_out = FanOut(connections, clients.gateway)
    publisher = Publisher(
        QuotesTable(quotes_items),
        progress,
        fan_out,
        shards=shards,
        connections_per_worker=0,
        rates_count=RatesCount(places),
    )
    worker = Worker(progress, fan_out)

    def tick() -> None:
        delta = ticks.next()
        if publisher.needs_workers():

            def start(shard: int, audience: str) -> None:
                worker.publish(delta, shard, 10, audience)

            publisher.delegate(delta, start)
        else:
            publisher.publish(delta, 10)

    for number in range(MOST):
        connections.add(f"c{number}", int(time.time()))
        assert places.take(MOST)
        connections.subscribe(f"c{number}", RATES, None if number else ("BTC_CAD",))
    connections.add("other", int(time.time()))
    connections.subscribe("other", RATES_BATCH, None)
    tick()
    tick()
    assert publisher.needs_workers() is workers
    tick()
    assert places.read().taken == MOST
    for number in range(MOST - 1):
        connections.remove(f"c{number}")  # no `unsubscribe`
    assert not places.take(MOST)
    for _ in range(4):
        tick()
    assert places.read().taken == 1
    assert places.take(MOST)


class Counter:
    """A `RatesCount`, with the number of connections that the test says."""

    def __init__(self, places: RatesPlaces) -> None:
        self._count = RatesCount(places)
        self.seq = 0

    def tick(self, connections: int | None, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.seq += 1
        meanwhile()
        seq = self.seq
        self._count.correct(seq, lambda since: connections if seq >= since else None)


def test_a_subscription_during_a_count_keeps_its_place(places: RatesPlaces) -> None:
    """The count began before it, so it may have overlooked it."""
    counter = Counter(places)
    counter.tick(0)
    counter.tick(0, lambda: places.take(MOST))
    assert places.read().taken == 1
    counter.tick(1)
    assert places.read().taken == 1


def test_when_all_places_are_taken_the_next_ticks_correct_them(places: RatesPlaces) -> None:
    """Refusals write nothing, so nothing disturbs the count."""
    counter = Counter(places)
    while places.take(MOST):
        counter.tick(0, lambda: None)
    counter.tick(0, lambda: places.take(MOST) and pytest.fail("a place was free"))
    assert places.take(MOST)


def test_a_lost_place_is_given_back_after_two_ticks(
    quotes_items: Table, connections_table: ConnectionsTable, connections_items: Table, places: RatesPlaces
) -> None:
    """The first one reads when the number was written, the second one counts after that."""
    fan_out, count = FanOut(connections_table, Clients().gateway), RatesCount(places)
    progress, quotes_table = ProgressTable(connections_items), QuotesTable(quotes_items)
    publisher = Publisher(quotes_table, progress, fan_out, shards=1, connections_per_worker=9, rates_count=count)
    places.take(MOST)
    ticks, taken = Ticks(), []
    for _ in range(2):
        publisher.publish(ticks.next(), 10)
        taken.append(places.read().taken)
    assert taken == [1, 0]


@pytest.mark.parametrize(("counted_seq", "taken"), [(5, 1), (6, 0)])
def test_only_a_count_after_the_last_write_is_stored(places: RatesPlaces, counted_seq: int, taken: int) -> None:
    """Workers' counts may be of an earlier tick."""
    count = RatesCount(places)
    places.take(MOST)
    count.correct(5, lambda _since: 0)
    count.correct(6, lambda since: 0 if counted_seq >= since else None)
    assert places.read().taken == taken


@pytest.mark.parametrize(("counted_seq", "taken"), [(6, 3), (7, 2)])
def test_a_correction_is_a_write_as_well(places: RatesPlaces, counted_seq: int, taken: int) -> None:
    count = RatesCount(places)
    places.take(MOST)
    count.correct(5, lambda _since: 3)
    count.correct(6, lambda _since: 3)
    count.correct(7, lambda since: 2 if counted_seq >= since else None)
    assert places.read().taken == taken


def test_an_unknown_count_changes_nothing(places: RatesPlaces) -> None:
    counter = Counter(places)
    places.take(MOST)
    for _ in range(3):
        counter.tick(None)
    assert places.read().taken == 1
