"""What a storm of reconnects asks of each partition, counted over the handlers of connect, subscribe and disconnect.

DynamoDB serves 1,000 write units and 3,000 read units a second from one partition; docs/scaling.md has the table.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

import math
import os
import time
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.values import Snapshot
from shared.store.quotes_table import LEASE_KEY, QuotesTable
from tests.lambdas import Context, Load, websocket_event
from tests.metered import Meter, Units, metered
from tests.samples import after, quotes
from tools.cost.measured import SNAPSHOT_READ_UNITS

WRITE_UNITS, READ_UNITS = 1_000, 3_000  # per second and partition
RECONNECTS = int(os.environ.get("CADFEED_STORM", "120"))  # the figures in docs/scaling.md are of 2,000


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    return metered(monkeypatch)


def reconnect(
    load: Load, shards: int, monkeypatch: pytest.MonkeyPatch, items: Table, clients: int = RECONNECTS
) -> None:
    """Each client connects and subscribes to everything; its earlier connection ends. An ingest holds the lease."""
    limits = {"": 25_000, "_PER_CLIENT": 20, "_PER_BLOCK": 400}
    for name, most in limits.items():
        monkeypatch.setenv(f"MAX_CONNECTIONS{name}", str(most))
    monkeypatch.setenv("CONNECTION_SHARDS", str(shards))
    connect, subscribe, disconnect = (load(function) for function in ("connect", "subscribe", "disconnect"))
    wanted = {"event": "subscribe", "channel": "rates_batch"}
    for number in range(clients):
        now_ms = time.time_ns() // 1_000_000
        items.put_item(Item={**LEASE_KEY, "epoch": 1, "ticked_ms": now_ms, "until_ms": now_ms + 5_000, "seq": 1})
        events: list[dict[str, Any]] = [
            websocket_event("$connect", kind="CONNECT"),
            websocket_event("subscribe", wanted),
            websocket_event("$disconnect", kind="DISCONNECT"),
        ]
        for function, event in zip((connect, subscribe, disconnect), events, strict=True):
            event["requestContext"]["connectionId"] = f"storm-{number}="
            event["requestContext"]["identity"]["sourceIp"] = f"203.{number // 256}.{number % 256}.7"
            function.handler(event, Context())


def most_per_second(units: Units) -> dict[str, int]:
    """Return how many reconnects a second each kind of partition serves, by the busiest of its kind."""
    limits = {"write": WRITE_UNITS, "read": READ_UNITS}
    found: dict[str, int] = {}
    for (kind, partition), used in units.items():
        name = f"{kind} {partition.partition('#')[0]}"
        served = math.floor(limits[kind] * RECONNECTS / used)
        found[name] = min(served, found.get(name, served))
    return found


@pytest.mark.parametrize("shards", [1, 4])
def test_a_storm_asks_a_part_of_each_partition(
    load: Load, quotes_items: Table, meter: Meter, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    QuotesTable(quotes_items).write_snapshot(after(Snapshot(), quotes()), 1)
    meter.units.clear()
    reconnect(load, shards, monkeypatch, quotes_items)
    del meter.units["write", "LEASE"]  # of the test
    served = most_per_second(meter.units)
    by_snapshot = READ_UNITS * RECONNECTS / (meter.units["read", "SNAPSHOT"] * SNAPSHOT_READ_UNITS)
    print(f"{shards} shards, reconnects a second: {sorted(served.items())}, by the snapshot's size {by_snapshot:.0f}")
    assert 750 <= served["write SHARD"] <= 1_000  # AWS lets 500 a second connect
    assert served["write AUDIENCE"] >= 990
    # The limits of connections cost two writes and two reads of a partition that few others use.
    assert meter.units["write", "CLIENT#203.0.7.0/24"] == meter.units["read", "CLIENT#203.0.7.0/24"] == 2
    assert served["read COUNT"] > 10_000
    assert by_snapshot == 500  # whatever the number of shards


def test_subscribers_of_a_warm_lambda_share_the_first_read(
    load: Load, quotes_items: Table, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above, the snapshot is old, so each subscriber reads it, as on `rates`."""
    monkeypatch.setenv("TICK_SECONDS", "60")
    QuotesTable(quotes_items).write_snapshot(after(Snapshot(), quotes(), time.time_ns() // 1_000_000), 1)
    meter.units.clear()
    reconnect(load, 1, monkeypatch, quotes_items, clients=20)
    assert meter.units["read", "SNAPSHOT"] == 20 + 1  # what has changed meanwhile, and once the snapshot itself
