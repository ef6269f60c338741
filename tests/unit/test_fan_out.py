"""A change reaches every connection that sees it; who is gone is forgotten, and how many listen is known."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.delta import Delta
from shared.model.values import Progress, Snapshot
from shared.pricing.fx import DAY_MS
from shared.protocol import heartbeat_frame
from shared.publishing.fan_out import MOST_TICKS_BEHIND, FanOut
from shared.publishing.periodic import HEARTBEAT_MS, NOTICE_S, SNAPSHOT_MS, Period, reconnect_in_ms, spread_of
from shared.publishing.publisher import Publisher, Worker
from shared.store.connections_table import LIFETIME_S, ConnectionsTable
from shared.store.progress_table import Counted, Overtaken, ProgressTable
from shared.store.quotes_table import QuotesTable
from tests.unit.clients import Answer, Clients, gone, spots, throttled
from tests.unit.samples import NOW_MS, SYMBOLS, after, quote, quotes

FIRST = after(Snapshot(), quotes())
MOVED = Delta(FIRST, after(FIRST, quotes() | {"BTC_CAD": quote(spot="1")}, NOW_MS + 1_000))
UNMOVED = Delta(FIRST, after(FIRST, quotes(), NOW_MS + 1_000))
SHARDS = 2
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


def test_every_subscriber_of_every_shard_hears_what_it_sees(
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


def test_who_subscribed_to_both_channels_hears_both(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "both", "rates")
    connections.subscribe("both", "rates_batch", None)
    publisher.publish(MOVED, DEADLINE_S)
    assert sorted(clients.events("both")) == ["data", "update"]


def test_when_nothing_changed_the_subscribers_of_both_channels_hear_one_heartbeat(
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
def test_when_anything_changed_nobody_hears_a_heartbeat(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients, delta: Delta
) -> None:
    listen(connections, "batch", "rates_batch")
    listen(connections, "plain", "rates")
    listen(connections, "unmoved", "rates_batch", "LTC_CAD")
    publisher.publish(delta, DEADLINE_S)
    assert clients.events("batch") == ["update"]
    assert "heartbeat" not in clients.events("plain") + clients.events("unmoved")


def test_who_is_gone_is_forgotten_and_does_not_count(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "here", "rates_batch")
    listen(connections, "left", "rates_batch")
    clients.refusals["left"] = gone
    posted = publisher.publish(MOVED, DEADLINE_S)
    assert posted.gone == 1
    assert [c.connection_id for c in connections.subscribers(range(SHARDS), 0)] == ["here"]
    assert quotes_table.audience() == 1


def test_who_missed_a_frame_still_listens(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "slow", "rates_batch")
    clients.refusals["slow"] = throttled
    assert list(publisher.publish(MOVED, DEADLINE_S).failed) == ["slow"]
    assert quotes_table.audience() == 1
    assert connections.get("slow").subscriptions == {"rates_batch": None}


def test_who_is_past_its_time_hears_nothing(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    connections.add("old", int(time.time()) - LIFETIME_S - 1)
    connections.subscribe("old", "rates_batch", None)
    publisher.publish(MOVED, DEADLINE_S)
    assert clients.posts == 0
    assert quotes_table.audience() == 0


def test_that_nobody_listens_is_stored_each_time_since_a_join_may_have_hidden_it(
    publisher: Publisher, quotes_table: QuotesTable
) -> None:
    publisher.publish(MOVED, DEADLINE_S)
    quotes_table.join_audience(1_000)
    assert quotes_table.audience() == 1
    publisher.publish(UNMOVED, DEADLINE_S)
    assert quotes_table.audience() == 0


def test_a_number_that_stays_is_stored_once(
    publisher: Publisher, connections: ConnectionsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(QuotesTable, "count_audience", lambda _table, connections, _from_ms: counts.append(connections))
    listen(connections, "a", "rates_batch")
    publisher.publish(MOVED, DEADLINE_S)
    publisher.publish(UNMOVED, DEADLINE_S)
    listen(connections, "b", "rates")
    publisher.publish(UNMOVED, DEADLINE_S)
    assert counts == [1, 2]


def test_who_joins_during_the_count_is_not_lost(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, clients: Clients
) -> None:
    listen(connections, "left", "rates_batch")
    clients.refusals["left"] = gone
    posted_at: list[int] = []

    def join_meanwhile(connection_id: str) -> Answer:
        posted_at.append(time.time_ns() // 1_000_000)
        quotes_table.join_audience(posted_at[0])
        return gone(connection_id)

    clients.refusals["left"] = join_meanwhile
    publisher.publish(MOVED, DEADLINE_S)
    assert quotes_table.audience() == 1


def moved(before: Snapshot, number: int, *symbols: str) -> Delta:
    """The tick after that one, in which these symbols changed to a price that tells it."""
    changed = {symbol: quote(symbol, spot=str(number)) for symbol in symbols}
    kept = {symbol: each for symbol, each in before.quotes.items() if symbol not in changed}
    return Delta(before, after(before, kept | changed, before.ts_ms + 1_000))


def test_who_missed_a_tick_gets_what_it_held_with_the_next_one(
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


def test_a_tick_that_never_came_to_publish_is_made_up_for(
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


def test_what_is_missed_for_long_is_left_to_the_client_to_ask_for(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "slow", "rates_batch")
    clients.refusals["slow"] = throttled
    delta = moved(FIRST, 2, "BTC_CAD")
    publisher.publish(delta, DEADLINE_S)
    for number in range(MOST_TICKS_BEHIND):
        delta = moved(delta.new, number, "ETH_CAD")
        publisher.publish(delta, DEADLINE_S)
    clients.refusals.clear()
    delta = moved(delta.new, 99, "LTC_CAD")
    publisher.publish(delta, DEADLINE_S)
    (late,) = clients.frames("slow")
    assert spots(late).keys() == {"ETH_CAD", "LTC_CAD"}
    assert late["prev_seq"] == FIRST.seq + 1  # of the bitcoin price: a client that has not got it sees so


def test_a_batch_that_is_cut_short_is_gone_on_with_from_where_it_stopped(
    connections: ConnectionsTable, clients: Clients
) -> None:
    for number in range(10):
        listen(connections, f"c{number}", "rates_batch")
    fan_out = FanOut(connections, clients.gateway_at(rate=0.01, burst=4))
    first, everyone = moved(FIRST, 2, "BTC_CAD"), range(SHARDS)
    posted, progress = fan_out.post(first, everyone, Progress(FIRST.seq), deadline_s=1.5)
    assert (posted.reached, posted.whole) == (4, False)
    assert progress.whole_seq == FIRST.seq
    assert progress.stopped_after
    heard = set(clients.received)
    second = moved(first.new, 3, "ETH_CAD")
    fan_out = FanOut(connections, clients.gateway_at(rate=0.01, burst=6))
    _, progress = fan_out.post(second, everyone, progress, deadline_s=1.5)
    assert len(heard | set(clients.received)) == 10
    for connection_id in set(clients.received) - heard:
        (frame,) = clients.frames(connection_id)
        assert spots(frame) == {"BTC_CAD": 2, "ETH_CAD": 3}


def test_with_few_connections_or_one_shard_publish_needs_no_workers(
    publisher: Publisher, connections: ConnectionsTable, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    assert not publisher.needs_workers()
    for number in range(4):
        listen(connections, f"c{number}", "rates_batch")
    publisher.publish(MOVED, DEADLINE_S)
    assert publisher.needs_workers()
    alone = Publisher(
        quotes_table, progress, FanOut(connections, Clients().gateway), shards=1, connections_per_worker=3
    )
    assert not alone.needs_workers()


def test_a_new_publisher_knows_of_many_connections_from_the_table(
    publisher: Publisher, quotes_table: QuotesTable
) -> None:
    quotes_table.count_audience(4, 1_000)
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
        publisher.delegate(delta, lambda shard: posted.append(worker.publish(delta, shard, DEADLINE_S)))  # noqa: B023 - called at once
    assert {len(frames) for frames in clients.received.values()} == {2}
    assert len(clients.received) == 9
    assert quotes_table.audience() == 9


def test_the_audience_is_not_stored_while_a_shard_has_not_been_counted(
    publisher: Publisher, quotes_table: QuotesTable, progress: ProgressTable
) -> None:
    quotes_table.join_audience(1_000)
    progress.begin(0, MOVED.new.ts_ms)
    progress.end(0, MOVED.new.ts_ms, Progress(MOVED.new.seq), Counted(0, MOVED.new.ts_ms))
    publisher.delegate(MOVED, lambda _shard: None)
    assert quotes_table.audience() == 1


def test_all_workers_are_started_though_one_cannot_be(publisher: Publisher) -> None:
    started: list[int] = []

    def start(shard: int) -> None:
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
    shard = connections.shard_of("c0")
    worker = Worker(progress, FanOut(connections, clients.gateway))
    newer = moved(MOVED.new, 7, "BTC_CAD")
    assert worker.publish(newer, shard, DEADLINE_S) is not None
    posts = clients.posts
    assert worker.publish(newer, shard, DEADLINE_S) is None
    assert worker.publish(MOVED, shard, DEADLINE_S) is None
    assert clients.posts == posts


def test_the_first_worker_of_a_shard_makes_up_for_those_that_were_overtaken_before_they_began(
    connections: ConnectionsTable, progress: ProgressTable, clients: Clients
) -> None:
    listen(connections, "here", "rates_batch")
    worker = Worker(progress, FanOut(connections, clients.gateway))
    newer = moved(MOVED.new, 7, "ETH_CAD")
    worker.publish(newer, connections.shard_of("here"), DEADLINE_S)
    assert worker.publish(MOVED, connections.shard_of("here"), DEADLINE_S) is None
    (frame,) = clients.frames("here")
    assert frame["prev_seq"] <= MOVED.old.seq
    assert spots(frame) == {"BTC_CAD": 1, "ETH_CAD": 7}


def test_publish_makes_up_for_the_last_workers_when_it_posts_itself_again(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
    listen(connections, "here", "rates_batch")
    publisher.delegate(MOVED, lambda _shard: None)
    publisher.publish(moved(MOVED.new, 7, "ETH_CAD"), DEADLINE_S)
    (frame,) = clients.frames("here")
    assert spots(frame) == {"BTC_CAD": 1, "ETH_CAD": 7}
    publisher.publish(moved(moved(MOVED.new, 7, "ETH_CAD").new, 8, "ETH_CAD"), DEADLINE_S)
    assert spots(clients.frames("here")[1]) == {"ETH_CAD": 8}


def test_progress_is_of_the_newest_tick_alone(progress: ProgressTable) -> None:
    assert progress.begin(1, 1_000) == Progress()
    assert not progress.overtaken(1, 1_000)
    progress.end(1, 1_000, Progress(5, "c1"), None)
    assert progress.begin(1, 2_000) == Progress(5, "c1")
    assert progress.overtaken(1, 1_000)
    with pytest.raises(Overtaken):
        progress.end(1, 1_000, Progress(6), None)
    with pytest.raises(Overtaken):
        progress.begin(1, 2_000)
    assert progress.begin(0, 500) == Progress()


# By the clock


def at_the_time_of(connection_id: str, before: Snapshot, *symbols: str, number: int = 9) -> Delta:
    """A tick in which these symbols change, one second long, in which that connection is due its whole view."""
    to_ms = before.ts_ms + 1_000
    while not Period(to_ms - 1_000, to_ms).has_snapshot(spread_of(connection_id)):
        to_ms += 1_000
    confirmed = {symbol: replace(known, seen_ms=to_ms - 1_000) for symbol, known in before.quotes.items()}
    return moved(replace(before, ts_ms=to_ms - 1_000, quotes=confirmed), number, *symbols)


def test_once_a_minute_a_connection_gets_its_whole_view_in_place_of_the_update(
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
        # With the one instead of the other nobody sees a gap, and nobody hears anything twice.
        assert [frame["seq"] for frame in frames] == list(range(FIRST.seq + 1, delta.new.seq))
        assert all(frame.get("prev_seq", frame["seq"] - 1) == frame["seq"] - 1 for frame in frames)


def test_a_snapshot_makes_whole_who_was_behind(
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
    assert (snapshot["event"], len(spots(snapshot))) == ("snapshot", 75)
    assert spots(snapshot)["BTC_CAD"] == 2
    assert spots(snapshot)["ETH_CAD"] == 9
    assert update["prev_seq"] == snapshot["seq"]
    assert spots(update) == {"LTC_CAD": 4}


def test_a_snapshot_that_failed_becomes_an_update_of_the_next_tick(
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


def test_a_snapshot_that_is_due_comes_though_nothing_changed(
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


def test_who_sees_none_of_what_moves_hears_a_heartbeat_every_thirty_seconds(
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


def test_a_connection_is_told_once_that_its_end_is_near_after_what_the_tick_brings(
    publisher: Publisher, connections: ConnectionsTable, clients: Clients
) -> None:
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
    """One that was made at that time and has not expired by the clock of this machine."""
    connections.add(connection_id, connected_s)
    connections._table.update_item(
        Key=connections._key(connection_id),
        UpdateExpression="SET expires_at = :later",
        ExpressionAttributeValues={":later": int(time.time()) + 60},
    )
