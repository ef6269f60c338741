"""Who subscribes hears an acknowledgement, the snapshot, then what moved in between, and an ingest runs for them."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.gateway import Gone
from shared.protocol import BadRequest, Message
from shared.store.candles_table import CandlesTable
from shared.store.connections_table import ConnectionsTable, NotConnected
from shared.store.quotes_table import QuotesTable
from shared.subscriptions import Requests, Subscriptions
from shared.values import Snapshot
from tests.unit.clients import Clients, gone, spots
from tests.unit.samples import NOW_MS, SYMBOLS, after, quote, quotes

ID = "L0SM9cOFvHcCIhw="
FIRST = after(Snapshot(), quotes())
SECOND = after(FIRST, quotes() | {"BTC_CAD": quote(spot="1"), "ETH_CAD": quote("ETH_CAD", "2")}, NOW_MS + 1_000)


@dataclass
class Feed:
    """The tables, one client that is connected, and how often the ingest was woken."""

    quotes: QuotesTable
    connections: ConnectionsTable
    clients: Clients = field(default_factory=Clients)
    woken: list[int] = field(default_factory=list)

    @property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(self.quotes, self.connections, self.clients.gateway, self._wake)

    @property
    def requests(self) -> Requests:
        return Requests(self.quotes, CandlesTable(self.quotes._table), self.connections, self.clients.gateway)

    def _wake(self) -> None:
        self.woken.append(self.quotes.audience())

    def subscribe(self, channel: str = "rates_batch", **fields: Any) -> list[dict[str, Any]]:
        self.subscriptions.subscribe(ID, message("subscribe", channel=channel, **fields))
        return self.clients.frames(ID)

    def ask(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        self.requests.answer(ID, message(event, **fields))
        return self.clients.frames(ID)


def message(event: str, **fields: Any) -> Message:
    return Message(event, fields.get("id"), {"event": event, **fields})


@pytest.fixture
def feed(quotes_table: QuotesTable, connections_table: ConnectionsTable) -> Feed:
    connections_table.add(ID, int(time.time()))
    return Feed(quotes_table, connections_table)


def test_a_subscriber_hears_the_acknowledgement_then_the_snapshot(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    ack, snapshot = feed.subscribe(symbols=["ETH_CAD", "BTC_CAD"], id=7)
    assert (ack["event"], ack["id"], ack["symbols"]) == ("subscribed", 7, ["BTC_CAD", "ETH_CAD"])
    assert (snapshot["event"], snapshot["seq"], list(spots(snapshot))) == ("snapshot", 1, ["BTC_CAD", "ETH_CAD"])
    assert feed.connections.get(ID).subscriptions == {"rates_batch": ("BTC_CAD", "ETH_CAD")}


def test_a_subscriber_of_rates_hears_one_frame_per_symbol_and_nothing_before_the_acknowledgement(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    ack, *frames = feed.subscribe("rates")
    assert ack["event"] == "subscribed"
    assert {frame["data"]["symbol"] for frame in frames} == set(SYMBOLS)
    assert len(frames) == 75


@pytest.mark.parametrize("channel", ["rates", "rates_batch"])
def test_what_moved_between_the_snapshot_and_the_subscription_is_sent_after_it(feed: Feed, channel: str) -> None:
    feed.quotes.write_snapshot(FIRST, 1)

    def move(frame: dict[str, Any]) -> None:
        if frame["event"] in ("snapshot", "data"):
            feed.clients.on_post = lambda _frame: None
            assert feed.connections.get(ID).subscriptions == {}
            feed.quotes.write_snapshot(SECOND, 1)

    feed.clients.on_post = move
    frames = feed.subscribe(channel, symbols=["BTC_CAD", "LTC_CAD"])
    last = frames[-1]
    if channel == "rates":
        assert [frame["event"] for frame in frames] == ["subscribed", "data", "data", "data"]
        assert (last["data"]["symbol"], last["data"]["spot"], last["data"]["seq"]) == ("BTC_CAD", 1, 2)
    else:
        assert [frame["event"] for frame in frames] == ["subscribed", "snapshot", "update"]
        assert (last["prev_seq"], last["seq"]) == (1, 2)
        assert spots(last) == {"BTC_CAD": 1}


def test_what_moved_outside_the_view_is_not_sent(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)

    def move(frame: dict[str, Any]) -> None:
        if frame["event"] == "snapshot":
            feed.quotes.write_snapshot(SECOND, 1)

    feed.clients.on_post = move
    assert [frame["event"] for frame in feed.subscribe(symbols=["LTC_CAD"])] == ["subscribed", "snapshot"]


def test_the_first_subscriber_of_all_is_acknowledged_though_there_is_no_snapshot_yet(feed: Feed) -> None:
    (ack,) = feed.subscribe()
    assert ack["event"] == "subscribed"
    assert feed.connections.get(ID).subscriptions == {"rates_batch": None}
    assert feed.woken == [1]


def test_the_first_snapshot_of_all_is_sent_when_it_is_written_meanwhile(feed: Feed) -> None:
    feed.clients.on_post = lambda frame: (
        feed.quotes.write_snapshot(FIRST, 1) if frame["event"] == "subscribed" else None
    )
    assert [frame["event"] for frame in feed.subscribe()] == ["subscribed", "snapshot"]


def test_a_snapshot_written_after_the_first_look_is_sent_whole(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe = feed.connections.subscribe

    def subscribe_as_it_is_written(connection_id: str, channel: str, view: tuple[str, ...] | None) -> None:
        feed.quotes.write_snapshot(FIRST, 1)
        subscribe(connection_id, channel, view)

    monkeypatch.setattr(feed.connections, "subscribe", subscribe_as_it_is_written)
    ack, snapshot = feed.subscribe(symbols=["BTC_CAD"])
    assert (ack["event"], snapshot["event"], list(spots(snapshot))) == ("subscribed", "snapshot", ["BTC_CAD"])


def test_an_ingest_is_woken_only_when_none_runs(feed: Feed) -> None:
    lease = feed.quotes.take_lease(int(time.time() * 1000) + 60_000)
    feed.subscribe()
    assert feed.woken == []
    assert feed.quotes.audience() == 1
    feed.quotes.renew_lease(type(lease)(lease.epoch, lease.ticked_ms, 0))
    feed.subscribe()
    # The ingest that leaves looks for an audience: it was there before anybody was woken.
    assert feed.woken == [1]


def test_the_audience_is_joined_after_the_subscription_is_active(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    active: list[object] = []
    monkeypatch.setattr(
        feed.quotes, "join_audience", lambda _now_ms: active.append(feed.connections.get(ID).subscriptions)
    )
    feed.subscribe()
    assert active == [{"rates_batch": None}]


def test_a_bad_subscription_changes_nothing(feed: Feed) -> None:
    with pytest.raises(BadRequest):
        feed.subscribe("trades")
    with pytest.raises(BadRequest):
        feed.subscribe(symbols=["XYZ_CAD"])
    assert feed.clients.posts == 0
    assert feed.woken == []
    assert feed.connections.get(ID).subscriptions == {}


def test_who_left_before_the_subscription_is_not_brought_back(feed: Feed) -> None:
    feed.connections.remove(ID)
    with pytest.raises(NotConnected):
        feed.subscribe()
    feed.clients.refusals[ID] = gone
    with pytest.raises(Gone):
        feed.subscribe()
    assert feed.woken == []


def test_an_unsubscription_ends_that_channel_and_is_acknowledged(feed: Feed) -> None:
    for channel in ("rates", "rates_batch"):
        feed.connections.subscribe(ID, channel, None)
    feed.subscriptions.unsubscribe(ID, message("unsubscribe", channel="rates", id="a"))
    assert feed.connections.get(ID).subscriptions == {"rates_batch": None}
    assert feed.clients.frames(ID) == [
        {"event": "unsubscribed", "status": "unsubscribed", "channel": "rates", "id": "a"}
    ]
    with pytest.raises(BadRequest):
        feed.subscriptions.unsubscribe(ID, message("unsubscribe"))


# Requests that change nothing


def test_a_ping_is_answered_with_the_time(feed: Feed) -> None:
    before_ms = time.time_ns() // 1_000_000
    (pong,) = feed.ask("ping", id=3)
    assert (pong["event"], pong["id"]) == ("pong", 3)
    assert before_ms <= pong["ts"] <= time.time_ns() // 1_000_000


def test_subscriptions_are_listed(feed: Feed) -> None:
    feed.connections.subscribe(ID, "rates", ("BTC_CAD",))
    (listed,) = feed.ask("subscriptions", id=4)
    assert listed == {
        "event": "subscriptions",
        "subscriptions": [{"channel": "rates", "symbols": ["BTC_CAD"]}],
        "id": 4,
    }


@pytest.mark.parametrize(
    ("fields", "symbols"),
    [
        ({"symbols": ["ETH_CAD"]}, ["ETH_CAD"]),
        ({}, ["BTC_CAD", "LTC_CAD"]),
        ({"symbols": None}, ["BTC_CAD", "LTC_CAD"]),
    ],
)
def test_a_snapshot_is_of_the_symbols_named_else_of_the_subscription(
    feed: Feed, fields: dict[str, Any], symbols: list[str]
) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    feed.connections.subscribe(ID, "rates_batch", ("BTC_CAD", "LTC_CAD"))
    (snapshot,) = feed.ask("snapshot", channel="rates_batch", id=5, **fields)
    assert (snapshot["event"], snapshot["id"], list(spots(snapshot))) == ("snapshot", 5, symbols)


def test_a_snapshot_without_a_subscription_is_of_all(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    assert len(feed.ask("snapshot", channel="rates")) == 75


@pytest.mark.parametrize("event", ["nothing", "$default", "data", "Subscribe"])
def test_an_event_that_there_is_not_is_a_bad_request(feed: Feed, event: str) -> None:
    with pytest.raises(BadRequest, match="no such event") as refused:
        feed.ask(event, id=1)
    assert (refused.value.code, refused.value.message_id) == ("unknown_event", 1)


def test_a_request_of_who_is_not_connected_is_refused(feed: Feed) -> None:
    feed.connections.remove(ID)
    with pytest.raises(NotConnected):
        feed.ask("subscriptions")
