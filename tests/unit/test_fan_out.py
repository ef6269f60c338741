"""A change reaches every connection that sees it; who is gone is forgotten, and how many listen is known."""

import time

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.fan_out import FanOut
from shared.protocol import heartbeat_frame
from shared.quotes import Delta
from shared.rates import DAY_MS
from shared.store.connections_table import LIFETIME_S, ConnectionsTable
from shared.store.quotes_table import QuotesTable
from shared.values import Snapshot
from tests.unit.clients import Answer, Clients, gone, spots, throttled
from tests.unit.samples import NOW_MS, SYMBOLS, after, quote, quotes

FIRST = after(Snapshot(), quotes())
MOVED = Delta(FIRST, after(FIRST, quotes() | {"BTC_CAD": quote(spot="1")}, NOW_MS + 1_000))
UNMOVED = Delta(FIRST, after(FIRST, quotes(), NOW_MS + 1_000))
LOST = Delta(FIRST, after(FIRST, quotes(symbols=SYMBOLS[1:]), NOW_MS + DAY_MS + 1))


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def fan_out(quotes_table: QuotesTable, connections_items: Table, clients: Clients) -> FanOut:
    return FanOut(quotes_table, ConnectionsTable(connections_items, 2), clients.gateway, 2)


def listen(fan_out: FanOut, connection_id: str, channel: str, *symbols: str) -> None:
    fan_out.connections.add(connection_id, int(time.time()))
    fan_out.connections.subscribe(connection_id, channel, symbols or None)


def test_every_subscriber_of_every_shard_hears_what_it_sees(fan_out: FanOut, clients: Clients) -> None:
    listen(fan_out, "batch", "rates_batch")
    listen(fan_out, "plain", "rates", "BTC_CAD")
    listen(fan_out, "ether", "rates_batch", "ETH_CAD")
    for number in range(10):
        listen(fan_out, f"other-{number}", "rates_batch", "BTC_CAD", "LTC_CAD")
    fan_out.connections.add("idle", int(time.time()))
    posted = fan_out.publish(MOVED)
    assert clients.received.keys() == {"batch", "plain", *(f"other-{number}" for number in range(10))}
    assert (posted.reached, posted.frames) == (13, 12)
    (update,) = clients.frames("batch")
    assert spots(update) == {"BTC_CAD": 1}
    assert clients.frames("plain")[0]["data"]["spot"] == 1
    # One frame of bytes for all that share a view
    assert len({clients.received[f"other-{number}"][0] for number in range(10)}) == 1


def test_who_subscribed_to_both_channels_hears_both(fan_out: FanOut, clients: Clients) -> None:
    listen(fan_out, "both", "rates")
    fan_out.connections.subscribe("both", "rates_batch", None)
    fan_out.publish(MOVED)
    assert sorted(clients.events("both")) == ["data", "update"]


def test_when_nothing_changed_the_subscribers_of_both_channels_hear_one_heartbeat(
    fan_out: FanOut, clients: Clients
) -> None:
    listen(fan_out, "batch", "rates_batch")
    listen(fan_out, "plain", "rates", "BTC_CAD")
    listen(fan_out, "both", "rates")
    fan_out.connections.subscribe("both", "rates_batch", None)
    fan_out.connections.add("idle", int(time.time()))
    posted = fan_out.publish(UNMOVED)
    beat = heartbeat_frame(UNMOVED.new)
    assert clients.received == {"batch": [beat], "plain": [beat], "both": [beat]}
    assert (posted.reached, posted.frames) == (3, 3)
    assert fan_out.quotes.audience() == 3


@pytest.mark.parametrize("delta", [MOVED, LOST])
def test_when_anything_changed_nobody_hears_a_heartbeat(fan_out: FanOut, clients: Clients, delta: Delta) -> None:
    listen(fan_out, "batch", "rates_batch")
    listen(fan_out, "plain", "rates")
    listen(fan_out, "unmoved", "rates_batch", "LTC_CAD")
    fan_out.publish(delta)
    assert clients.events("batch") == ["update"]
    assert "heartbeat" not in clients.events("plain") + clients.events("unmoved")


def test_who_is_gone_is_forgotten_and_does_not_count(fan_out: FanOut, clients: Clients) -> None:
    listen(fan_out, "here", "rates_batch")
    listen(fan_out, "left", "rates_batch")
    clients.refusals["left"] = gone
    posted = fan_out.publish(MOVED)
    assert posted.gone == 1
    assert [c.connection_id for shard in (0, 1) for c in fan_out.connections.subscribers(shard, 0)] == ["here"]
    assert fan_out.quotes.audience() == 1


def test_who_missed_a_frame_still_listens(fan_out: FanOut, clients: Clients) -> None:
    listen(fan_out, "slow", "rates_batch")
    clients.refusals["slow"] = throttled
    assert list(fan_out.publish(MOVED).failed) == ["slow"]
    assert fan_out.quotes.audience() == 1
    assert fan_out.connections.get("slow").subscriptions == {"rates_batch": None}


def test_who_is_past_its_time_hears_nothing(fan_out: FanOut, clients: Clients) -> None:
    fan_out.connections.add("old", int(time.time()) - LIFETIME_S - 1)
    fan_out.connections.subscribe("old", "rates_batch", None)
    fan_out.publish(MOVED)
    assert clients.posts == 0
    assert fan_out.quotes.audience() == 0


def test_that_nobody_listens_is_stored_each_time_since_a_join_may_have_hidden_it(fan_out: FanOut) -> None:
    fan_out.publish(MOVED)
    fan_out.quotes.join_audience(1_000)
    assert fan_out.quotes.audience() == 1
    fan_out.publish(UNMOVED)
    assert fan_out.quotes.audience() == 0


def test_a_number_that_stays_is_stored_once(fan_out: FanOut, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(QuotesTable, "count_audience", lambda _table, connections, _from_ms: counts.append(connections))
    listen(fan_out, "a", "rates_batch")
    fan_out.publish(MOVED)
    fan_out.publish(UNMOVED)
    listen(fan_out, "b", "rates")
    fan_out.publish(UNMOVED)
    assert counts == [1, 2]


def test_who_joins_during_the_count_is_not_lost(fan_out: FanOut, clients: Clients) -> None:
    listen(fan_out, "left", "rates_batch")
    clients.refusals["left"] = gone
    posted_at: list[int] = []

    def join_meanwhile(connection_id: str) -> Answer:
        posted_at.append(time.time_ns() // 1_000_000)
        fan_out.quotes.join_audience(posted_at[0])
        return gone(connection_id)

    clients.refusals["left"] = join_meanwhile
    fan_out.publish(MOVED)
    assert fan_out.quotes.audience() == 1
