"""A change reaches every connection that sees it; gone connections are removed, and the audience is counted."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.assets import catalogue
from shared.model.channels import PERCENT
from shared.model.delta import Delta
from shared.model.staleness import HEARTBEAT_MS
from shared.model.values import Connection, Progress, Snapshot
from shared.pricing.fx import DAY_MS
from shared.protocol import heartbeat_frame
from shared.publishing.fan_out import MAX_TICKS_BEHIND, FanOut
from shared.publishing.periodic import NOTICE_S, SNAPSHOT_MS, Period, reconnect_in_ms, spread_of
from shared.publishing.publisher import COUNTED_WITHIN_TICKS, Publisher, Worker
from shared.store.connections_table import LIFETIME_S, ConnectionsTable, partitions_of
from shared.store.progress_table import PARTITION, Counted, Overtaken, ProgressTable
from shared.store.quotes_table import AUDIENCE_KEY, Audience, QuotesTable
from tests.clients import Answer, Clients, failing, gone, spots, throttled
from tests.samples import NOW_MS, SYMBOLS, after, quote, quotes

FIRST = after(Snapshot(), quotes())
MOVED = Delta(FIRST, after(FIRST, quotes() | {"BTC_CAD": quote(spot="1")}, NOW_MS + 1_000))
UNMOVED = Delta(FIRST, after(FIRST, quotes(), NOW_MS + 1_000))
SHARDS = 2
PARTITIONS = range(partitions_of(SHARDS))
DEADLINE_S = 20.0
BEFORE_LOST = replace(FIRST, ts_ms=NOW_MS + DAY_MS)
LOST = Delta(BEFORE_LOST, after(BEFORE_LOST, quotes(symbols=SYMBOLS[1:]), NOW_MS + DAY_MS + 1))


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def connections(connections_items: Table) -> ConnectionsTable:
    return ConnectionsTable(connections_items, SHARDS)


@pytest.fixture
def progress(connections_items: Table) -> ProgressTable:
    return ProgressTable(connections_items)


@pytest.fixture
def publisher(
    quotes_table: QuotesTable, progress: ProgressTable, connections: ConnectionsTable, clients: Clients
) -> Publisher:
    fan_out = FanOut(connections, clients.gateway)
    return Publisher(quotes_table, progress, fan_out, shards=SHARDS, connections_per_worker=3)


def listen(connections: ConnectionsTable, connection_id: str, channel: str, *symbols: str) -> None:
    connections.add(connection_id, int(time.time()))
    connections.subscribe(connection_id, channel, symbols or None)


def test_every_subscriber_of_every_shard_gets_its_view(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "batch", "rates_batch")
    listen(connections, "plain", "rates", "BTC_CAD")
    listen(connections, "ether", "rates_batch", "ETH_CAD")
    for number in range(10):
        listen(connections, f"other-{number}", "rates_batch", "BTC_CAD", "LTC_CAD")
    connections.add("idle", int(time.time()))
    posted = publisher.publish(MOVED, DEADLINE_S)
    assert clients.received.keys() == {"batch", "plain", *(f"other-{number}" for number in range(10))}
    assert (posted.reached, posted.frames) == (13, 12)
    (update,) = clients.frames("batch")
    assert spots(update) == {"BTC_CAD": 1}
    assert clients.frames("plain")[0]["data"]["spot"] == 1
    # One frame of bytes for all that share a view
    assert len({clients.received[f"other-{number}"][0] for number in range(10)}) == 1


def test_the_change_on_rates_is_what_the_operator_chose(connections: ConnectionsTable, clients: Clients) -> None:
    listen(connections, "plain", "rates", "BTC_CAD")
    FanOut(connections, clients.gateway, PERCENT).post(MOVED, None, Progress(0), deadline_s=DEADLINE_S)
    (frame,) = clients.frames("plain")
    assert frame["data"]["change"] == frame["data"]["change_pct"]


def test_a_subscriber_of_both_channels_gets_both(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "both", "rates")
    connections.subscribe("both", "rates_batch", None)
    publisher.publish(MOVED, DEADLINE_S)
    assert sorted(clients.events("both")) == ["data", "update"]


def test_an_unchanged_tick_sends_one_heartbeat_to_all(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "batch", "rates_batch")
    listen(connections, "plain", "rates", "BTC_CAD")
    listen(connections, "both", "rates")
    connections.subscribe("both", "rates_batch", None)
    connections.add("idle", int(time.time()))
    posted = publisher.publish(UNMOVED, DEADLINE_S)
    beat = heartbeat_frame(UNMOVED.new)
    assert clients.received == {"batch": [beat], "plain": [beat], "both": [beat]}
    assert (posted.reached, posted.frames) == (3, 3)
    assert quotes_table.audience() == 3


@pytest.mark.parametrize("delta", [MOVED, LOST])
def test_a_changed_tick_sends_no_heartbeat(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients, delta: Delta
) -> None:
    listen(connections, "batch", "rates_batch")
    listen(connections, "plain", "rates")
    listen(connections, "unmoved", "rates_batch", "LTC_CAD")
    publisher.publish(delta, DEADLINE_S)
    assert clients.events("batch") == ["update"]
    assert "heartbeat" not in clients.events("plain") + clients.events("unmoved")


def test_a_gone_connection_is_removed_and_not_counted(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "here", "rates_batch")
    listen(connections, "left", "rates_batch")
    clients.refusals["left"] = gone
    posted = publisher.publish(MOVED, DEADLINE_S)
    assert posted.gone == 1
    assert [c.connection_id for c in connections.subscribers(None, 0)] == ["here"]
    assert quotes_table.audience() == 1


def test_a_connection_that_missed_a_frame_still_counts(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "slow", "rates_batch")
    clients.refusals["slow"] = throttled
    assert list(publisher.publish(MOVED, DEADLINE_S).failed) == ["slow"]
    assert quotes_table.audience() == 1
    assert connections.get("slow").subscriptions == {"rates_batch": None}


def test_an_expired_connection_gets_nothing(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    connections.add("old", MOVED.new.ts_ms // 1000 - LIFETIME_S - 1)
    connections.subscribe("old", "rates_batch", None)
    publisher.publish(MOVED, DEADLINE_S)
    assert clients.posts == 0
    assert quotes_table.audience() == 0


def test_a_clock_a_day_ahead_takes_no_connection_for_expired(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections.add("open", int(time.time()))
    connections.subscribe("open", "rates_batch", None)
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + 86_400)
    publisher.publish(MOVED, DEADLINE_S)
    assert clients.posts == 1


@pytest.mark.parametrize("joined_ms", [0, NOW_MS, NOW_MS + DAY_MS])
def test_a_subscription_is_overwritten_by_the_third_count(
    publisher: Publisher, quotes_table: QuotesTable, joined_ms: int
) -> None:
    """Its subscription came after the last read, so this count may have missed it; the next ones have not, whatever the
    clock of `subscribe` said."""
    publisher.publish(MOVED, DEADLINE_S)
    quotes_table.join_audience(joined_ms)
    for is_last_call in (False, True):
        publisher.publish(UNMOVED, DEADLINE_S)
        assert quotes_table.counted_audience().is_last_call == is_last_call
        assert quotes_table.audience() == 1
    publisher.publish(UNMOVED, DEADLINE_S)
    assert quotes_table.audience() == 0


def test_a_last_call_is_taken_back_when_somebody_is_counted(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable
) -> None:
    """The subscription was written before the last call, so `subscribe` has not joined."""
    quotes_table.join_audience(NOW_MS)
    publisher.publish(MOVED, DEADLINE_S)
    listen(connections, "a", "rates_batch")
    assert quotes_table.counted_audience().is_last_call
    publisher.publish(UNMOVED, DEADLINE_S)
    audience = quotes_table.counted_audience()
    assert (audience.connections, audience.is_last_call) == (1, False)


@pytest.mark.parametrize("late", [0, None, "poison"])
def test_a_wrong_audience_is_corrected_by_the_next_batch(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, quotes_items: Table, late: Any
) -> None:
    """The item was overwritten or deleted while the number of connections stayed the same."""
    listen(connections, "a", "rates_batch")
    listen(connections, "b", "rates_batch")
    publisher.publish(MOVED, DEADLINE_S)
    if late is None:
        quotes_items.delete_item(Key=AUDIENCE_KEY)
    else:
        quotes_items.put_item(Item={**AUDIENCE_KEY, "connections": late, "write_id": 7, "ts_ms": NOW_MS + DAY_MS})
    assert quotes_table.audience() == (1 if late else 0)
    for _ in range(2 if late else 1):
        publisher.publish(UNMOVED, DEADLINE_S)
    assert quotes_table.audience() == 2


def test_a_refused_count_is_not_remembered_as_stored(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "a", "rates_batch")
    listen(connections, "b", "rates_batch")

    def join_meanwhile(_frame: object) -> None:
        quotes_table.join_audience(NOW_MS)

    clients.on_post = join_meanwhile
    publisher.publish(MOVED, DEADLINE_S)
    assert quotes_table.audience() == 1
    clients.on_post = lambda _frame: None
    publisher.publish(UNMOVED, DEADLINE_S)
    assert quotes_table.audience() == 2


def test_a_number_that_stays_is_stored_once(
    publisher: Publisher, connections: ConnectionsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    count = QuotesTable.count_audience

    def counting(table: QuotesTable, connections: int, seen: Audience) -> Audience:
        counts.append(connections)
        return count(table, connections, seen)

    monkeypatch.setattr(QuotesTable, "count_audience", counting)
    listen(connections, "a", "rates_batch")
    publisher.publish(MOVED, DEADLINE_S)
    publisher.publish(UNMOVED, DEADLINE_S)
    listen(connections, "b", "rates")
    publisher.publish(UNMOVED, DEADLINE_S)
    assert counts == [1, 2]


def test_a_subscriber_that_joins_during_the_count_is_not_lost(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "left", "rates_batch")
    clients.refusals["left"] = gone

    def join_meanwhile(connection_id: str) -> Answer:
        quotes_table.join_audience(0)
        return gone(connection_id)

    clients.refusals["left"] = join_meanwhile
    publisher.publish(MOVED, DEADLINE_S)
    assert quotes_table.audience() == 1


def moved(before: Snapshot, number: int, *symbols: str) -> Delta:
    """Return the next tick, in which these symbols changed to a recognisable price."""
    changed = {symbol: quote(symbol, spot=str(number)) for symbol in symbols}
    kept = {symbol: each for symbol, each in before.quotes.items() if symbol not in changed}
    return Delta(before, after(before, kept | changed, before.ts_ms + 1_000))


def test_a_client_that_missed_a_tick_gets_it_with_the_next(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    for connection_id in ("slow", "quick"):
        listen(connections, connection_id, "rates_batch")
    bitcoin = moved(FIRST, 2, "BTC_CAD")
    ether = moved(bitcoin.new, 3, "ETH_CAD")
    clients.refusals["slow"] = throttled
    publisher.publish(bitcoin, DEADLINE_S)
    clients.refusals.clear()
    publisher.publish(ether, DEADLINE_S)
    (late,) = clients.frames("slow")
    assert spots(late) == {"BTC_CAD": 2, "ETH_CAD": 3}
    assert late["prev_seq"] <= FIRST.seq
    assert [spots(frame) for frame in clients.frames("quick")] == [{"BTC_CAD": 2}, {"ETH_CAD": 3}]
    assert [frame["prev_seq"] for frame in clients.frames("quick")] == [FIRST.seq, bitcoin.new.seq]


def test_a_tick_that_never_reached_publish_is_caught_up(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "one", "rates_batch")
    first = moved(FIRST, 2, "BTC_CAD")
    lost = moved(first.new, 3, "ETH_CAD")
    third = moved(lost.new, 4, "LTC_CAD")
    publisher.publish(first, DEADLINE_S)
    publisher.publish(third, DEADLINE_S)
    last = clients.frames("one")[-1]
    assert spots(last) == {"ETH_CAD": 3, "LTC_CAD": 4}
    assert last["prev_seq"] <= first.new.seq


def test_a_client_that_missed_too_many_ticks_must_ask(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "slow", "rates_batch")
    clients.refusals["slow"] = failing
    delta = moved(FIRST, 2, "BTC_CAD")
    publisher.publish(delta, DEADLINE_S)
    for number in range(MAX_TICKS_BEHIND - 1):
        delta = moved(delta.new, number, "ETH_CAD")
        publisher.publish(delta, DEADLINE_S)
    clients.refusals.clear()
    delta = moved(delta.new, 99, "LTC_CAD")
    publisher.publish(delta, DEADLINE_S)
    (late,) = clients.frames("slow")
    assert spots(late).keys() == {"ETH_CAD", "LTC_CAD"}
    assert late["prev_seq"] == FIRST.seq + 1  # of the bitcoin price: a client without it notices the gap


@pytest.mark.parametrize(("complete", "begins"), [(0, 100), (95, 95), (101, 100), (89, 89), (88, 89)])
def test_a_batch_brings_the_changes_of_twelve_ticks_at_most(
    connections: ConnectionsTable, clients: Clients, complete: int, begins: int
) -> None:
    assert MAX_TICKS_BEHIND == 12
    old = replace(FIRST, seq=100, quotes={symbol: replace(each, seq=50) for symbol, each in FIRST.quotes.items()})
    unposted = FanOut(connections, clients.gateway).post(
        moved(old, 2, "BTC_CAD"), PARTITIONS, Progress(complete), deadline_s=DEADLINE_S, overtaken=lambda: True
    )
    assert unposted[1] == Progress(101)  # nobody listens
    listen(connections, "here", "rates_batch")
    clients.refusals["here"] = failing
    failed = FanOut(connections, clients.gateway_at(rate=0.001, burst=1))
    _, progress = failed.post(moved(old, 2, "BTC_CAD"), PARTITIONS, Progress(complete), deadline_s=0.2)
    assert progress.complete_seq == begins


def test_a_cut_batch_continues_where_it_stopped(connections: ConnectionsTable, clients: Clients) -> None:
    for number in range(10):
        listen(connections, f"c{number}", "rates_batch")
    fan_out = FanOut(connections, clients.gateway_at(rate=0.01, burst=4))
    first, everyone = moved(FIRST, 2, "BTC_CAD"), PARTITIONS
    posted, progress = fan_out.post(first, everyone, Progress(FIRST.seq), deadline_s=1.5)
    assert (posted.reached, posted.complete) == (4, False)
    assert progress.complete_seq == FIRST.seq
    assert progress.stopped_after
    heard = set(clients.received)
    second = moved(first.new, 3, "ETH_CAD")
    fan_out = FanOut(connections, clients.gateway_at(rate=0.01, burst=6))
    _, progress = fan_out.post(second, everyone, progress, deadline_s=1.5)
    assert len(heard | set(clients.received)) == 10
    for connection_id in set(clients.received) - heard:
        (frame,) = clients.frames(connection_id)
        assert spots(frame) == {"BTC_CAD": 2, "ETH_CAD": 3}


def test_an_overtaken_batch_ends_and_the_next_begins_before_it(
    connections: ConnectionsTable, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.gateway.batch.ASK_EVERY_S", 0)
    listen(connections, "here", "rates_batch")
    fan_out = FanOut(connections, clients.gateway)
    posted, progress = fan_out.post(
        MOVED, PARTITIONS, Progress(FIRST.seq), deadline_s=DEADLINE_S, overtaken=lambda: True
    )
    assert (posted.posts, posted.complete, progress) == (0, False, Progress(FIRST.seq))


def test_a_batch_whose_last_frame_was_not_sent_is_cut_short(connections: ConnectionsTable, clients: Clients) -> None:
    """Its last frame waits for a token when the deadline comes."""
    listen(connections, "one", "rates", "BTC_CAD", "ETH_CAD", "LTC_CAD")
    fan_out = FanOut(connections, clients.gateway_at(rate=0.01, burst=2))
    first = moved(FIRST, 2, "BTC_CAD", "ETH_CAD", "LTC_CAD")
    posted, progress = fan_out.post(first, PARTITIONS, Progress(FIRST.seq), deadline_s=0.5)
    assert (posted.frames, posted.unsent, posted.failures, posted.error) == (2, 1, 0, None)
    assert progress == Progress(FIRST.seq, f"{connections.partition_of('one')}/one")
    fan_out = FanOut(connections, clients.gateway)
    fan_out.post(moved(first.new, 3, "BTC_CAD"), PARTITIONS, progress, deadline_s=DEADLINE_S)
    assert {frame["data"]["symbol"] for frame in clients.frames("one")} == {"BTC_CAD", "ETH_CAD", "LTC_CAD"}
    assert clients.frames("one")[-1]["data"]["spot"] == 2


def test_a_cut_batch_remembers_connections_that_missed_a_tick(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch after it sends everybody its changes, and these what they missed before."""
    for connection_id in ("quick", "slow"):
        listen(connections, connection_id, "rates_batch")
    clients.refusals["slow"] = failing
    bitcoin = moved(FIRST, 2, "BTC_CAD")
    publisher.publish(bitcoin, DEADLINE_S)
    clients.refusals.clear()
    ether = moved(bitcoin.new, 3, "ETH_CAD")

    def unreadable(*_given: object) -> Iterator[Connection]:
        yield connections.get("quick")
        raise OSError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(ConnectionsTable, "subscribers", unreadable)
        assert publisher.publish(ether, DEADLINE_S).error
    publisher.publish(moved(ether.new, 4, "LTC_CAD"), DEADLINE_S)
    (late,) = clients.frames("slow")
    assert spots(late) == {"BTC_CAD": 2, "ETH_CAD": 3, "LTC_CAD": 4}
    assert spots(clients.frames("quick")[-1]) == {"ETH_CAD": 3, "LTC_CAD": 4}


def test_a_connection_that_two_batches_left_out_loses_nothing(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(connections, "last", "rates_batch")

    def unreadable(*_given: object) -> Iterator[Connection]:
        yield from ()
        raise OSError("no answer")

    publisher.publish(moved(replace(FIRST, seq=0), 1, "XRP_CAD"), DEADLINE_S)
    bitcoin = moved(FIRST, 2, "BTC_CAD")
    ether = moved(bitcoin.new, 3, "ETH_CAD")
    with monkeypatch.context() as patched:
        patched.setattr(ConnectionsTable, "subscribers", unreadable)
        for delta in (bitcoin, ether):
            assert publisher.publish(delta, DEADLINE_S).error
    publisher.publish(moved(ether.new, 4, "LTC_CAD"), DEADLINE_S)
    assert spots(clients.frames("last")[-1]) == {"BTC_CAD": 2, "ETH_CAD": 3, "LTC_CAD": 4}


def test_a_process_remembers_the_failures_of_each_shard(connections: ConnectionsTable, clients: Clients) -> None:
    """One process is the worker of a shard in one invocation, of another one in the next."""
    ids = [next(f"c{n}" for n in range(99) if connections.partition_of(f"c{n}") == shard) for shard in range(SHARDS)]
    for connection_id in ids:
        listen(connections, connection_id, "rates_batch")
        clients.refusals[connection_id] = failing
    fan_out = FanOut(connections, clients.gateway)
    bitcoin = moved(FIRST, 2, "BTC_CAD")
    ether = moved(bitcoin.new, 3, "ETH_CAD")
    for shard in range(SHARDS):
        fan_out.post(bitcoin, (shard,), Progress(FIRST.seq), deadline_s=DEADLINE_S)
    clients.refusals.clear()
    for shard in range(SHARDS):
        fan_out.post(ether, (shard,), Progress(bitcoin.new.seq), deadline_s=DEADLINE_S)
    for connection_id in ids:
        (late,) = clients.frames(connection_id)
        assert spots(late) == {"BTC_CAD": 2, "ETH_CAD": 3}


def test_a_batch_with_more_failures_than_it_keeps_is_repeated(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.gateway.outcomes.FAILURES_KEPT", 1)
    for connection_id in ("a", "b", "c"):
        listen(connections, connection_id, "rates_batch")
        clients.refusals[connection_id] = failing
    bitcoin = moved(FIRST, 2, "BTC_CAD")
    assert publisher.publish(bitcoin, DEADLINE_S).failures == 3
    clients.refusals.clear()
    publisher.publish(moved(bitcoin.new, 3, "ETH_CAD"), DEADLINE_S)
    for connection_id in ("a", "b", "c"):
        (frame,) = clients.frames(connection_id)
        assert spots(frame) == {"BTC_CAD": 2, "ETH_CAD": 3}


def test_few_connections_or_one_shard_need_no_workers(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    assert not publisher.needs_workers()
    for number in range(3):
        listen(connections, f"c{number}", "rates_batch")
    publisher.publish(MOVED, DEADLINE_S)
    assert not publisher.needs_workers()
    listen(connections, "c3", "rates_batch")
    publisher.publish(UNMOVED, DEADLINE_S)
    assert publisher.needs_workers()
    alone = Publisher(
        quotes_table, progress, FanOut(connections, Clients().gateway), shards=1, connections_per_worker=3
    )
    assert not alone.needs_workers()


def test_a_new_publisher_reads_the_audience_from_the_table(publisher: Publisher, quotes_table: QuotesTable) -> None:
    quotes_table.count_audience(4, Audience())
    assert publisher.needs_workers()


def test_each_shard_has_one_worker_and_they_count_the_audience(
    publisher: Publisher,
    connections: ConnectionsTable,
    quotes_table: QuotesTable,
    progress: ProgressTable,
    clients: Clients,
) -> None:
    for number in range(9):
        listen(connections, f"c{number}", "rates_batch")
    worker = Worker(progress, FanOut(connections, clients.gateway))
    posted: list[object] = []
    for delta in (MOVED, moved(MOVED.new, 7, "BTC_CAD")):
        publisher.delegate(delta, lambda shard, seen: posted.append(worker.publish(delta, shard, DEADLINE_S, seen)))  # noqa: B023 - called at once
    assert {len(frames) for frames in clients.received.values()} == {2}
    assert len(clients.received) == 9
    assert quotes_table.audience() == 9


def test_the_audience_is_stored_only_when_all_shards_counted(
    publisher: Publisher, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    quotes_table.join_audience(1_000)
    for delta in (MOVED, moved(MOVED.new, 7, "BTC_CAD")):  # the first one gives a last call
        version = quotes_table.counted_audience().version
        for shard in range(SHARDS):
            assert quotes_table.counted_audience().version == version
            progress.begin(shard, delta.new)
            progress.end(shard, delta.new.seq, Progress(delta.new.seq), Counted(0, version))
            publisher.delegate(delta, lambda _shard, _audience: None)
    assert quotes_table.audience() == 0


def test_a_subscriber_that_joins_while_workers_count_is_not_lost(
    publisher: Publisher, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    quotes_table.join_audience(1_000)
    version = quotes_table.counted_audience().version
    quotes_table.join_audience(1_000)
    for shard in range(SHARDS):
        progress.begin(shard, MOVED.new)
        progress.end(shard, MOVED.new.seq, Progress(MOVED.new.seq), Counted(0, version))
    publisher.delegate(MOVED, lambda _shard, _audience: None)
    assert quotes_table.audience() == 1


def test_workers_start_without_waiting_for_a_read(
    publisher: Publisher, quotes_table: QuotesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audience was read after the tick before, whose workers have not counted yet."""
    done: list[str] = []
    read = quotes_table.counted_audience

    def noted() -> Audience:
        done.append("read")
        return read()

    quotes_table.join_audience(1_000)
    monkeypatch.setattr(quotes_table, "counted_audience", noted)
    for delta in (MOVED, moved(MOVED.new, 7, "BTC_CAD")):
        done.clear()
        publisher.delegate(delta, lambda _shard, _audience: done.append("started"))
    assert done == ["started"] * SHARDS + ["read"]


def test_an_audience_of_0_is_corrected_by_what_workers_counted(
    publisher: Publisher, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    for shard in range(SHARDS):
        progress.begin(shard, MOVED.new)
        progress.end(shard, MOVED.new.seq, Progress(MOVED.new.seq), Counted(2, "another"))
    quotes_table.count_audience(0, Audience())
    publisher.delegate(MOVED, lambda _shard, _audience: None)
    assert quotes_table.audience() == 2 * SHARDS


def test_a_count_of_long_ago_is_not_the_audience(
    publisher: Publisher, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    """A worker that never gets through stores no count."""
    version = quotes_table.counted_audience().version
    delta = MOVED
    for shard in range(SHARDS):
        progress.begin(shard, delta.new)
        progress.end(shard, delta.new.seq, Progress(delta.new.seq), Counted(2, version))
    for number in range(COUNTED_WITHIN_TICKS):
        delta = moved(delta.new, number, "BTC_CAD")
        publisher.delegate(delta, lambda _shard, _audience: None)
    assert quotes_table.audience() == 0


def test_an_audience_of_0_is_corrected_by_no_old_count(
    publisher: Publisher, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    """Those connections may all have left by now."""
    quotes_table.join_audience(1_000)
    delta = MOVED
    publisher.delegate(delta, lambda _shard, _audience: None)
    for shard in range(SHARDS):
        progress.begin(shard, delta.new)
        progress.end(shard, delta.new.seq, Progress(delta.new.seq), Counted(2, "another"))
    for number in range(COUNTED_WITHIN_TICKS):
        if number == COUNTED_WITHIN_TICKS - 1:
            for _last_call in (False, True):
                quotes_table.count_audience(0, quotes_table.counted_audience())
        delta = moved(delta.new, number, "BTC_CAD")
        publisher.delegate(delta, lambda _shard, _audience: None)
    assert quotes_table.audience() == 0


def test_a_worker_that_was_cut_short_has_not_counted(
    connections: ConnectionsTable, progress: ProgressTable, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(progress, FanOut(connections, clients.gateway))

    def unreadable(*_given: object) -> Iterator[Connection]:
        yield from ()
        raise OSError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(ConnectionsTable, "subscribers", unreadable)
        for shard in range(SHARDS):
            worker.publish(MOVED, shard, DEADLINE_S, "seen")
    assert progress.workers(SHARDS).counted(0, "seen") is None
    for shard in range(SHARDS):
        worker.publish(moved(MOVED.new, 7, "BTC_CAD"), shard, DEADLINE_S, "seen")
    assert progress.workers(SHARDS).counted(0, "seen") == 0


def test_one_worker_that_cannot_start_does_not_stop_the_others(publisher: Publisher) -> None:
    started: list[int] = []

    def start(shard: int, _audience: str) -> None:
        started.append(shard)
        if shard == 0:
            raise ValueError("throttled")

    with pytest.raises(ValueError, match="throttled"):
        publisher.delegate(MOVED, start)
    assert started == [0, 1]


def test_a_worker_that_is_late_or_comes_twice_posts_nothing(
    connections: ConnectionsTable, progress: ProgressTable, clients: Clients
) -> None:
    for number in range(4):
        listen(connections, f"c{number}", "rates_batch")
    shard = connections.partition_of("c0") % SHARDS
    worker = Worker(progress, FanOut(connections, clients.gateway))
    newer = moved(MOVED.new, 7, "BTC_CAD")
    assert worker.publish(newer, shard, DEADLINE_S, "") is not None
    posts = clients.posts
    assert worker.publish(newer, shard, DEADLINE_S, "") is None
    assert worker.publish(MOVED, shard, DEADLINE_S, "") is None
    assert clients.posts == posts


def test_a_worker_catches_up_for_overtaken_ones(
    connections: ConnectionsTable, progress: ProgressTable, clients: Clients
) -> None:
    """Those were overtaken before they began."""
    listen(connections, "here", "rates_batch")
    worker = Worker(progress, FanOut(connections, clients.gateway))
    newer = moved(MOVED.new, 7, "ETH_CAD")
    shard = connections.partition_of("here") % SHARDS
    worker.publish(newer, shard, DEADLINE_S, "")
    assert worker.publish(MOVED, shard, DEADLINE_S, "") is None
    (frame,) = clients.frames("here")
    assert frame["prev_seq"] <= MOVED.old.seq
    assert spots(frame) == {"BTC_CAD": 1, "ETH_CAD": 7}


def test_publish_catches_up_for_the_last_workers(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "here", "rates_batch")
    publisher.publish(MOVED, DEADLINE_S)
    ether = moved(MOVED.new, 7, "ETH_CAD")
    publisher.delegate(ether, lambda _shard, _audience: None)
    litecoin = moved(ether.new, 8, "LTC_CAD")
    publisher.publish(litecoin, DEADLINE_S)
    assert spots(clients.frames("here")[1]) == {"BTC_CAD": 1, "ETH_CAD": 7, "LTC_CAD": 8}
    publisher.publish(moved(litecoin.new, 9, "ETH_CAD"), DEADLINE_S)
    assert spots(clients.frames("here")[2]) == {"ETH_CAD": 9}


def tick(seq: int, ts_ms: int = NOW_MS) -> Snapshot:
    return Snapshot(seq=seq, ts_ms=ts_ms)


def test_only_the_newest_tick_stores_progress(progress: ProgressTable) -> None:
    assert progress.begin(1, tick(5)) == Progress()
    assert not progress.overtaken(1, 5)
    progress.end(1, 5, Progress(5, "c1"), None)
    assert progress.begin(1, tick(6)) == Progress(5, "c1")
    assert progress.overtaken(1, 5)
    with pytest.raises(Overtaken):
        progress.end(1, 5, Progress(6), None)
    for seq in (5, 6):
        with pytest.raises(Overtaken):
            progress.begin(1, tick(seq))
    assert progress.begin(0, tick(3)) == Progress()


def test_no_clock_decides_which_tick_is_newer(progress: ProgressTable) -> None:
    """An ingest an hour ahead wrote tick 5."""
    progress.begin(1, tick(5, NOW_MS + 3_600_000))
    progress.end(1, 5, Progress(5), None)
    assert progress.begin(1, tick(6, NOW_MS)) == Progress(5)
    assert progress.overtaken(1, 5)
    assert not progress.overtaken(1, 6)


def test_workers_go_on_after_an_upgrade_and_back(progress: ProgressTable, connections_items: Table) -> None:
    """The earlier version wrote `ts_ms` only, and begins a tick if that is older."""
    key = {"pk": PARTITION, "sk": "SHARD#1"}
    connections_items.put_item(Item={**key, "ts_ms": NOW_MS + 3_600_000, "whole_seq": 4, "stopped_after": ""})
    assert progress.begin(1, tick(5, NOW_MS)) == Progress(4)
    assert connections_items.get_item(Key=key)["Item"]["ts_ms"] == NOW_MS
    connections_items.update_item(
        Key=key,
        UpdateExpression="SET ts_ms = :ts, whole_seq = :whole",
        ConditionExpression="ts_ms < :ts",
        ExpressionAttributeValues={":ts": NOW_MS + 1_000, ":whole": 6},
    )
    assert progress.begin(1, tick(7)) == Progress(6)


# By the clock


def at_the_time_of(connection_id: str, before: Snapshot, *symbols: str, number: int = 9) -> Delta:
    """Return a tick of one second in which these symbols change and that connection is due a snapshot."""
    to_ms = before.ts_ms + 1_000
    while not Period(to_ms - 1_000, to_ms).has_snapshot(spread_of(connection_id)):
        to_ms += 1_000
    confirmed = {symbol: replace(known, seen_ms=to_ms - 1_000) for symbol, known in before.quotes.items()}
    return moved(replace(before, ts_ms=to_ms - 1_000, quotes=confirmed), number, *symbols)


def test_once_a_minute_a_snapshot_replaces_the_update(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "due", "rates_batch", "BTC_CAD", "ETH_CAD")
    connections.subscribe("due", "rates", ("LTC_CAD", "BTC_CAD"))
    listen(connections, "other", "rates_batch")
    delta = at_the_time_of("due", FIRST, "BTC_CAD")
    assert not Period(delta.old.ts_ms, delta.new.ts_ms).has_snapshot(spread_of("other"))
    publisher.publish(delta, DEADLINE_S)
    assert sorted(clients.events("due")) == ["data", "data", "snapshot"]
    (snapshot,) = [frame for frame in clients.frames("due") if frame["event"] == "snapshot"]
    assert spots(snapshot) == {"BTC_CAD": 9, "ETH_CAD": FIRST.quotes["ETH_CAD"].spot}
    assert (snapshot["seq"], "id" in snapshot) == (delta.new.seq, False)
    assert clients.events("other") == ["update"]


def test_a_connection_gets_one_snapshot_in_each_minute_of_ticks(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    ids = [f"c{number}" for number in range(20)]
    for connection_id in ids:
        listen(connections, connection_id, "rates_batch", "BTC_CAD")
    delta = moved(FIRST, 1_000, "BTC_CAD")
    for number in range(1, 2 * SNAPSHOT_MS // 1_000 + 1):
        publisher.publish(delta, DEADLINE_S)
        delta = moved(delta.new, number, "BTC_CAD")
    for connection_id in ids:
        assert clients.events(connection_id).count("snapshot") == 2
        frames = clients.frames(connection_id)
        # With a snapshot instead of the update nobody sees a gap or gets anything twice.
        assert [frame["seq"] for frame in frames] == list(range(FIRST.seq + 1, delta.new.seq))
        assert all(frame.get("prev_seq", frame["seq"] - 1) == frame["seq"] - 1 for frame in frames)


def test_a_snapshot_catches_up_a_connection_that_was_behind(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "slow", "rates_batch")
    clients.refusals["slow"] = throttled
    missed = moved(FIRST, 2, "BTC_CAD")
    publisher.publish(missed, DEADLINE_S)
    clients.refusals.clear()
    whole = at_the_time_of("slow", missed.new, "ETH_CAD")
    publisher.publish(whole, DEADLINE_S)
    publisher.publish(moved(whole.new, 4, "LTC_CAD"), DEADLINE_S)
    snapshot, update = clients.frames("slow")
    assert (snapshot["event"], len(spots(snapshot))) == ("snapshot", len(catalogue()))
    assert spots(snapshot)["BTC_CAD"] == 2
    assert spots(snapshot)["ETH_CAD"] == 9
    assert update["prev_seq"] == snapshot["seq"]
    assert spots(update) == {"LTC_CAD": 4}


def test_a_failed_snapshot_becomes_an_update_of_the_next_tick(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "slow", "rates_batch")
    clients.refusals["slow"] = throttled
    whole = at_the_time_of("slow", FIRST, "ETH_CAD")
    publisher.publish(whole, DEADLINE_S)
    clients.refusals.clear()
    publisher.publish(moved(whole.new, 4, "LTC_CAD"), DEADLINE_S)
    (update,) = clients.frames("slow")
    assert update["event"] == "update"
    assert spots(update) == {"ETH_CAD": 9, "LTC_CAD": 4}
    assert update["prev_seq"] <= FIRST.seq


def test_a_due_snapshot_is_sent_though_nothing_changed(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "due", "rates_batch", "BTC_CAD")
    listen(connections, "other", "rates_batch", "BTC_CAD")
    publisher.publish(at_the_time_of("due", FIRST), DEADLINE_S)
    assert (clients.events("due"), clients.events("other")) == (["snapshot"], ["heartbeat"])


def test_snapshots_of_one_view_are_one_frame_of_bytes(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    ids = [f"c{number}" for number in range(40)]
    for connection_id in ids:
        listen(connections, connection_id, "rates_batch", "BTC_CAD", "ETH_CAD")
    delta = moved(FIRST, 2, "BTC_CAD")
    minute = Delta(replace(delta.old, ts_ms=delta.new.ts_ms - SNAPSHOT_MS), delta.new)
    publisher.publish(minute, DEADLINE_S)
    assert {tuple(clients.events(connection_id)) for connection_id in ids} == {("snapshot",)}
    assert len({frame for connection_id in ids for frame in clients.received[connection_id]}) == 1


def test_an_unchanged_view_gets_a_heartbeat_every_30_s(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "quiet", "rates_batch", "LTC_CAD")
    listen(connections, "plain", "rates", "LTC_CAD")
    listen(connections, "busy", "rates_batch", "BTC_CAD")
    heard_ms: dict[str, list[int]] = {"quiet": [FIRST.ts_ms], "plain": [FIRST.ts_ms]}
    delta = moved(FIRST, 1_000, "BTC_CAD")
    for number in range(1, 121):
        before = {name: len(clients.received[name]) for name in heard_ms}
        publisher.publish(delta, DEADLINE_S)
        for name, count in before.items():
            if len(clients.received[name]) > count:
                heard_ms[name].append(delta.new.ts_ms)
        delta = moved(delta.new, number, "BTC_CAD")
    for name, times in heard_ms.items():
        assert max(later - earlier for earlier, later in pairwise(times)) <= HEARTBEAT_MS + 1_000
        assert "heartbeat" in clients.events(name)
    assert "heartbeat" not in clients.events("busy")
    assert len(clients.events("quiet")) <= 4 + 2


def test_a_connection_gets_its_closing_notice_once(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    """The notice follows the frame of the tick."""
    connected_s = FIRST.ts_ms // 1_000 + 3 - NOTICE_S
    for connection_id in ("old", "quiet"):
        write_connection(connections, connection_id, connected_s)
    connections.subscribe("old", "rates_batch", ("BTC_CAD",))
    connections.subscribe("quiet", "rates_batch", ("LTC_CAD",))
    listen(connections, "young", "rates_batch", "BTC_CAD")
    delta = moved(FIRST, 1_000, "BTC_CAD")
    for number in range(1, 11):
        publisher.publish(delta, DEADLINE_S)
        delta = moved(delta.new, number, "BTC_CAD")
    assert "closing" not in clients.events("young")
    (closing,) = [frame for frame in clients.frames("old") if frame["event"] == "closing"]
    assert closing == {
        "event": "closing",
        "reason": "max_duration",
        "reconnect_in_ms": reconnect_in_ms(spread_of("old")),
        "ts": closing["ts"],
    }
    assert 0 <= closing["ts"] / 1_000 - connected_s - NOTICE_S < 1
    position = clients.events("old").index("closing")
    assert clients.frames("old")[position - 1]["ts"] == closing["ts"]
    assert [event for event in clients.events("quiet") if event != "snapshot"] == ["closing"]


def write_connection(connections: ConnectionsTable, connection_id: str, connected_s: int) -> None:
    """Write a connection opened at that time that has not expired by this machine's clock."""
    connections.add(connection_id, connected_s)
    connections._table.update_item(
        Key={"pk": f"SHARD#{connections.partition_of(connection_id)}", "sk": connection_id},
        UpdateExpression="SET expires_at = :later",
        ExpressionAttributeValues={":later": int(time.time()) + 60},
    )
