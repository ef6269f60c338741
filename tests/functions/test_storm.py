"""What a storm of reconnects asks of each partition, counted over the handlers of connect, subscribe and disconnect.

DynamoDB serves 1,000 write units and 3,000 read units a second from one partition; docs/scaling.md has the table.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.values import Snapshot
from shared.store.quotes_table import LEASE_KEY, QuotesTable
from tests.lambdas import Context, Load, websocket_event
from tests.metered import Meter, Units, metered
from tests.samples import after, quotes

WRITE_UNITS, READ_UNITS = 1_000, 3_000  # per second and partition
RECONNECTS = int(os.environ.get("CADFEED_STORM", "120"))  # the figures in docs/scaling.md are of 2,000


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    return metered(monkeypatch)


NO_LIMITS = {"": 0, "_PER_CLIENT": 0, "_PER_BLOCK": 0}
LIMITS = {"": 25_000, "_PER_CLIENT": 20, "_PER_BLOCK": 400}


@dataclass
class Storm:
    """Clients that connect and subscribe to everything; their earlier connections end. An ingest holds the lease."""

    load: Load
    items: Table
    patch: pytest.MonkeyPatch
    meter: Meter

    def begins(self, age_s: int, tick_s: int) -> None:
        """Write the snapshot that the subscribers find, and forget what has been counted."""
        self.patch.setenv("TICK_SECONDS", str(tick_s))
        now_ms = time.time_ns() // 1_000_000
        table = QuotesTable(self.items)
        table.write_snapshot(after(Snapshot(), quotes(), now_ms - age_s * 1_000), 1)
        table.join_audience(now_ms)
        self.meter.units.clear()

    def reconnect(
        self,
        shards: int = 4,
        clients: int = RECONNECTS,
        channel: str = "rates_batch",
        limits: Mapping[str, int] = LIMITS,
        functions: Sequence[str] = ("connect", "subscribe", "disconnect"),
    ) -> None:
        for name, most in limits.items():
            self.patch.setenv(f"MAX_CONNECTIONS{name}", str(most))
        self.patch.setenv("CONNECTION_SHARDS", str(shards))
        loaded = [self.load(function) for function in functions]
        for number in range(clients):
            now_ms = time.time_ns() // 1_000_000
            lease = {"epoch": 1, "ticked_ms": now_ms, "until_ms": now_ms + 5_000, "seq": 1}
            self.items.put_item(Item={**LEASE_KEY, **lease})
            events: list[dict[str, Any]] = [
                websocket_event("$connect", kind="CONNECT"),
                websocket_event("subscribe", {"event": "subscribe", "channel": channel}),
                websocket_event("$disconnect", kind="DISCONNECT"),
            ]
            for function, event in zip(loaded, events, strict=False):
                event["requestContext"]["connectionId"] = f"storm-{number}="
                event["requestContext"]["identity"]["sourceIp"] = f"203.{number // 256}.{number % 256}.7"
                function.handler(event, Context())
        del self.meter.units["write", "LEASE"]  # of the ingest


@pytest.fixture
def storm(load: Load, quotes_items: Table, meter: Meter, monkeypatch: pytest.MonkeyPatch) -> Storm:
    return Storm(load, quotes_items, monkeypatch, meter)


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
def test_a_storm_asks_a_part_of_each_partition(storm: Storm, shards: int) -> None:
    storm.begins(age_s=0, tick_s=600)
    storm.reconnect(shards)
    units = storm.meter.units
    served = most_per_second(units)
    print(f"{shards} shards, reconnects a second: {sorted(served.items())}")
    assert served["write SHARD"] >= 1_000  # AWS lets 500 a second connect
    # The limits of connections cost two writes and two reads of a partition that few others use.
    assert units["write", "CLIENT#203.0.7.0/24"] == units["read", "CLIENT#203.0.7.0/24"] == 2
    assert served["read COUNT"] > 10_000
    assert served["read AUDIENCE"] == served["read LEASE"] == READ_UNITS
    assert units["write", "AUDIENCE"] == 0
    assert units["read", "SNAPSHOT"] == 1  # of a warm Lambda in a tick


def test_a_connect_and_a_subscribe_are_two_writes(storm: Storm) -> None:
    storm.begins(age_s=0, tick_s=600)
    storm.reconnect(clients=20, limits=NO_LIMITS, functions=("connect", "subscribe"))
    assert storm.meter.of("write") == 20 * 2 + 1  # the layout of the partitions, once in ten minutes
    assert storm.meter.units["read", "SNAPSHOT"] == 1


@pytest.mark.parametrize(("channel", "most"), [("rates_batch", 5), ("rates", 20 * 2)])
def test_while_no_ticks_come_a_second_has_one_read(storm: Storm, channel: str, most: int) -> None:
    """On `rates` each of them reads what it begins with, and what has changed meanwhile."""
    storm.begins(age_s=10, tick_s=5)
    storm.reconnect(clients=20, channel=channel)
    assert storm.meter.units["read", "SNAPSHOT"] <= most
