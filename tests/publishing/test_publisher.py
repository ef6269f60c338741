"""Records of the stream that come again, late or unreadable: nobody gets an older price, and everybody the newest."""

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.gateway import Posted
from shared.model.values import Progress, Snapshot
from shared.publishing.fan_out import FanOut
from shared.publishing.images import change_in, delta_of
from shared.publishing.publisher import Publisher, Worker
from shared.store.codec import pack
from shared.store.connections_table import ConnectionsTable
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import SNAPSHOT_KEY, QuotesTable
from tests.clients import Clients, spots
from tests.lambdas import stream_record
from tests.samples import LIMITS, after, quote, quotes

DEADLINE_S = 20.0
LATE_MS = 10_000
SHARDS = 2


@dataclass
class Stage:
    """The tables, the clients, and the ticks that an ingest wrote."""

    quotes: QuotesTable
    quotes_items: Table
    connections_items: Table
    clients: Clients
    ticks: list[Snapshot]

    def publisher(self, shards: int = 1) -> Publisher:
        """Return a cold one."""
        fan_out = FanOut(ConnectionsTable(self.connections_items, shards), self.clients.gateway)
        progress = ProgressTable(self.connections_items)
        return Publisher(self.quotes, progress, fan_out, shards=shards, connections_per_worker=10**6)

    def listen(self, connection_id: str, channel: str = "rates", shards: int = 1) -> None:
        table = ConnectionsTable(self.connections_items, shards)
        table.add(connection_id, int(time.time()))
        table.subscribe(connection_id, channel, ("BTC_CAD",) if channel == "rates" else None)

    def tick(self) -> Snapshot:
        """Write the next one, in which bitcoin costs its `seq`."""
        old = self.ticks[-1]
        price = quote(spot=str(old.seq + 1))
        now_ms = time.time_ns() // 1_000_000
        new = after(old, {**old.quotes, "BTC_CAD": price}, max(now_ms, old.ts_ms + 1))
        self.quotes.write_snapshot(new, 1)
        self.ticks.append(new)
        return new

    def record(self, seq: int) -> dict[str, Any]:
        """Return the record of a tick."""
        old, new = self.ticks[seq - 1], self.ticks[seq]
        return dict(stream_record(old if old.seq else None, new)["dynamodb"])

    def prices(self, connection_id: str) -> list[int]:
        """Return the bitcoin prices that a client got."""
        data = [frame.get("data", []) for frame in self.clients.frames(connection_id)]
        rows = [row for each in data for row in (each if isinstance(each, list) else [each])]
        return [int(row["spot"]) for row in rows if row["symbol"] == "BTC_CAD"]


@pytest.fixture
def stage(quotes_table: QuotesTable, quotes_items: Table, connections_items: Table) -> Stage:
    """A feed with three ticks."""
    made = Stage(quotes_table, quotes_items, connections_items, Clients(), [Snapshot(quotes=quotes())])
    for _ in range(3):
        made.tick()
    return made


def deliver(publisher: Publisher, records: Sequence[dict[str, Any]]) -> Posted | None:
    """Do as the handler does."""
    change, _ = change_in(records)
    change = change and publisher.admit(change, LATE_MS)
    return publisher.publish(change.judged(LIMITS), DEADLINE_S) if change else None


@pytest.mark.parametrize("order", [[1, 2, 3, 2], [1, 2, 3, 1, 2, 3], [1, 3, 2], [3, 2, 1], [2, 2, 3, 3, 1]])
def test_records_out_of_order_or_doubled_send_no_older_price(stage: Stage, order: list[int]) -> None:
    for channel in ("rates", "rates_batch"):
        stage.listen(channel, channel)
    publisher = stage.publisher()
    for seq in order:
        deliver(publisher, [stage.record(seq)])
    for channel in ("rates", "rates_batch"):
        got = stage.prices(channel)
        assert got == sorted(set(got)), "each at most once, none older"
        assert got[-1] == 3


def test_a_record_that_comes_after_newer_ones_sends_nothing(stage: Stage) -> None:
    for channel in ("rates", "rates_batch"):
        stage.listen(channel, channel)
    publisher = stage.publisher()
    for seq in range(4, 10):
        stage.tick()
        assert deliver(publisher, [stage.record(seq)])
        for again in range(1, seq + 1):
            assert deliver(publisher, [stage.record(again)]) is None
    for channel in ("rates", "rates_batch"):
        assert stage.prices(channel) == list(range(4, 10))


@pytest.mark.parametrize("order", [[1, 2, 3, 2], [3, 2, 1], [1, 3, 2], [2, 3, 1]])
def test_a_new_process_for_each_record_sends_no_older_price(stage: Stage, order: list[int]) -> None:
    """As after timeouts: none of them has seen what the others posted."""
    stage.listen("here")
    for seq in order:
        deliver(stage.publisher(), [stage.record(seq)])
    assert set(stage.prices("here")) == {3}


def test_two_processes_that_alternate_send_no_older_price(stage: Stage) -> None:
    stage.listen("here")
    first, second = stage.publisher(), stage.publisher()
    deliver(first, [stage.record(3)])
    for _ in range(6):
        stage.tick()
    for process, seq in [(second, 4), (second, 5), (second, 6), (first, 5), (first, 4), (first, 7), (second, 7)]:
        deliver(process, [stage.record(seq)])
    got = stage.prices("here")
    assert got == sorted(got)
    assert got[-1] == 9


def test_records_in_order_need_no_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = stage.publisher()
    deliver(publisher, [stage.record(3)])

    def never(_table: QuotesTable) -> Snapshot:
        raise AssertionError("read")

    monkeypatch.setattr(QuotesTable, "readable_snapshot", never)
    for seq in (4, 5, 6):
        stage.tick()
        assert deliver(publisher, [stage.record(seq)])
    stage.tick()
    stage.tick()
    assert deliver(publisher, [stage.record(7), stage.record(8)])


def test_a_record_as_old_as_allowed_needs_no_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = stage.publisher()
    deliver(publisher, [stage.record(3)])
    tick = stage.tick()
    stage.tick()
    change, _ = change_in([stage.record(4)])
    assert change
    now_ns = [(tick.ts_ms + LATE_MS) * 1_000_000 + 999_999]
    monkeypatch.setattr("shared.publishing.publisher.time.time_ns", lambda: now_ns[0])
    assert publisher.admit(change, LATE_MS) is change
    now_ns[0] += 1
    overtaken = publisher.admit(change, LATE_MS)
    assert overtaken
    assert overtaken.snapshot.seq == 5


def test_a_late_stream_brings_the_newest_prices(stage: Stage) -> None:
    """The record is a minute old, and later ones wait behind it."""
    stage.listen("here")
    publisher = stage.publisher()
    deliver(publisher, [stage.record(3)])
    stage.tick()
    late = stage.ticks[4]
    stage.ticks[4] = replace(late, ts_ms=late.ts_ms - 60_000)
    record = stage.record(4)
    stage.ticks[4] = late
    stage.tick()
    assert deliver(publisher, [record])
    assert stage.prices("here")[-1] == 5
    assert deliver(publisher, [stage.record(5)]) is None
    stage.tick()
    deliver(publisher, [stage.record(6)])
    assert stage.prices("here")[-2:] == [5, 6]


def test_a_batch_that_did_not_reach_everybody_may_come_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else would bring this tick before the next one."""
    stage.listen("here")
    publisher = stage.publisher()

    def fails(*_given: object, **_named: object) -> tuple[Posted, object]:
        raise OSError("no certificates")

    with monkeypatch.context() as patched:
        patched.setattr(FanOut, "post", fails)
        with pytest.raises(OSError, match="no certificates"):
            deliver(publisher, [stage.record(2), stage.record(3)])
    # Lambda bisects a batch that failed. Somebody may have got tick 3.
    assert deliver(publisher, [stage.record(2)]) is None
    assert deliver(publisher, [stage.record(3)])
    assert stage.prices("here") == [3]
    assert deliver(publisher, [stage.record(3)]) is None


@pytest.mark.parametrize("shards", [1, SHARDS])
def test_a_feed_that_begins_again_is_published_whatever_its_seq(stage: Stage, shards: int) -> None:
    """Somebody deleted the snapshot. Workers and `publish` have seen higher ones."""
    stage.listen("here", shards=shards)
    publisher = stage.publisher(shards)
    deliver(publisher, [stage.record(3)])
    stage.quotes_items.delete_item(Key=SNAPSHOT_KEY)
    stage.ticks[:] = [Snapshot(quotes=quotes())]
    stage.tick()
    first = stage.record(1)
    assert deliver(publisher, [first])
    assert stage.prices("here") == [3, 1]
    progress = ProgressTable(stage.connections_items)
    assert not any(progress.overtaken(shard, 2) for shard in range(SHARDS))
    stage.tick()
    assert deliver(publisher, [stage.record(2)])
    assert deliver(publisher, [first]) is None
    assert stage.prices("here") == [3, 1, 2]


def test_the_first_record_again_does_not_begin_the_feed(stage: Stage) -> None:
    stage.listen("here")
    publisher = stage.publisher()
    deliver(publisher, [stage.record(3)])
    assert deliver(publisher, [stage.record(1)]) is None
    stage.quotes_items.put_item(Item={**SNAPSHOT_KEY, "seq": 1, "epoch": 1, "packed": b"garbage"})
    assert deliver(publisher, [stage.record(1)]) is None


def test_only_a_delegation_that_failed_may_come_again(stage: Stage) -> None:
    publisher = stage.publisher(SHARDS)
    delta = delta_of(stage.record(3)["OldImage"], stage.record(3)["NewImage"], LIMITS)
    change, _ = change_in([stage.record(3)])
    assert change

    def fails(_shard: int, _audience: str) -> None:
        raise ValueError("throttled")

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(QuotesTable, "counted_audience", lambda _table: fails(0, ""))
        with pytest.raises(ValueError, match="throttled"):
            publisher.delegate(delta, lambda _shard, _audience: None)
    assert publisher.admit(change, LATE_MS)
    with pytest.raises(ValueError, match="throttled"):
        publisher.delegate(delta, fails)
    assert publisher.admit(change, LATE_MS)
    publisher.delegate(delta, lambda _shard, _audience: None)
    assert publisher.admit(change, LATE_MS) is None


@pytest.mark.parametrize("is_cold", [False, True])
def test_a_worker_after_publish_took_over_posts_nothing(stage: Stage, is_cold: bool) -> None:
    stage.listen("here", shards=SHARDS)
    publisher = stage.publisher(SHARDS)
    older, newer = stage.record(2), stage.record(3)
    publisher.delegate(delta_of(older["OldImage"], older["NewImage"], LIMITS), lambda _shard, _audience: None)
    if is_cold:
        publisher = stage.publisher(SHARDS)
    assert deliver(publisher, [newer])
    connections = ConnectionsTable(stage.connections_items, SHARDS)
    late = Worker(ProgressTable(stage.connections_items), FanOut(connections, stage.clients.gateway))
    for shard in range(SHARDS):
        assert late.publish(delta_of(older["OldImage"], older["NewImage"], LIMITS), shard, DEADLINE_S, "") is None
    assert stage.prices("here") == [3]


def test_publish_takes_over_from_workers_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[int, int]] = []
    begin = ProgressTable.begin

    def begins(table: ProgressTable, shard: int, snapshot: Snapshot) -> Progress:
        begun.append((shard, snapshot.seq))
        return begin(table, shard, snapshot)

    monkeypatch.setattr(ProgressTable, "begin", begins)
    publisher = stage.publisher(SHARDS)
    for seq in (3, 4, 5):
        deliver(publisher, [stage.record(seq)])
        stage.tick()
    assert begun == [(0, 3), (1, 3)]
    alone = stage.publisher(1)
    deliver(alone, [stage.record(5)])
    assert len(begun) == SHARDS


def test_a_new_process_sends_what_another_may_have_left_out(stage: Stage) -> None:
    stage.listen("here", "rates_batch")
    stage.tick()
    kept = {symbol: each for symbol, each in stage.ticks[4].quotes.items() if symbol != "ETH_CAD"}
    moved = after(stage.ticks[4], kept | {"ETH_CAD": quote("ETH_CAD", "5")}, stage.ticks[4].ts_ms + 1)
    stage.quotes.write_snapshot(moved, 1)
    stage.ticks.append(moved)
    deliver(stage.publisher(), [stage.record(5)])
    (frame,) = stage.clients.frames("here")
    assert spots(frame)["ETH_CAD"] == 5
    assert spots(frame)["BTC_CAD"] == 4


def test_a_client_that_is_behind_a_jump_of_the_seq_loses_nothing(stage: Stage) -> None:
    stage.listen("behind", "rates_batch")
    publisher = stage.publisher()
    deliver(publisher, [stage.record(3)])
    stage.tick()  # never comes
    old = stage.ticks[4]
    price = quote("ETH_CAD", "7")
    jumped = after(replace(old, seq=10**9), {**old.quotes, "ETH_CAD": price}, old.ts_ms + 1)
    record = stream_record(old, jumped)["dynamodb"]
    deliver(publisher, [record])
    last = stage.clients.frames("behind")[-1]
    assert spots(last) == {"BTC_CAD": 4, "ETH_CAD": 7}
    assert last["prev_seq"] <= 3


# Unreadable snapshots

POISON = [
    b"",
    b"garbage",
    pack(Snapshot())[:-3],
    pack(Snapshot(seq=4)).replace(b"x", b"y", 1),
]


def poisoned(record: dict[str, Any], image: str, packed: bytes) -> dict[str, Any]:
    return record | {image: record[image] | {"packed": {"B": base64.b64encode(packed).decode()}}}


@pytest.mark.parametrize("packed", POISON)
def test_a_snapshot_after_an_unreadable_one_brings_everything(stage: Stage, packed: bytes) -> None:
    """Also what changed in the tick that could not be read."""
    for channel in ("rates", "rates_batch"):
        stage.listen(channel, channel)
    publisher = stage.publisher()
    deliver(publisher, [stage.record(3)])
    before = {channel: len(frames) for channel, frames in stage.clients.received.items()}
    stage.tick()
    bad = poisoned(stage.record(4), "NewImage", packed)
    assert change_in([bad]) == (None, 1)
    assert deliver(publisher, [bad]) is None
    assert {channel: len(frames) for channel, frames in stage.clients.received.items()} == before
    kept = {symbol: each for symbol, each in stage.ticks[4].quotes.items() if symbol != "LTC_CAD"}
    stage.ticks[4] = replace(stage.ticks[4], quotes=kept, unavailable={"LTC_CAD": 4})
    ether = after(stage.ticks[4], {**kept, "ETH_CAD": quote("ETH_CAD", "5")}, stage.ticks[4].ts_ms + 1)
    stage.ticks.append(ether)
    assert deliver(publisher, [poisoned(stage.record(5), "OldImage", packed)])
    assert stage.prices("rates")[-1] == 4
    whole = stage.clients.frames("rates_batch")[-1]
    assert (whole["event"], whole["seq"], whole["unavailable"]) == ("snapshot", 5, ["LTC_CAD"])
    assert {"BTC_CAD": 4, "ETH_CAD": 5}.items() <= spots(whole).items()


def test_a_batch_ends_with_the_last_snapshot_that_can_be_read(stage: Stage) -> None:
    stage.listen("here")
    for _ in range(3):
        stage.tick()
    records = [stage.record(4), poisoned(stage.record(5), "NewImage", b"garbage")]
    change, unreadable = change_in(records)
    assert change
    assert (change.snapshot.seq, change.old_seq, unreadable) == (4, 3, 1)
    change, unreadable = change_in([*records, poisoned(stage.record(6), "OldImage", b"garbage")])
    assert change
    assert (change.snapshot.seq, change.old_seq, unreadable) == (6, 3, 1)


@pytest.mark.parametrize("image", [{}, {"seq": {"N": "x"}}, {"seq": {"S": "4"}, "packed": {"B": ""}}])
def test_an_image_of_another_shape_cannot_be_read(stage: Stage, image: dict[str, Any]) -> None:
    assert change_in([{"OldImage": stage.record(3)["NewImage"], "NewImage": image}]) == (None, 1)
    assert change_in([{"OldImage": image}]) == (None, 1)
    change, _ = change_in([{"OldImage": image, "NewImage": stage.record(3)["NewImage"]}])
    assert change
    assert (change.old_seq, change.judged(LIMITS).old.quotes) == (0, {})


def test_an_item_without_a_seq_cannot_be_read(stage: Stage) -> None:
    image = stage.record(3)["NewImage"] | {"seq": {"N": "0"}}
    assert change_in([{"NewImage": image}]) == (None, 1)


def test_the_seq_of_the_item_counts_not_the_packed_one(stage: Stage) -> None:
    image = stage.record(3)["NewImage"] | {"seq": {"N": "9"}}
    change, _ = change_in([{"NewImage": image}])
    assert change
    assert change.snapshot.seq == 9


def test_an_unreadable_stored_snapshot_replaces_no_record(stage: Stage) -> None:
    stage.listen("here")
    stage.quotes_items.put_item(Item={**SNAPSHOT_KEY, "seq": 9, "epoch": 1, "packed": b"garbage"})
    assert deliver(stage.publisher(), [stage.record(3)])
    assert stage.prices("here") == [3]
