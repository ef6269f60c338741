"""A client that does not read is closed after some ticks; the quota, which gives the same answer, closes nobody."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.gateway import Gone, Posted, PostFailed
from shared.gateway.outcomes import FAILURES_KEPT
from shared.model.delta import Delta
from shared.model.staleness import HEARTBEAT_MS
from shared.model.values import Progress, Snapshot
from shared.publishing.fan_out import UNKNOWN_PROGRESS, FanOut
from shared.publishing.publisher import Publisher
from shared.publishing.slow_clients import MOST_CLOSED, SLOW_TICKS, SlowClients
from shared.store.connections_table import ConnectionsTable, NotConnected
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import QuotesTable
from tests.clients import Answer, Clients, failing, throttled
from tests.samples import after, quote, quotes

DEADLINE_S = 20.0
THROTTLED = "throttled: 429"


@pytest.fixture(autouse=True)
def _no_rest_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.gateway.batch.RETRY_BASE_S", 0.001)


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def connections(connections_items: Table) -> ConnectionsTable:
    return ConnectionsTable(connections_items)


@pytest.fixture
def publisher(
    quotes_table: QuotesTable, connections_items: Table, connections: ConnectionsTable, clients: Clients
) -> Publisher:
    fan_out = FanOut(connections, clients.gateway)
    return Publisher(quotes_table, ProgressTable(connections_items), fan_out, shards=1, connections_per_worker=1)


def listen(connections: ConnectionsTable, *ids: str, symbol: str = "BTC_CAD") -> None:
    for each in ids:
        connections.add(each, int(time.time()))
        connections.subscribe(each, "rates_batch", (symbol,))


def ticks(symbol: str = "BTC_CAD") -> Iterator[Delta]:
    """Yield ticks of a second in each of which this symbol moves."""
    new = after(Snapshot(), quotes())
    while True:
        old = new
        new = after(old, {**old.quotes, symbol: quote(symbol, str(old.seq))}, old.ts_ms + 1_000)
        yield Delta(old, new)


def test_a_client_that_does_not_read_is_closed_after_some_ticks(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "asleep", *(f"c{number}" for number in range(20)))
    clients.refusals["asleep"] = throttled
    feed = ticks()
    for _ in range(SLOW_TICKS - 1):
        posted = publisher.publish(next(feed), DEADLINE_S)
        assert (posted.failures, posted.slow, posted.closed) == (1, 1, 0)
        assert quotes_table.audience() == 21
    assert clients.closed == []
    posted = publisher.publish(next(feed), DEADLINE_S)
    assert (posted.slow, posted.closed, posted.listening) == (1, 1, 20)
    assert clients.closed == ["asleep"]
    with pytest.raises(NotConnected):
        connections.get("asleep")
    assert quotes_table.audience() == 20
    posted = publisher.publish(next(feed), DEADLINE_S)
    assert (posted.reached, posted.slow, posted.complete) == (20, 0, True)


def test_the_only_client_is_closed_too(publisher: Publisher, connections: ConnectionsTable, clients: Clients) -> None:
    """It would keep the feed running for nobody."""
    listen(connections, "asleep")
    clients.refusals["asleep"] = throttled
    feed = ticks()
    for _ in range(SLOW_TICKS):
        publisher.publish(next(feed), DEADLINE_S)
    assert clients.closed == ["asleep"]


def test_a_frame_that_arrives_starts_the_count_again(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "nods", "awake")
    feed = ticks()
    for _ in range(2):
        clients.refusals["nods"] = throttled
        for _ in range(SLOW_TICKS - 1):
            publisher.publish(next(feed), DEADLINE_S)
        clients.refusals.clear()
        publisher.publish(next(feed), DEADLINE_S)
    assert clients.closed == []


def test_another_failure_is_not_the_clients(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "unlucky", "awake")
    feed = ticks()
    for number in range(2 * SLOW_TICKS):
        clients.refusals["unlucky"] = failing if number % 3 == 0 else throttled
        posted = publisher.publish(next(feed), DEADLINE_S)
        assert posted.slow == (number % 3 != 0)
    assert clients.closed == []


def test_a_tick_without_a_frame_says_nothing_about_a_client(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    """Its symbol does not move, so it gets a heartbeat in every second tick."""
    listen(connections, "asleep", symbol="LTC_CAD")
    listen(connections, "awake")
    posted_in: set[int] = set()
    old = after(Snapshot(), quotes())
    number = 0

    def refuses(connection_id: str) -> Answer:
        posted_in.add(number)
        return throttled(connection_id)

    clients.refusals["asleep"] = refuses
    while not clients.closed and number < 100:
        number += 1
        kept = {symbol: replace(each, seen_ms=old.ts_ms) for symbol, each in old.quotes.items()}
        new = after(old, kept | {"BTC_CAD": quote(spot=str(number))}, old.ts_ms + HEARTBEAT_MS // 2)
        publisher.publish(Delta(old, new), DEADLINE_S)
        old = new
    assert clients.closed == ["asleep"]
    assert len(posted_in) == SLOW_TICKS < number


def test_batches_of_other_shards_say_nothing_about_a_client(connections_items: Table, clients: Clients) -> None:
    """One process is the worker of one shard after the other."""
    connections = ConnectionsTable(connections_items, 2)
    ids = [f"c{number}" for number in range(20)]
    listen(connections, *ids)
    clients.refusals[ids[0]] = throttled
    shard, feed = connections.partition_of(ids[0]), ticks()
    fan_out = FanOut(connections, clients.gateway)
    for _ in range(SLOW_TICKS):
        assert clients.closed == []
        delta = next(feed)
        for each in (shard, 1 - shard):
            fan_out.post(delta, (each,), Progress(delta.old.seq), deadline_s=DEADLINE_S)
    assert clients.closed == [ids[0]]


def test_many_throttled_at_once_are_the_quota(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    ids = [f"c{number}" for number in range(20)]
    listen(connections, *ids)
    for each in ids[:10]:
        clients.refusals[each] = throttled
    feed = ticks()
    for _ in range(2 * SLOW_TICKS):
        posted = publisher.publish(next(feed), DEADLINE_S)
        assert (posted.failures, posted.throttled, posted.slow, posted.closed) == (10, 10, 0, 0)
    assert clients.closed == []
    assert len(list(connections.subscribers(None, 0))) == 20


def test_a_batch_within_the_quotas_shortage_does_not_end_a_count(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    ids = [f"c{number}" for number in range(20)]
    listen(connections, "asleep", *ids)
    feed = ticks()
    for number in range(SLOW_TICKS + 1):
        clients.refusals.clear()
        clients.refusals["asleep"] = throttled
        for each in ids if number == 3 else ():
            clients.refusals[each] = throttled
        assert clients.closed == []
        publisher.publish(next(feed), DEADLINE_S)
    assert clients.closed == ["asleep"]


@pytest.mark.parametrize("error", [Gone("left"), PostFailed("not closed: 500")])
def test_a_close_that_fails_is_tried_again(
    connections: ConnectionsTable, clients: Clients, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(connections, "asleep", "awake")
    clients.refusals["asleep"] = throttled
    gateway = clients.gateway
    fan_out, feed, progress = FanOut(connections, gateway), ticks(), UNKNOWN_PROGRESS

    def refuses(_connection_id: str) -> None:
        raise error

    monkeypatch.setattr(gateway, "_close", refuses)
    for _ in range(SLOW_TICKS):
        posted, progress = fan_out.post(next(feed), None, progress, deadline_s=DEADLINE_S)
    if isinstance(error, Gone):
        assert (posted.closed, posted.error) == (1, None)
        return
    assert (posted.closed, posted.error) == (0, error)
    assert connections.get("asleep").subscriptions
    monkeypatch.setattr(gateway, "_close", clients.closed.append)
    posted, progress = fan_out.post(next(feed), None, progress, deadline_s=DEADLINE_S)
    assert (posted.closed, clients.closed) == (1, ["asleep"])


def test_a_table_that_does_not_answer_ends_no_batch(
    connections: ConnectionsTable, connections_items: Table, clients: Clients
) -> None:
    listen(connections, "asleep", "awake")
    clients.refusals["asleep"] = throttled
    gateway = clients.gateway
    fan_out, feed, progress = FanOut(connections, gateway), ticks(), UNKNOWN_PROGRESS
    for _ in range(SLOW_TICKS - 1):
        _, progress = fan_out.post(next(feed), None, progress, deadline_s=DEADLINE_S)

    def deletes_the_table(_connection_id: str) -> None:
        connections_items.delete()

    gateway._close = deletes_the_table
    posted, progress = fan_out.post(next(feed), None, progress, deadline_s=DEADLINE_S)
    assert (posted.closed, progress) == (1, Progress(next(feed).old.seq))
    assert "ResourceNotFound" in str(posted.error)


# The rule


def batch(throttled_ids: list[str], reached: int, failed_otherwise: int = 0) -> Posted:
    made = Posted(reached=reached)
    for each in throttled_ids:
        made.fail(each, THROTTLED)
    for number in range(failed_otherwise):
        made.fail(f"f{number}", "server_error: 503")
    return made


@pytest.mark.parametrize(
    ("slow", "reached", "are_slow"),
    [
        (1, 0, True),
        (2, 1, False),
        (2, 2, False),
        (2, 3, True),
        (3, 10, True),
        (4, 10, False),
        (50, 950, True),
        (51, 949, False),
    ],
)
def test_few_among_many_are_slow_and_many_are_the_quota(slow: int, reached: int, are_slow: bool) -> None:
    posted = batch([f"s{number}" for number in range(slow)], reached)
    SlowClients().after(posted, ())
    assert posted.slow == (slow if are_slow else 0)


def test_a_batch_closes_only_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.publishing.slow_clients.SLOW_TICKS", 1)
    ids = [f"s{number}" for number in range(2 * MOST_CLOSED)]
    closing = SlowClients().after(batch(ids, 1_000), ())
    assert list(closing) == ids[:MOST_CLOSED]


def test_only_the_first_failures_are_known_by_name() -> None:
    posted = batch([f"s{number}" for number in range(FAILURES_KEPT + 5)], 10**6)
    slow = SlowClients()
    slow.after(posted, ())
    assert (posted.throttled, posted.slow) == (FAILURES_KEPT + 5, FAILURES_KEPT + 5)
    assert f"s{FAILURES_KEPT - 1}" in slow
    assert f"s{FAILURES_KEPT}" not in slow


def test_connections_that_were_not_reached_keep_their_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.publishing.slow_clients.SLOW_TICKS", 2)
    slow = SlowClients()
    slow.after(batch(["a", "b"], 10), ())
    slow.after(batch([], 10), {"a"})
    assert ("a" in slow, "b" in slow) == (True, False)
    assert list(slow.after(batch(["a", "b"], 10), ())) == ["a"]
