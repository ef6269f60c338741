"""Connections with a pace of their own: one frame in an interval, with all changes and none of them twice."""

import random
import time
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.delta import Delta
from shared.model.pace import Pace
from shared.model.recent import with_tick
from shared.model.values import Progress, Snapshot
from shared.publishing.fan_out import UNKNOWN_PROGRESS, FanOut
from shared.store.connections_table import ConnectionsTable
from tests.clients import Clients, spots, throttled
from tests.samples import SYMBOLS, after, quote, quotes

TICK_MS = 5_000
DEADLINE_S = 20.0
CHANGING = SYMBOLS[:12]


class Feed:
    """Ticks of five seconds, in each of which some symbols move, and the clients that hear them."""

    def __init__(self, connections: ConnectionsTable, clients: Clients, seed: int = 1) -> None:
        self.connections = connections
        self.clients = clients
        self.fan_out = FanOut(connections, clients.gateway)
        self.now = self._known(after(Snapshot(), quotes()))
        self.progress = UNKNOWN_PROGRESS
        self._draw = random.Random(seed)

    def listen(self, connection_id: str, every_s: int, channel: str = "rates_batch") -> None:
        self.connections.add(connection_id, int(time.time()))
        pace = Pace(every_s, self.now.seq) if every_s else None
        self.connections.subscribe(connection_id, channel, None, pace)

    def tick(self) -> None:
        moved = {each: quote(each, str(self._draw.randint(1, 10**6))) for each in self._draw.sample(CHANGING, 3)}
        kept = {symbol: replace(each, seen_ms=self.now.ts_ms) for symbol, each in self.now.quotes.items()}
        old, self.now = self.now, self._known(after(self.now, kept | moved, self.now.ts_ms + TICK_MS))
        _, self.progress = self.fan_out.post(Delta(old, self.now), None, self.progress, deadline_s=DEADLINE_S)

    def _known(self, snapshot: Snapshot) -> Snapshot:
        before = getattr(self, "now", Snapshot())
        return replace(snapshot, recent=with_tick(before.recent, snapshot.ts_ms, snapshot.seq))


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def feed(connections_items: Table, clients: Clients) -> Feed:
    return Feed(ConnectionsTable(connections_items), clients)


def gaps(frames: list[dict[str, Any]], start: int) -> list[dict[str, Any]]:
    """The updates before which a client missed something."""
    known, found = start, []
    for frame in frames:
        if frame["event"] == "update" and frame["prev_seq"] > known:
            found.append(frame)
        known = max(known, frame["seq"])
    return found


def test_each_hears_everything_once_in_its_interval(feed: Feed, clients: Clients) -> None:
    paces = {f"c{number}": 5 * (1 + number * 59 // 29) for number in range(30)}
    for connection_id, every_s in paces.items():
        feed.listen(connection_id, every_s)
    start = feed.now
    heard_at: dict[str, list[int]] = defaultdict(list)
    books: dict[str, dict[str, Any]] = {connection_id: {} for connection_id in paces}
    counted = dict.fromkeys(paces, 0)
    for _ in range(150):
        feed.tick()
        for connection_id in paces:
            new = clients.frames(connection_id)[counted[connection_id] :]
            counted[connection_id] += len(new)
            if new:
                heard_at[connection_id].append(feed.now.ts_ms)
                for frame in new:
                    books[connection_id] |= spots(frame) if "data" in frame else {}
                book = books[connection_id]
                assert book == {symbol: feed.now.quotes[symbol].spot for symbol in book}
    for connection_id, every_s in paces.items():
        times = [start.ts_ms, *heard_at[connection_id]]
        assert max(b - a for a, b in pairwise(times)) <= every_s * 1000 + TICK_MS
        assert counted[connection_id] <= 150 * TICK_MS // (every_s * 1000) + 1
        frames = clients.frames(connection_id)
        assert gaps(frames, start.seq) == []
        told = [
            (each["symbol"], each["seq"]) for frame in frames if frame["event"] == "update" for each in frame["data"]
        ]
        assert len(told) == len(set(told))


def test_after_a_missed_turn_the_next_one_has_the_whole_view(feed: Feed, clients: Clients) -> None:
    feed.listen("slow", 15)
    for _ in range(12):
        feed.tick()
    before = len(clients.frames("slow"))
    clients.refusals["slow"] = throttled
    for _ in range(3):
        feed.tick()
    clients.refusals.clear()
    assert len(clients.frames("slow")) == before
    for _ in range(3):
        feed.tick()
    (frame,) = clients.frames("slow")[before:]
    assert frame["event"] == "snapshot"
    assert {each: feed.now.quotes[each].spot for each in CHANGING}.keys() <= spots(frame).keys()


def test_a_turn_of_a_tick_that_not_all_got_comes_again(feed: Feed, clients: Clients) -> None:
    feed.listen("paced", 60)
    for _ in range(30):
        before = len(clients.frames("paced"))
        feed.tick()
        if len(clients.frames("paced")) > before:
            break
    before = len(clients.frames("paced"))
    feed.progress = Progress(feed.now.seq - 1)  # as if the batch had been cut short
    feed.tick()
    assert len(clients.frames("paced")) == before + 1


def test_a_pace_on_one_channel_leaves_the_other_as_it_is(feed: Feed, clients: Clients) -> None:
    feed.listen("both", 300)
    feed.connections.subscribe("both", "rates", ("BTC_CAD",))
    for _ in range(12):
        feed.tick()
    moved = [frame for frame in clients.frames("both") if frame["event"] == "data"]
    assert len(moved) >= 1
    feed.connections.subscribe("both", "rates_batch", None)
    before = len([frame for frame in clients.frames("both") if frame["event"] == "update"])
    for _ in range(3):
        feed.tick()
    assert len([frame for frame in clients.frames("both") if frame["event"] in {"update", "snapshot"}]) > before + 1


def test_a_quiet_market_gives_a_heartbeat_in_each_turn(feed: Feed, clients: Clients) -> None:
    feed.connections.add("quiet", int(time.time()))
    feed.connections.subscribe("quiet", "rates_batch", (SYMBOLS[-1],), Pace(60, feed.now.seq))
    for _ in range(40):
        feed.tick()
    events = clients.events("quiet")
    assert events.count("heartbeat") in {2, 3}
    assert set(events) <= {"heartbeat", "snapshot"}
