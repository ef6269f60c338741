"""A subscriber gets an acknowledgement, the snapshot, then later changes, and an ingest runs."""

import json
import re
import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.gateway import Gone
from shared.model.assets import catalogue
from shared.model.pace import Pace
from shared.model.staleness import Ages, ages
from shared.model.values import Snapshot
from shared.protocol import BadRequest, Message, parse_message
from shared.requests.subscriptions import Requests, Subscriptions
from shared.store.codec import pack
from shared.store.connections_table import Changed, ConnectionsTable, NotConnected
from shared.store.quotes_table import SNAPSHOT_KEY, QuotesTable
from tests.answering import requests_on
from tests.clients import Clients, gone, spots
from tests.samples import AGELESS, NOW_MS, SYMBOLS, after, quote, quotes

ID = "L0SM9cOFvHcCIhw="
FIRST = after(Snapshot(), quotes())
SECOND = after(FIRST, quotes() | {"BTC_CAD": quote(spot="1"), "ETH_CAD": quote("ETH_CAD", "2")}, NOW_MS + 1_000)


@dataclass
class Feed:
    """The tables, one connected client, and the number of times the ingest was woken."""

    quotes: QuotesTable
    connections: ConnectionsTable
    clients: Clients = field(default_factory=Clients)
    woken: list[int] = field(default_factory=list)
    limits: Ages = AGELESS

    @property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(self.quotes, self.connections, self.clients.gateway, self._wake, self.limits)

    @property
    def requests(self) -> Requests:
        return requests_on(self.quotes._table, self.clients.gateway, AGELESS)

    def _wake(self) -> None:
        self.woken.append(self.quotes.audience())

    def subscribe(self, channel: str = "rates_batch", **fields: Any) -> list[dict[str, Any]]:
        self.subscriptions.subscribe(self.connections.get(ID), message("subscribe", channel=channel, **fields))
        return self.clients.frames(ID)

    def ask(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        self.requests.answer(self.connections.get(ID), message(event, **fields))
        return self.clients.frames(ID)

    def unsubscribe(self, **fields: Any) -> dict[str, Any]:
        self.subscriptions.unsubscribe(self.connections.get(ID), message("unsubscribe", **fields))
        return self.clients.frames(ID)[-1]


def message(event: str, **fields: Any) -> Message:
    return Message(event, fields.get("id"), {"event": event, **fields})


@pytest.fixture
def feed(quotes_table: QuotesTable, connections_table: ConnectionsTable) -> Feed:
    connections_table.add(ID, int(time.time()))
    return Feed(quotes_table, connections_table)


def test_a_subscriber_gets_the_acknowledgement_then_the_snapshot(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    ack, snapshot = feed.subscribe(symbols=["ETH_CAD", "BTC_CAD"], id=7)
    assert (ack["event"], ack["id"], ack["symbols"]) == ("subscribed", 7, ["BTC_CAD", "ETH_CAD"])
    assert (snapshot["event"], snapshot["seq"], list(spots(snapshot))) == ("snapshot", 1, ["BTC_CAD", "ETH_CAD"])
    assert feed.connections.get(ID).subscriptions == {"rates_batch": ("BTC_CAD", "ETH_CAD")}


def test_a_rates_subscriber_gets_one_frame_per_symbol(feed: Feed) -> None:
    """Nothing comes before the acknowledgement."""
    feed.quotes.write_snapshot(FIRST, 1)
    ack, *frames = feed.subscribe("rates")
    assert ack["event"] == "subscribed"
    assert {frame["data"]["symbol"] for frame in frames} == set(SYMBOLS)
    assert len(frames) == len(catalogue())


@pytest.mark.parametrize("channel", ["rates", "rates_batch"])
def test_changes_since_the_snapshot_follow_it(feed: Feed, channel: str) -> None:
    """They happened between the read of the snapshot and the subscription."""
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


@pytest.mark.parametrize(("channel", "spots_told"), [("rates", [1, 3]), ("rates_batch", [1])])
def test_a_tick_that_these_changes_overtook_is_told_again(feed: Feed, channel: str, spots_told: list[int]) -> None:
    """On `rates`: `publish` may have posted it before them, and its readers need not look at `seq`."""
    feed.quotes.write_snapshot(FIRST, 1)
    third = after(SECOND, {**SECOND.quotes, "BTC_CAD": quote(spot="3")}, NOW_MS + 2_000)
    to_write = [SECOND, third]

    def move(frame: dict[str, Any]) -> None:
        if frame["event"] in ("snapshot", "data", "update") and to_write:
            feed.quotes.write_snapshot(to_write.pop(0), 1)

    feed.clients.on_post = move
    told = [frame["data"] for frame in feed.subscribe(channel, symbols=["BTC_CAD"])[2:]]
    assert [(data if channel == "rates" else data[0])["spot"] for data in told] == spots_told


def test_changes_outside_the_view_are_not_sent(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)

    def move(frame: dict[str, Any]) -> None:
        if frame["event"] == "snapshot":
            feed.quotes.write_snapshot(SECOND, 1)

    feed.clients.on_post = move
    assert [frame["event"] for frame in feed.subscribe(symbols=["LTC_CAD"])] == ["subscribed", "snapshot"]


def test_the_first_subscriber_needs_no_snapshot(feed: Feed) -> None:
    (ack,) = feed.subscribe()
    assert ack["event"] == "subscribed"
    assert feed.connections.get(ID).subscriptions == {"rates_batch": None}
    assert feed.woken == [1]


def test_a_first_snapshot_written_meanwhile_is_sent(feed: Feed) -> None:
    feed.clients.on_post = lambda frame: (
        feed.quotes.write_snapshot(FIRST, 1) if frame["event"] == "subscribed" else None
    )
    assert [frame["event"] for frame in feed.subscribe()] == ["subscribed", "snapshot"]


def test_a_snapshot_written_after_the_first_look_is_sent_whole(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe = feed.connections.subscribe

    def subscribe_as_it_is_written(*given: Any) -> None:
        feed.quotes.write_snapshot(FIRST, 1)
        subscribe(*given)

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
    # The stopping ingest looks for an audience, so that is stored before anybody is woken.
    assert feed.woken == [1]


def test_of_50_subscribers_at_once_one_wakes_the_ingest(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    none_runs, now_ns = feed.quotes.lease(), time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns)  # a claim lasts five seconds
    monkeypatch.setattr(feed.quotes, "lease", lambda: none_runs)  # each looked before the others claimed
    for _ in range(50):
        feed.subscriptions._join_audience()
    assert feed.woken == [1]


def test_if_the_woken_ingest_never_comes_another_is_woken(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a later subscriber."""
    now_s = time.time()
    for after_s, woken in ((0, 1), (4.9, 1), (5.1, 2), (9, 2), (11, 3)):
        monkeypatch.setattr(time, "time_ns", lambda: int((now_s + after_s) * 1e9))  # noqa: B023
        feed.subscriptions._join_audience()
        assert len(feed.woken) == woken


def test_after_the_woken_ingest_stopped_one_is_woken_at_once(feed: Feed) -> None:
    feed.subscribe()
    lease = feed.quotes.take_lease(int(time.time() * 1000) + 10_000)
    feed.quotes.renew_lease(replace(lease, until_ms=0))
    feed.subscribe()
    assert len(feed.woken) == 2


def test_the_lease_of_a_clock_that_was_ahead_is_not_believed(feed: Feed) -> None:
    feed.quotes.take_lease(int(time.time() * 1000) + 3_600_000)
    feed.limits = ages(5, 30)
    feed.subscribe()
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


def test_a_client_that_left_before_subscribing_stays_gone(feed: Feed) -> None:
    connection, asked = feed.connections.get(ID), message("subscribe", channel="rates_batch")
    feed.connections.remove(ID)
    with pytest.raises(NotConnected):
        feed.subscriptions.subscribe(connection, asked)
    feed.clients.refusals[ID] = gone
    with pytest.raises(Gone):
        feed.subscriptions.subscribe(connection, asked)
    assert feed.woken == []


# Unsubscribing


def test_unsubscribe_without_a_channel_ends_everything(feed: Feed) -> None:
    for channel in ("rates", "rates_batch"):
        feed.connections.subscribe(ID, channel, None)
    assert feed.unsubscribe(id="a") == {"event": "unsubscribed", "status": "unsubscribed", "id": "a"}
    assert feed.connections.get(ID).subscriptions == {}
    assert feed.unsubscribe(channel=None) == {"event": "unsubscribed", "status": "unsubscribed"}


def test_unsubscribing_from_one_channel_keeps_the_other(feed: Feed) -> None:
    for channel in ("rates", "rates_batch"):
        feed.connections.subscribe(ID, channel, None)
    assert feed.unsubscribe(channel="rates", id="a") == {
        "event": "unsubscribed", "status": "unsubscribed", "channel": "rates", "symbols": [], "id": "a",
    }  # fmt: skip
    assert feed.connections.get(ID).subscriptions == {"rates_batch": None}


def test_unsubscribe_answers_with_remaining_and_unknown_symbols(feed: Feed) -> None:
    feed.connections.subscribe(ID, "rates", ("BTC_CAD", "ETH_CAD", "LTC_CAD"))
    answer = feed.unsubscribe(channel="rates", symbols=["ETH_CAD", "SHIB_CAD", "XYZ_CAD"])
    assert answer["symbols"] == ["BTC_CAD", "LTC_CAD"]
    assert answer["rejected"] == [{"symbol": "XYZ_CAD", "code": "unknown_symbol", "message": "no such symbol"}]
    assert feed.connections.get(ID).subscriptions == {"rates": ("BTC_CAD", "LTC_CAD")}


def test_unsubscribing_from_all_symbols_keeps_the_others(feed: Feed) -> None:
    feed.connections.subscribe(ID, "rates_batch", None)
    assert feed.unsubscribe(channel="rates_batch", symbols=["BTC_CAD"])["symbols"] == SYMBOLS[1:]
    assert feed.connections.get(ID).subscriptions == {"rates_batch": tuple(SYMBOLS[1:])}


def test_a_channel_without_its_last_symbol_ends(feed: Feed) -> None:
    feed.connections.subscribe(ID, "rates", ("BTC_CAD",))
    assert feed.unsubscribe(channel="rates", symbols=["BTC_CAD"])["symbols"] == []
    assert feed.connections.get(ID).subscriptions == {}


def test_unsubscribing_an_unsubscribed_symbol_is_not_an_error(feed: Feed) -> None:
    assert feed.unsubscribe(channel="rates", symbols=["BTC_CAD"])["symbols"] == []
    assert feed.unsubscribe(channel="rates")["symbols"] == []
    assert feed.connections.get(ID).subscriptions == {}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbols": ["BTC_CAD"]}, "bad_request"),
        ({"channel": "trades"}, "unknown_channel"),
        ({"channel": "rates", "symbols": []}, "bad_request"),
        ({"channel": "rates", "symbols": ["XYZ_CAD"]}, "unknown_symbol"),
        ({"channel": "rates", "symbols": ["BTC_CAD"] * 101}, "too_many_symbols"),
    ],
)
def test_a_bad_unsubscription_changes_nothing(feed: Feed, fields: dict[str, Any], code: str) -> None:
    feed.connections.subscribe(ID, "rates", None)
    with pytest.raises(BadRequest) as refused:
        feed.unsubscribe(**fields, id=1)
    assert (refused.value.code, refused.value.message_id) == (code, 1)
    assert feed.connections.get(ID).subscriptions == {"rates": None}


def test_unsubscribe_reduces_a_subscription_made_meanwhile(feed: Feed) -> None:
    feed.connections.subscribe(ID, "rates", ("BTC_CAD",))
    read_before = feed.connections.get(ID)
    feed.connections.subscribe(ID, "rates", ("BTC_CAD", "ETH_CAD"))
    feed.subscriptions.unsubscribe(read_before, message("unsubscribe", channel="rates", symbols=["BTC_CAD"]))
    assert feed.clients.frames(ID)[-1]["symbols"] == ["ETH_CAD"]
    assert feed.connections.get(ID).subscriptions == {"rates": ("ETH_CAD",)}


def test_a_subscription_that_keeps_changing_is_a_retryable_error(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.connections.subscribe(ID, "rates", ("BTC_CAD",))

    def changed(*_given: object) -> None:
        raise Changed

    monkeypatch.setattr(ConnectionsTable, "reduce", changed)
    with pytest.raises(BadRequest) as refused:
        feed.unsubscribe(channel="rates", symbols=["BTC_CAD"])
    assert refused.value.code == "unavailable"


def test_each_message_is_acted_on_by_its_event(feed: Feed) -> None:
    for event in ("subscribe", "unsubscribe"):
        feed.subscriptions.act(feed.connections.get(ID), message(event, channel="rates"))
    assert feed.clients.events(ID) == ["subscribed", "unsubscribed"]
    with pytest.raises(BadRequest, match="no such event: ping"):
        feed.subscriptions.act(feed.connections.get(ID), message("ping", channel="rates"))


# Requests that change nothing


def test_a_ping_is_answered_with_the_time(feed: Feed) -> None:
    before_ms = time.time_ns() // 1_000_000
    (pong,) = feed.ask("ping", id=3)
    assert (pong["event"], pong["id"]) == ("pong", 3)
    assert before_ms <= pong["ts"] <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        ("1718707723456", "1718707723456"),
        ("-0.50", "-0.50"),
        ("1e400", "1E+400"),
        ("1" * 400, "1" * 400),
        ('"2024-06-18T10:48:43Z"', '"2024-06-18T10:48:43Z"'),
        (json.dumps("x" * 37), None),
        ("true", None),
        ("null", None),
        ("[1]", None),
        ("{}", None),
    ],
)
def test_a_ping_echoes_its_timestamp_if_it_is_valid(feed: Feed, sent: str, echoed: str | None) -> None:
    ping = parse_message(f'{{"event":"ping","timestamp":{sent},"whatever":[{{}}]}}')
    feed.requests.answer(feed.connections.get(ID), ping)
    (frame,) = feed.clients.received[ID]
    expected = "" if echoed is None else f',"timestamp":{echoed}'
    assert re.sub(r"\d{13}", "TS", frame.decode(), count=1) == f'{{"event":"pong","ts":TS{expected}}}'


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
def test_a_snapshot_has_the_named_or_subscribed_symbols(feed: Feed, fields: dict[str, Any], symbols: list[str]) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    feed.connections.subscribe(ID, "rates_batch", ("BTC_CAD", "LTC_CAD"))
    (snapshot,) = feed.ask("snapshot", channel="rates_batch", id=5, **fields)
    assert (snapshot["event"], snapshot["id"], list(spots(snapshot))) == ("snapshot", 5, symbols)


def test_a_snapshot_without_a_subscription_is_of_all(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    assert len(feed.ask("snapshot", channel="rates")) == len(catalogue())


@pytest.mark.parametrize("event", ["nothing", "$default", "data", "Subscribe"])
def test_an_unknown_event_is_a_bad_request(feed: Feed, event: str) -> None:
    with pytest.raises(BadRequest, match="no such event") as refused:
        feed.ask(event, id=1)
    assert (refused.value.code, refused.value.message_id) == ("unknown_event", 1)


def test_the_assets_are_listed_with_what_their_prices_are_like(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    (answer,) = feed.ask("assets", id=6)
    assert (answer["event"], answer["id"], len(answer["assets"])) == ("assets", 6, len(catalogue()))
    assert {asset["status"] for asset in answer["assets"]} == {"live"}


POISON = b"garbage"


@pytest.mark.parametrize("channel", ["rates", "rates_batch"])
@pytest.mark.parametrize("packed", [None, POISON])
def test_before_the_first_tick_a_snapshot_is_a_retryable_error(feed: Feed, channel: str, packed: bytes | None) -> None:
    """An empty view would replace what the client has. A stored snapshot that cannot be read does not count."""
    if packed:
        feed.quotes._table.put_item(Item={**SNAPSHOT_KEY, "seq": 7, "epoch": 1, "packed": packed})
    with pytest.raises(BadRequest) as refused:
        feed.ask("snapshot", channel=channel, id=8)
    assert (refused.value.code, refused.value.message_id) == ("unavailable", 8)
    assert feed.clients.received == {}


@pytest.mark.parametrize("event", ["assets", "history"])
def test_an_unreadable_snapshot_keeps_no_other_request_waiting(feed: Feed, event: str) -> None:
    feed.quotes._table.put_item(Item={**SNAPSHOT_KEY, "seq": 7, "epoch": 1, "packed": POISON})
    (answer,) = feed.ask(event, symbol="BTC_CAD", interval="1m")
    assert answer["event"] == event
    assert {each["status"] for each in answer.get("assets", [])} <= {"unavailable"}


@pytest.mark.parametrize("channel", ["rates", "rates_batch"])
@pytest.mark.parametrize("readable", ["neither", "first", "second"])
def test_a_subscriber_gets_no_view_of_an_unreadable_snapshot(
    feed: Feed, channel: str, readable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One snapshot is read before the subscription is active, one after it."""

    def store(is_readable: bool) -> None:
        packed = pack(FIRST) if is_readable else POISON
        feed.quotes._table.put_item(Item={**SNAPSHOT_KEY, "seq": FIRST.seq, "epoch": 1, "packed": packed})

    store(readable == "first")
    subscribe = feed.connections.subscribe

    def meanwhile(*given: Any) -> None:
        store(readable == "second")
        subscribe(*given)

    monkeypatch.setattr(feed.connections, "subscribe", meanwhile)
    _ack, *views = feed.subscribe(channel, symbols=["BTC_CAD", "ETH_CAD"])
    expected = {"neither": 0, "first": 1, "second": 1}[readable] * (2 if channel == "rates" else 1)
    assert [frame["event"] for frame in views] == expected * ["data" if channel == "rates" else "snapshot"]
    assert feed.woken == [1]


def test_an_unreadable_snapshot_does_not_end_a_late_feed(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = iter([replace(FIRST, late=True), Snapshot()])
    monkeypatch.setattr(QuotesTable, "snapshot_now", lambda _table, _limits: next(snapshots))
    assert [frame["event"] for frame in feed.subscribe()] == ["subscribed", "snapshot"]


def test_a_rates_snapshot_without_a_price_is_a_retryable_error(feed: Feed) -> None:
    feed.quotes.write_snapshot(after(Snapshot(), quotes(symbols=["ETH_CAD"])), 1)
    with pytest.raises(BadRequest, match="none of these has a price") as refused:
        feed.ask("snapshot", channel="rates", symbols=["BTC_CAD"], id=8)
    assert (refused.value.code, refused.value.message_id) == ("unavailable", 8)
    (snapshot,) = feed.ask("snapshot", channel="rates_batch", symbols=["BTC_CAD"])
    assert (snapshot["event"], snapshot["data"]) == ("snapshot", [])


def test_a_client_is_told_its_pace_and_stored_with_it(feed: Feed) -> None:
    feed.quotes.write_snapshot(FIRST, 1)
    ack, *_ = feed.subscribe("rates_batch", every=60)
    assert ack["every"] == 60
    assert feed.connections.get(ID).paces == {"rates_batch": Pace(60, FIRST.seq)}


def test_another_subscription_replaces_the_pace(feed: Feed) -> None:
    feed.subscribe("rates_batch", every=60)
    feed.subscribe("rates", every=30)
    assert "every" not in feed.subscribe("rates_batch")[-1]
    assert feed.connections.get(ID).paces.keys() == {"rates"}


def stored(connections_items: Table) -> dict[str, Any]:
    """Return the connection's item."""
    return next(dict(item) for item in connections_items.scan()["Items"] if item["sk"] == ID)


def test_the_end_of_a_subscription_ends_its_pace(feed: Feed, connections_items: Table) -> None:
    for ended in ({"channel": "rates_batch"}, {"channel": "rates_batch", "symbols": ["BTC_CAD"]}, {}):
        feed.subscribe("rates_batch", symbols=["BTC_CAD"], every=60)
        feed.unsubscribe(**ended)
        assert "rates_batch_every" not in stored(connections_items)


def test_a_client_whose_pace_cannot_be_read_hears_every_tick(feed: Feed, connections_items: Table) -> None:
    feed.subscribe("rates_batch", every=60)
    item = stored(connections_items)
    for broken in ("60", [60], [0, 1], [301, 1], [60, 1, 2], {"a": 1}):
        connections_items.put_item(Item=item | {"rates_batch_every": broken})
        assert feed.connections.get(ID).paces == {}


def test_rates_has_a_shortest_interval(feed: Feed) -> None:
    for channel, every, told in (
        ("rates", None, 15), ("rates", 5, 15), ("rates", 60, 60), ("rates_batch", None, None), ("rates_batch", 5, 5),
    ):  # fmt: skip
        slow = Subscriptions(
            feed.quotes, feed.connections, feed.clients.gateway, lambda: None, AGELESS, tick_s=1, rates_every_s=15
        )
        slow.subscribe(feed.connections.get(ID), message("subscribe", channel=channel, every=every))
        acks = [frame for frame in feed.clients.frames(ID) if frame["event"] == "subscribed"]
        assert acks[-1].get("every") == told
