"""A read that decides something sees every write before it: moto always does, DynamoDB only if it is asked to."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import Candle
from shared.model.message_limit import MessageLimit
from shared.model.viewer import viewer_of
from shared.store.backfill_jobs import BackfillJobs
from shared.store.beginnings_table import BeginningsTable
from shared.store.candles_table import CandlesTable
from shared.store.client_places import ClientPlaces, Limits, places_in
from shared.store.conditional import change
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from shared.store.rates_places import RatesPlaces
from tests.samples import NOW_MS

NOW_S = NOW_MS // 1_000
ONE = Decimal(1)

READS: dict[str, Callable[[Table], object]] = {
    "the snapshot": lambda items: QuotesTable(items).stored(),
    "the lease": lambda items: QuotesTable(items).lease(),
    "the audience": lambda items: QuotesTable(items).counted_audience(),
    "a connection": lambda items: ConnectionsTable(items, 2).get("here"),
    "the subscribers": lambda items: list(ConnectionsTable(items, 2).subscribers(range(2), NOW_S)),
    "the layouts": lambda items: ConnectionsTable(items, 2).partitions_of_worker(0),
    "a message": lambda items: ConnectionsTable(items, 2).count_message(
        "here", MessageLimit(1, 9), NOW_MS, lambda _: 1
    ),
    "the connections of a client": lambda items: places_in(items, "192.0.2.0/24", NOW_S),
    "the places on `rates`": lambda items: RatesPlaces(items).read(),
    "a job": lambda items: BackfillJobs(items, lambda: NOW_MS).current(),
    "candles": lambda items: CandlesTable(items).read("BTC_CAD", "1h", 9, now_ms=NOW_MS),
    "missing candles": lambda items: CandlesTable(items).missing("BTC_CAD", "1h", [Candle(0, ONE, ONE, ONE, ONE)]),
    "beginnings": lambda items: BeginningsTable(items).read(),
    "an item to change": lambda items: change(items, {"pk": "a", "sk": "b"}, lambda _item: {"x": 1}),
}


@pytest.fixture
def asked(connections_items: Table) -> Iterator[list[bool]]:
    """Whether each read of the table was a consistent one."""
    heard: list[bool] = []

    def hear(params: dict[str, Any], **_: object) -> None:
        heard.append(params.get("ConsistentRead", False))

    events = connections_items.meta.client.meta.events
    names = [f"before-parameter-build.dynamodb.{operation}" for operation in ("GetItem", "Query")]
    for name in names:
        events.register_first(name, hear)
    yield heard
    for name in names:
        events.unregister(name, hear)


def test_only_the_look_before_a_place_is_taken_may_be_old(connections_items: Table, asked: list[bool]) -> None:
    """It refuses at half the price; what counts is read again afterwards."""
    places = ClientPlaces(connections_items, Limits(per_client=2), MessageLimit(60, 100))
    places.take(viewer_of("203.0.113.7"), "c", NOW_S + 60, NOW_MS)
    assert asked == [False, True]


@pytest.mark.parametrize("name", READS)
def test_a_read_that_decides_sees_every_write_before_it(name: str, connections_items: Table, asked: list[bool]) -> None:
    ConnectionsTable(connections_items, 2).add("here", NOW_S)
    asked.clear()
    READS[name](connections_items)
    assert asked
    assert all(asked)
