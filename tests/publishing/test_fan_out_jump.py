"""After a jump of `seq`, as in a restored table, a connection that was behind gets every change."""

import time

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest.base import base_of
from shared.model.delta import Delta
from shared.model.values import Polled, Progress
from shared.publishing.fan_out import FanOut
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import Lease, Stored
from tests.clients import Clients, spots, throttled
from tests.publishing.test_fan_out import FIRST
from tests.samples import AGELESS, NOW_MS, after, quote, quotes

MOVED = after(FIRST, quotes() | {"BTC_CAD": quote(spot="7")}, NOW_MS + 1_000)


@pytest.mark.parametrize("missed", [1, 2])
def test_a_jump_of_seq_loses_no_change(connections_items: Table, missed: int) -> None:
    """The connection missed the tick before the jump, or that and the jump itself."""
    connections, clients = ConnectionsTable(connections_items), Clients()
    connections.add("slow", int(time.time()))
    connections.subscribe("slow", "rates_batch", None)
    fan_out = FanOut(connections, clients.gateway)
    restored = Stored(MOVED, 1, is_sound=True, attributes={"seq": MOVED.seq, "epoch": 1})
    base = base_of(restored, Lease(2, 0, 0), NOW_MS + 2_000, was_lost=True)
    jumped = base.next(Polled([], {}), NOW_MS + 2_000, AGELESS)
    assert jumped.seq > MOVED.seq + 100_000_000
    later = after(jumped, dict(jumped.quotes), NOW_MS + 3_000)
    clients.refusals["slow"] = throttled
    progress = Progress(FIRST.seq)
    for number, delta in enumerate([Delta(FIRST, MOVED), Delta(MOVED, jumped), Delta(jumped, later)]):
        if number == missed:
            clients.refusals.clear()
        _, progress = fan_out.post(delta, None, progress, deadline_s=20)
    frames = [frame for frame in clients.frames("slow") if "data" in frame]
    heard = {symbol: spot for frame in frames for symbol, spot in spots(frame).items()}
    assert heard == {symbol: each.spot for symbol, each in MOVED.quotes.items()}
