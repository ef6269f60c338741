"""Whole views on `rates_compact` name no sources, but to clients that may lack the names."""

import time
from dataclasses import replace

import pytest

from shared.model.channels import RATES_COMPACT
from shared.model.delta import Delta
from shared.model.pace import Pace
from shared.model.values import Progress, Snapshot
from shared.publishing.fan_out import FanOut
from shared.publishing.periodic import SNAPSHOT_MS
from shared.store.connections_table import ConnectionsTable
from tests.clients import Clients, failing
from tests.samples import after, quote, quotes

FIRST = after(Snapshot(), quotes())
DEADLINE_S = 20.0


def moved(old: Snapshot, price: int, within_ms: int) -> Delta:
    new = after(old, {**old.quotes, "BTC_CAD": quote(spot=str(price))}, old.ts_ms + 1_000)
    return Delta(replace(old, ts_ms=new.ts_ms - within_ms), new)


@pytest.mark.parametrize(
    ("pace", "missed", "names"), [(None, False, False), (None, True, True), (Pace(60), False, True)]
)
def test_a_client_that_may_lack_names_of_sources_gets_them(
    connections_table: ConnectionsTable, pace: Pace | None, *, missed: bool, names: bool
) -> None:
    """It missed the last tick, or its pace left that out."""
    clients = Clients()
    fan_out = FanOut(connections_table, clients.gateway)
    connections_table.add("here", int(time.time()))
    connections_table.subscribe("here", RATES_COMPACT, ("BTC_CAD", "ETH_CAD"), pace)
    before = moved(FIRST, 1, 1_000)
    clients.refusals = {"here": failing} if missed else {}
    _, progress = fan_out.post(before, None, Progress(FIRST.seq), deadline_s=DEADLINE_S)
    clients.refusals.clear()
    clients.received.clear()
    fan_out.post(moved(before.new, 2, SNAPSHOT_MS), None, progress, deadline_s=DEADLINE_S)
    (frame,) = clients.frames("here")
    assert frame["event"] == "snapshot"
    assert ("sources_used" in frame) is names
