"""A connection's first subscription is written with the count of its message, before its first frames."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.gateway import PostFailed
from shared.model.delta import Delta
from shared.model.message_limit import MessageLimit
from shared.model.pace import Pace
from shared.model.staleness import ages
from shared.model.values import Connection, Progress, Snapshot
from shared.publishing.fan_out import FanOut
from shared.requests.prices import subscribe_work
from shared.requests.routes import Admission
from shared.requests.subscriptions import Subscriptions
from shared.store.connections_table import ALLOWED, ENDS, ConnectionsTable
from shared.store.quotes_table import Lease, QuotesTable
from tests.clients import Clients, failing, spots
from tests.metered import metered
from tests.requests.test_subscriptions import message
from tests.samples import SYMBOLS, after, quote, quotes

ID = "L0SM9cOFvHcCIhw="
TICK_S = 5
LIMIT = MessageLimit(60, 300)


@dataclass
class Feed:
    """A feed with one connected client. Its ticks come when a test says so."""

    quotes: QuotesTable
    connections: ConnectionsTable
    calls: Counter[str]
    clients: Clients = field(default_factory=Clients)
    ticks: list[Snapshot] = field(default_factory=lambda: [Snapshot(quotes=quotes())])
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self._subscriptions = Subscriptions(
            self.quotes, self.connections, self.clients.gateway, lambda: None, ages(TICK_S, 30), tick_s=TICK_S
        )
        self._fan_out = FanOut(self.connections, self.clients.gateway)

    def tick(self) -> None:
        """Change another symbol, as the ingest and `publish` do: renew the lease, write the snapshot, post it."""
        old = self.ticks[-1]
        symbol = SYMBOLS[old.seq % len(SYMBOLS)]
        new = after(old, {**old.quotes, symbol: quote(symbol, str(old.seq + 1))}, now_ms())
        self.quotes.renew_lease(Lease(1, new.ts_ms, new.ts_ms + 15_000, new.seq))
        self.quotes.write_snapshot(new, 1)
        self.ticks.append(new)
        delta = Delta(old if old.seq else Snapshot(), new)
        _, self.progress = self._fan_out.post(delta, None, self.progress, deadline_s=20)

    def admit(self, event: str = "subscribe", **fields: Any) -> Connection:
        admission = Admission(self.connections, LIMIT, self._subscriptions.opening)
        return admission(ID, message(event, **fields))

    def subscribe(self, channel: str = "rates_batch", **fields: Any) -> list[dict[str, Any]]:
        """Return the frames that the client has got since it connected."""
        connection = self.admit(channel=channel, **fields)
        self._subscriptions.act(connection, message("subscribe", channel=channel, **fields))
        return self.clients.frames(ID)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def calls(connections_table: ConnectionsTable) -> Iterator[Counter[str]]:
    """Count the calls of DynamoDB."""
    made: Counter[str] = Counter()
    events = connections_table._table.meta.client.meta.events
    events.register("before-call.dynamodb", lambda model, **_: made.update([model.name]), unique_id="counted")
    yield made
    events.unregister("before-call.dynamodb", unique_id="counted")


@pytest.fixture
def feed(quotes_table: QuotesTable, connections_table: ConnectionsTable, calls: Counter[str]) -> Feed:
    """A feed with one tick, which has just come."""
    made = Feed(quotes_table, connections_table, calls)
    connections_table.add(ID, now_ms() // 1000)
    made.tick()
    return made


@pytest.mark.parametrize("channel", ["rates_batch", "rates_compact"])
def test_a_first_subscription_is_one_write(feed: Feed, connections_items: Table, channel: str) -> None:
    feed.quotes.join_audience(now_ms())
    feed.subscribe(channel)  # a warm Lambda
    feed.connections.unsubscribe(ID)
    clients = feed.clients.received[ID]
    clients.clear()
    feed.calls.clear()
    assert [frame["event"] for frame in feed.subscribe(channel)] == ["subscribed", "snapshot"]
    assert feed.connections.get(ID).subscriptions == {channel: None}
    writes = {name: number for name, number in feed.calls.items() if name != "GetItem"}
    assert writes == {"UpdateItem": 1}
    assert connections_items.scan(FilterExpression=Attr("tat_ms").gt(now_ms()))["Count"] == 1


def test_the_next_tick_is_told(feed: Feed) -> None:
    feed.subscribe()
    feed.tick()
    update = feed.clients.frames(ID)[-1]
    assert (update["event"], update["prev_seq"], update["seq"]) == ("update", 1, 2)


def test_a_tick_that_has_begun_is_looked_for(feed: Feed) -> None:
    """It is written before the client's first frames and published after the second look."""
    old = feed.ticks[-1]
    changed = after(old, {**old.quotes, "BTC_CAD": quote(spot="7")}, now_ms())

    def write(frame: dict[str, Any]) -> None:
        if frame["event"] == "snapshot":
            feed.quotes.renew_lease(Lease(1, changed.ts_ms, changed.ts_ms + 15_000, changed.seq))
            feed.quotes.write_snapshot(changed, 1)

    feed.clients.on_post = write
    *_, update = feed.subscribe()
    assert (update["event"], update["prev_seq"]) == ("update", 1)
    assert spots(update) == {"BTC_CAD": 7}


@pytest.mark.parametrize("ticks", list(itertools.product(range(3), repeat=3)), ids=lambda each: "".join(map(str, each)))
def test_whenever_ticks_come_the_client_ends_right(feed: Feed, ticks: tuple[int, ...]) -> None:
    """Ticks after the subscription is written, and during each of its first frames."""
    admitted, acknowledged, told = ticks
    during = {"subscribed": acknowledged, "snapshot": told}

    def come(frame: dict[str, Any]) -> None:
        for _ in range(during.pop(frame["event"], 0)):
            feed.tick()

    feed.clients.on_post = come
    connection = feed.admit(channel="rates_batch")
    assert connection.opening
    for _ in range(admitted):
        feed.tick()
    feed._subscriptions.act(connection, message("subscribe", channel="rates_batch"))
    frames = [frame for frame in feed.clients.frames(ID) if frame["event"] != "subscribed"]
    assert book(frames) == {symbol: each.spot for symbol, each in feed.ticks[-1].quotes.items()}
    if not admitted and not acknowledged:
        assert frames[0]["event"] == "snapshot"
        assert not gaps(frames)


def book(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the spot prices of a client that believes the last frame, whatever its `seq`."""
    return {row["symbol"]: row["spot"] for frame in frames for row in frame["data"]}


def gaps(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the updates after which a client asks for a snapshot, since it missed one before."""
    return [
        frame
        for before, frame in itertools.pairwise(frames)
        if frame["event"] == "update" and frame["prev_seq"] > before["seq"]
    ]


def test_two_first_messages_at_once_are_both_counted(feed: Feed) -> None:
    """The second one has read the connection before the first one was counted."""
    stale = feed.connections._get(ID)
    first = feed.admit(channel="rates_batch")
    used = feed.connections._get(ID)[0]["tat_ms"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed.connections, "_get", lambda _id: stale)
        second = feed.admit(channel="rates_batch")
    assert (first.opening is None, second.opening) == (False, None)
    assert feed.connections._get(ID)[0]["tat_ms"] > used


@pytest.mark.parametrize(
    "fields",
    [
        {"channel": "rates"},
        {"channel": "rates_batch", "every": 10},
        {"channel": "nonsense"},
        {"channel": "rates_batch", "symbols": 7},
        {"event": "unsubscribe", "channel": "rates_batch"},
        {"event": "ping"},
    ],
)
def test_other_messages_are_only_counted(feed: Feed, fields: dict[str, Any]) -> None:
    fields = {"event": "subscribe", **fields}
    assert feed.admit(**fields).opening is None
    assert feed.connections.get(ID).subscriptions == {}


def test_a_second_channel_is_written_after_its_frames(feed: Feed) -> None:
    feed.subscribe("rates_batch")
    assert feed.admit(channel="rates_compact").opening is None


@pytest.mark.parametrize("attributes", [{ALLOWED: ["rates_compact"]}, {ENDS: 1}])
def test_a_token_that_does_not_allow_it_is_seen_before(feed: Feed, attributes: dict[str, Any]) -> None:
    feed.connections.add(ID, 0, attributes)
    assert feed.admit(channel="rates_batch").opening is None


def test_over_the_limit_nothing_is_read(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.connections.add(ID, 0, {"tat_ms": now_ms() + LIMIT.burst * LIMIT.interval_ms})
    monkeypatch.setattr(feed._subscriptions, "opening", lambda *_: pytest.fail("it asks for the snapshot"))
    with pytest.raises(Exception, match="over the limit"):
        feed.admit(channel="rates_batch")


def test_a_client_that_cannot_be_told_is_not_subscribed(feed: Feed) -> None:
    feed.clients.refusals[ID] = failing
    with pytest.raises(PostFailed):
        feed.subscribe()
    assert feed.connections.get(ID).subscriptions == {}


@pytest.mark.parametrize("fields", [{}, {"symbols": ["ETH_CAD"]}, {"every": 60}])
def test_what_a_later_message_subscribed_stays(feed: Feed, fields: dict[str, Any]) -> None:
    """Clients repeat a `subscribe` that is not answered, and its first answer may fail after that."""
    first = feed.admit(channel="rates_batch")
    feed.subscribe("rates_batch", **fields)
    subscribed = feed.connections.get(ID).subscriptions
    assert "rates_batch" in subscribed
    feed.clients.refusals[ID] = failing
    with pytest.raises(PostFailed):
        feed._subscriptions.act(first, message("subscribe", channel="rates_batch"))
    assert feed.connections.get(ID).subscriptions == subscribed


def test_a_failure_to_take_it_back_hides_no_other(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")

    monkeypatch.setattr(feed.connections, "take_back", fails)
    feed.clients.refusals[ID] = failing
    with pytest.raises(PostFailed):
        feed.subscribe()


def test_an_opening_ends_a_pace_that_was_left(feed: Feed, connections_items: Table) -> None:
    """By a version that did not know paces, and removed the channel only."""
    feed.connections.subscribe(ID, "rates_batch", None, Pace(60, 1))
    (item,) = connections_items.scan(FilterExpression=Attr("sk").eq(ID))["Items"]
    del item["rates_batch"]
    connections_items.put_item(Item=item)
    feed.subscribe()
    assert feed.connections.get(ID).paces == {}


@pytest.mark.parametrize("channel", ["rates_batch", "rates_compact"])
def test_simultaneous_messages_cost_no_more_than_their_price(
    feed: Feed, connections_items: Table, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    """Both have read the connection before either is counted, the audience has its last call, and no ingest runs. There
    are connections of other numbers of partitions."""
    for number in (7, 10):
        layout = {"pk": "SHARD#0", "sk": f"LAYOUT#{number}", "layout": number, "expires_at": now_ms() // 1000 + 600}
        connections_items.put_item(Item=layout)
    feed.quotes.join_audience(now_ms())
    feed.quotes.count_audience(0, feed.quotes.counted_audience())
    feed.quotes.renew_lease(Lease(1, 0, 0, 1))
    stale = feed.connections._get(ID)
    monkeypatch.setattr(feed.connections, "_get", lambda _id: stale)
    feed.admit(channel=channel)
    meter = metered(monkeypatch)
    feed.subscribe(channel)
    most = subscribe_work(channel, len(SYMBOLS))
    assert meter.of("write") <= most.write_units
    assert meter.of("read") <= most.read_units
