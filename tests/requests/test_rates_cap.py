"""The connections on `rates` are limited, and an operator can switch it off."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.channels import RATES, RATES_BATCH
from shared.model.message_limit import MessageLimit, RateLimited
from shared.model.values import Connection, Snapshot
from shared.model.viewer import viewer_of
from shared.protocol import BadRequest, Message, View
from shared.requests.long_answers import LongAnswers
from shared.requests.rates_cap import RatesCap
from shared.requests.subscriptions import Requests, Subscriptions
from shared.store.client_places import ClientPlaces, Limits
from shared.store.client_rates import ClientRates
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from shared.store.rates_places import RatesPlaces
from tests.answering import requests_on
from tests.clients import Clients
from tests.samples import AGELESS, after, quotes


class Feed:
    """The feed with some places on `rates`."""

    def __init__(self, quotes_table: QuotesTable, connections: ConnectionsTable, cap: RatesCap) -> None:
        quotes_table.write_snapshot(after(Snapshot(), quotes()), 1)
        self.connections, self.clients = connections, Clients()
        gateway = self.clients.gateway
        self._subscriptions = Subscriptions(quotes_table, connections, gateway, lambda: None, AGELESS, cap)
        self._requests: Requests = requests_on(quotes_table._table, gateway, AGELESS)
        self._requests._rates_cap = cap

    def connect(self, *ids: str) -> None:
        for each in ids:
            self.connections.add(each, int(time.time()))

    def during_answers(self, act: Callable[[], object]) -> None:
        """Act once, when the next frame arrives at a client."""

        def once(_frame: dict[str, Any]) -> None:
            self.clients.on_post = lambda _frame: None
            act()

        self.clients.on_post = once

    def send(self, connection_id: str, event: str, **fields: object) -> str:
        """Send a message; return the code of its refusal."""
        message = Message(event, None, {"event": event, **fields})
        act = self._requests.answer if event == "snapshot" else self._subscriptions.act
        try:
            act(self.connections.get(connection_id), message)
        except BadRequest as error:
            return error.code if f'"{RATES_BATCH}"' in str(error) else f"{error}"
        return ""


@pytest.fixture
def places(quotes_table: QuotesTable) -> RatesPlaces:
    return RatesPlaces(quotes_table._table)


@pytest.fixture
def feed(quotes_table: QuotesTable, connections_table: ConnectionsTable, places: RatesPlaces) -> Feed:
    made = Feed(quotes_table, connections_table, RatesCap(places=places, most=2))
    made.connect("a", "b", "c")
    return made


def test_a_connection_over_the_cap_is_told_where_to_go(feed: Feed) -> None:
    assert [feed.send(each, "subscribe", channel=RATES) for each in ("a", "b", "c")] == ["", "", "channel_full"]
    assert feed.clients.frames("c") == []
    assert feed.connections.get("c").subscriptions == {}
    assert feed.send("c", "subscribe", channel=RATES_BATCH) == ""


def test_a_connection_needs_one_place_however_it_subscribes(feed: Feed) -> None:
    for _ in range(4):
        assert feed.send("a", "subscribe", channel=RATES, symbols=["BTC_CAD"]) == ""
    assert feed.send("b", "subscribe", channel=RATES) == ""
    assert feed.send("a", "subscribe", channel=RATES) == ""


@pytest.mark.parametrize("fields", [{}, {"channel": RATES}, {"channel": RATES, "symbols": ["BTC_CAD", "ETH_CAD"]}])
def test_unsubscribing_gives_the_place_back(feed: Feed, fields: dict[str, object]) -> None:
    for each in ("a", "b"):
        feed.send(each, "subscribe", channel=RATES, symbols=["BTC_CAD", "ETH_CAD"])
    assert feed.send("a", "unsubscribe", channel=RATES, symbols=["BTC_CAD"]) == ""
    assert feed.send("c", "subscribe", channel=RATES) == "channel_full"
    assert feed.send("a", "unsubscribe", channel=RATES_BATCH) == ""
    assert feed.send("c", "subscribe", channel=RATES) == "channel_full"
    assert feed.send("a", "unsubscribe", **fields) == ""
    assert feed.send("a", "unsubscribe", **fields) == ""
    assert feed.send("c", "subscribe", channel=RATES) == ""
    assert feed.send("a", "subscribe", channel=RATES) == "channel_full"


def test_without_a_cap_nothing_is_counted(
    quotes_table: QuotesTable, connections_table: ConnectionsTable, places: RatesPlaces
) -> None:
    feed = Feed(quotes_table, connections_table, RatesCap(places=places, most=0))
    feed.connect("a")
    assert feed.send("a", "subscribe", channel=RATES) == ""
    assert feed.send("a", "unsubscribe") == ""
    assert places.read().write_id is None


def test_a_channel_that_is_off_answers_nothing(
    quotes_table: QuotesTable, connections_table: ConnectionsTable, places: RatesPlaces
) -> None:
    feed = Feed(quotes_table, connections_table, RatesCap(is_on=False, places=places, most=2))
    feed.connect("a")
    assert feed.send("a", "subscribe", channel=RATES) == "channel_off"
    assert feed.send("a", "snapshot", channel=RATES) == "channel_off"
    assert feed.send("a", "snapshot", channel=RATES_BATCH) == ""
    assert feed.send("a", "subscribe", channel=RATES_BATCH) == ""


ME, OTHER = {"viewer": "203.0.113.7"}, {"viewer": "203.0.113.8"}


@pytest.fixture
def shared(quotes_table: QuotesTable, connections_items: Table, places: RatesPlaces) -> Feed:
    """Three connections of one viewer, which may have two on `rates`, and one of its neighbour; three places in all."""
    cap = RatesCap(places=places, most=3, of_client=ClientRates(connections_items, Limits(per_client=2)))
    feed = Feed(quotes_table, ConnectionsTable(connections_items), cap)
    viewers = ClientPlaces(connections_items, Limits(per_client=9), MessageLimit(5, 200))
    now_s = int(time.time())
    for each, viewer in {"a": ME, "b": ME, "c": ME, "other": OTHER}.items():
        place = viewers.take(viewer_of(viewer["viewer"]), each, now_s + 60, now_s * 1000)
        feed.connections.add(each, now_s, place)
    return feed


def test_a_viewer_has_some_of_the_places(shared: Feed) -> None:
    """The answer says so. Others still get theirs, and the viewer another one when it gives one back."""
    subscribe = partial(shared.send, event="subscribe", channel=RATES)
    assert [subscribe(each) for each in ("a", "a", "b", "c")] == ["", "", "", "channel_full"]
    assert shared.connections.get("c").subscriptions == {}
    assert subscribe("other") == ""
    shared.send("a", "unsubscribe", channel=RATES)
    assert subscribe("c") == ""


def test_an_ended_connection_gives_its_viewers_place_back(shared: Feed) -> None:
    for each in ("a", "b"):
        shared.send(each, "subscribe", channel=RATES)
    shared.connections.remove("a")
    assert shared.send("c", "subscribe", channel=RATES) == ""


def test_what_expired_is_none_of_a_viewers(shared: Feed, connections_items: Table) -> None:
    """TTL deletes late, and a lost `$disconnect` gives nothing back."""
    for each in ("a", "b"):
        shared.send(each, "subscribe", channel=RATES)
    connections_items.update_item(
        Key={"pk": "CLIENT#203.0.113.0/24", "sk": "203.0.113.7#a"},
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": int(time.time()) - 1},
    )
    assert shared.send("c", "subscribe", channel=RATES) == ""


def test_a_viewer_that_finds_all_places_taken_keeps_its_own(shared: Feed, places: RatesPlaces) -> None:
    while places.take(3):
        pass
    assert shared.send("a", "subscribe", channel=RATES) == "channel_full"
    places.give_back()
    places.give_back()
    assert [shared.send(each, "subscribe", channel=RATES) for each in ("b", "c")] == ["", ""]


def test_a_connection_without_a_place_has_no_limit_of_a_viewer(shared: Feed) -> None:
    """One of an older version, or where viewers have no limits."""
    shared.connections.add("old", int(time.time()))
    shared.connections.add("expired", int(time.time()), ME)
    assert [shared.send(each, "subscribe", channel=RATES) for each in ("a", "b", "old")] == ["", "", ""]
    assert shared.send("old", "unsubscribe", channel=RATES) == shared.send("expired", "subscribe", channel=RATES) == ""


def test_a_subscription_that_may_not_wait_gives_its_place_back(feed: Feed, places: RatesPlaces) -> None:
    class Busy(LongAnswers):
        def wait(self, _channel: str, _view: View) -> None:
            raise RateLimited(1, 0)

    free, feed._subscriptions._long_answers = feed._subscriptions._long_answers, Busy(None)
    with pytest.raises(RateLimited):
        feed.send("a", "subscribe", channel=RATES)
    assert places.read().taken == 0
    feed._subscriptions._long_answers = free
    assert [feed.send(each, "subscribe", channel=RATES) for each in ("b", "c", "a")] == ["", "", "channel_full"]
    feed._subscriptions._long_answers = Busy(None)
    assert feed.send("a", "subscribe", channel=RATES) == "channel_full"  # at once, and not after a wait


def test_no_connection_stays_subscribed_without_its_place(shared: Feed) -> None:
    """It unsubscribes while its next subscription is answered, and so before that is written."""
    subscribe = partial(shared.send, event="subscribe", channel=RATES)
    assert subscribe("a") == ""
    shared.during_answers(lambda: shared.send("a", "unsubscribe", channel=RATES))
    assert subscribe("a") == ""
    assert RATES in shared.connections.get("a").subscriptions
    assert [subscribe(each) for each in ("b", "c")] == ["", "channel_full"]


def test_a_subscription_whose_place_others_took_is_ended(shared: Feed) -> None:
    assert shared.send("a", "subscribe", channel=RATES) == ""

    def make_room() -> None:
        shared.send("a", "unsubscribe")
        assert [shared.send(each, "subscribe", channel=RATES) for each in ("b", "c")] == ["", ""]

    shared.during_answers(make_room)
    assert shared.send("a", "subscribe", channel=RATES) == "channel_full"
    assert shared.connections.get("a").subscriptions == {}


@pytest.mark.parametrize("fields", [{}, {"channel": RATES}, {"channel": RATES, "symbols": ["BTC_CAD"]}])
def test_unsubscribing_takes_no_place_from_a_new_subscription(shared: Feed, fields: dict[str, object]) -> None:
    """The new one is written, with its place, between the end of the old one and the return of its place."""
    give_back, patch = RatesCap.give_back, pytest.MonkeyPatch()

    def late(cap: RatesCap, connection: Connection) -> None:
        patch.undo()
        assert shared.send("a", "subscribe", channel=RATES) == ""
        give_back(cap, connection)

    assert shared.send("a", "subscribe", channel=RATES, symbols=["BTC_CAD"]) == ""
    patch.setattr(RatesCap, "give_back", late)
    assert shared.send("a", "unsubscribe", **fields) == ""
    assert shared.connections.get("a").subscriptions == {RATES: None}
    assert [shared.send(each, "subscribe", channel=RATES) for each in ("b", "c")] == ["", "channel_full"]
