"""Two simulated hours of broken connections: whenever the client says that it is live, it shows what the server has.

The server's code and the client's are the real ones; the clock, the market and the wires are simulated.
"""

import os
import random
from collections.abc import Iterator

import pytest
from moto import mock_aws
from mypy_boto3_dynamodb.service_resource import Table

from cadfeed_client import Link
from shared.protocol import parts
from tests.client.simulated_network import TWO_HOURS_MS, Client, Habits, Network
from tests.client.simulated_server import TICK_MS, Market, Server, on_the_clock
from tests.clock import Clock
from tests.samples import SYMBOLS
from tests.tables import create_table, dynamodb

# Small enough to send a snapshot in parts.
FRAME_BYTES = 6_300
HEALED_WITHIN_MS = 120_000
ALL = tuple(SYMBOLS)
SOME = tuple(symbol for symbol in SYMBOLS if symbol in {"BTC_CAD", "ETH_CAD", "SHIB_CAD", "DOGE_CAD", "USDT_CAD"})


@pytest.fixture
def table() -> Iterator[Table]:
    with mock_aws():
        yield create_table(dynamodb(), "connections")


def test_after_every_cut_the_client_shows_what_the_server_has(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", FRAME_BYTES)
    seed = int(os.environ.get("CADFEED_SEED", "1"))
    clock, draw = Clock(), random.Random(seed)
    on_the_clock(monkeypatch, clock)
    network = Network(clock, draw)
    server = Server(table, Market(draw, clock.ms), clock, network.deliver, draw)
    end_ms = clock.ms + TWO_HOURS_MS

    def tick() -> None:
        server.tick()
        network.later(TICK_MS, tick)

    def interrupt() -> None:
        if draw.random() < 0.02:
            clock.ms += 1
            server.tick()

    server.interrupted_by(interrupt)
    network.later(TICK_MS, tick)
    old = (108 * 60, 109 * 60)  # the notice comes at 110 minutes, after the subscription
    clients = [
        Client(f"cut-{seed}", network, server, Habits(40_000), ALL, listed=False),
        Client(f"lossy-{seed}", network, server, Habits(150_000, loses=0.01), SOME),
        Client(f"old-{seed}", network, server, Habits(None, old), ALL, listed=False),
        Client(f"both-{seed}", network, server, Habits(400_000, old), SOME),
    ]

    def check() -> None:
        for client in clients:
            client.check()

    network.run(end_ms, check)

    cut, lossy, aged, both = clients
    assert cut.cuts > 100
    # Between the acknowledgement and the snapshot, between its parts, and after it.
    assert cut.cut_after >= {1, 2, 3, 4, 5}
    assert cut.cuts + lossy.cuts + both.cuts > 150
    assert cut.times_live > 50
    assert Link.STALE in lossy.links
    # A client with a timely notice opens the next connection before the end and misses nothing.
    assert aged.machine._number > 15
    assert aged.cuts == 0
    assert set(aged.links) <= {Link.LIVE}
    assert min(client.exact for client in clients) > 1_000

    # Without cuts every client catches up, even after a loss that it could not notice.
    for client in clients:
        client.habits = Habits(None)
    network.run(end_ms + HEALED_WITHIN_MS + TICK_MS // 2, check)
    for client in (cut, lossy, aged, both):
        client.assert_exact()
