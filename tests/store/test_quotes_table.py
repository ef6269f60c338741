"""A late writer writes nothing: the snapshot, the lease and the audience in one table."""

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.explanation import Explanations
from shared.model.staleness import as_of
from shared.model.values import Snapshot
from shared.store.codec import pack
from shared.store.quotes_table import (
    AUDIENCE_KEY,
    CLAIM_MS,
    EXPLAIN_KEY,
    READERS_STAY_MS,
    Audience,
    Lease,
    LeaseLost,
    QuotesTable,
    SnapshotMoved,
    Stored,
)
from tests.samples import LIMITS, NOW_MS, after, explanations, quotes
from tests.store.test_codec import full_snapshot, made_snapshot

ONE = after(Snapshot(), quotes())
TWO = after(ONE, quotes("2"), NOW_MS + 1_000)
THREE = after(TWO, quotes("3"), NOW_MS + 2_000)


def test_an_empty_table_has_no_snapshot_lease_or_audience(quotes_table: QuotesTable) -> None:
    assert quotes_table.snapshot() == Snapshot()
    assert quotes_table.lease() == Lease(0, 0, 0)
    assert quotes_table.audience() == 0


def test_a_snapshot_is_read_as_it_was_written(quotes_table: QuotesTable) -> None:
    snapshot = made_snapshot()
    quotes_table.write_snapshot(snapshot, 1)
    assert quotes_table.snapshot() == snapshot


def test_the_snapshots_item_is_below_10_kb(quotes_table: QuotesTable, quotes_items: Table) -> None:
    quotes_table.write_snapshot(full_snapshot(), 1)
    item = quotes_items.get_item(Key={"pk": "SNAPSHOT", "sk": "CURRENT"})["Item"]
    assert set(item) == {"pk", "sk", "seq", "epoch", "packed"}
    # Names and texts by their bytes, numbers by at most 21 bytes:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    assert sum(map(len, item)) + len("SNAPSHOTCURRENT") + 2 * 21 + len(bytes(item["packed"])) < 10_000  # type: ignore[arg-type]


def test_snapshots_follow_each_other(quotes_table: QuotesTable) -> None:
    for snapshot in (ONE, TWO, THREE):
        quotes_table.write_snapshot(snapshot, 1)
    assert quotes_table.snapshot() == THREE


@pytest.mark.parametrize("late", [TWO, THREE, replace(THREE, seq=5)])
def test_only_a_snapshot_that_follows_the_stored_one_is_written(quotes_table: QuotesTable, late: Snapshot) -> None:
    for snapshot in (ONE, TWO, THREE):
        quotes_table.write_snapshot(snapshot, 1)
    with pytest.raises(SnapshotMoved):
        quotes_table.write_snapshot(late, 1)
    assert quotes_table.snapshot() == THREE


def test_an_older_ingest_writes_nothing_after_a_newer_one(quotes_table: QuotesTable) -> None:
    quotes_table.write_snapshot(ONE, 2)
    with pytest.raises(SnapshotMoved):
        quotes_table.write_snapshot(TWO, 1)
    assert quotes_table.snapshot() == ONE
    quotes_table.write_snapshot(TWO, 2)
    quotes_table.write_snapshot(THREE, 3)
    assert quotes_table.snapshot() == THREE


def test_another_table_error_is_not_a_conflict(quotes_table: QuotesTable, quotes_items: Table) -> None:
    quotes_items.delete()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.write_snapshot(ONE, 1)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.renew_lease(Lease(1, 0, 0))
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.write_explanations(explanations())
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.count_audience(1, Audience())


@pytest.mark.parametrize(
    "broken",
    [
        {"seq": 1, "epoch": 1, "packed": b"garbage"},
        {"seq": 10**30, "epoch": 1, "packed": pack(ONE)},
        {"epoch": 1, "packed": pack(ONE)},
        {"seq": 1, "packed": pack(ONE)},
        {"seq": 50, "epoch": 1, "packed": pack(ONE)},
        {"seq": "1", "epoch": "1", "packed": "text"},
        {},
    ],
)
def test_a_broken_snapshot_is_read_and_replaced_once(
    quotes_table: QuotesTable, quotes_items: Table, broken: dict[str, Any]
) -> None:
    quotes_items.put_item(Item={"pk": "SNAPSHOT", "sk": "CURRENT", **broken})
    stored = quotes_table.stored()
    assert not stored.is_sound
    assert stored.snapshot.seq == {50: 50, "1": 0}.get(broken.get("seq", 1), 1 if broken else 0)
    quotes_table.write_snapshot(THREE, 1, instead_of=stored)
    with pytest.raises(SnapshotMoved):
        quotes_table.write_snapshot(TWO, 1, instead_of=stored)
    assert quotes_table.stored() == Stored(THREE, 1, is_sound=True, attributes={"seq": 3, "epoch": 1})


@pytest.mark.parametrize("changed", [{"seq": 1, "epoch": 2}, {"seq": 2, "epoch": 1}, {"seq": 1}, {"epoch": 1}])
def test_a_broken_snapshot_that_has_changed_is_not_replaced(
    quotes_table: QuotesTable, quotes_items: Table, changed: dict[str, int]
) -> None:
    quotes_items.put_item(Item={"pk": "SNAPSHOT", "sk": "CURRENT", "packed": b"garbage", "seq": 1, "epoch": 1})
    stored = quotes_table.stored()
    quotes_items.put_item(Item={"pk": "SNAPSHOT", "sk": "CURRENT", "packed": b"garbage", **changed})
    with pytest.raises(SnapshotMoved):
        quotes_table.write_snapshot(THREE, 1, instead_of=stored)


def test_a_reader_takes_the_items_own_seq(quotes_table: QuotesTable, quotes_items: Table) -> None:
    """The one that a write is compared with."""
    quotes_items.put_item(Item={"pk": "SNAPSHOT", "sk": "CURRENT", "packed": pack(ONE), "seq": 50, "epoch": 1})
    assert quotes_table.readable_snapshot() == replace(ONE, seq=50)


@pytest.mark.parametrize(
    "broken",
    [
        {"seq": 10**30, "packed": pack(ONE)},
        {"seq": 0, "packed": pack(ONE)},
        {"packed": pack(ONE)},
        {"seq": 1, "packed": pack(replace(ONE, unavailable={"LTC_CAD": 2}))},
        {"seq": 1, "packed": pack(replace(ONE, quotes=quotes(seq=2)))},
    ],
)
def test_a_snapshot_with_an_impossible_tick_is_told_to_nobody(
    quotes_table: QuotesTable, quotes_items: Table, broken: dict[str, Any]
) -> None:
    quotes_items.put_item(Item={"pk": "SNAPSHOT", "sk": "CURRENT", "epoch": 1, **broken})
    assert quotes_table.readable_snapshot() == Snapshot()
    assert not quotes_table.stored().is_sound


def test_a_lost_snapshot_is_replaced_only_while_it_is_missing(quotes_table: QuotesTable) -> None:
    lost = quotes_table.stored()
    assert lost == Stored()
    quotes_table.write_snapshot(THREE, 1, instead_of=lost)
    with pytest.raises(SnapshotMoved):
        quotes_table.write_snapshot(THREE, 1, instead_of=lost)


def test_a_lease_with_a_broken_epoch_can_be_taken(quotes_table: QuotesTable, quotes_items: Table) -> None:
    quotes_items.put_item(Item={"pk": "LEASE", "sk": "INGEST", "epoch": Decimal("1.5"), "ticked_ms": 1})
    assert quotes_table.take_lease(1_000, seen=quotes_table.lease()) == Lease(2, 1, 1_000, 0)


# Explanations


def test_explanations_are_read_as_they_were_written(quotes_table: QuotesTable) -> None:
    assert quotes_table.explanations() == Explanations()
    for seq in (1, 2, 2):
        quotes_table.write_explanations(explanations(seq))
        assert quotes_table.explanations() == explanations(seq)


def test_a_late_ingest_does_not_explain_away_a_newer_tick(quotes_table: QuotesTable) -> None:
    quotes_table.write_explanations(explanations(2))
    quotes_table.write_explanations(explanations(1))
    assert quotes_table.explanations().seq == 2


@pytest.mark.parametrize("seq", [10**9, "2", None])
def test_explanations_with_an_unbelievable_seq_are_replaced(
    quotes_table: QuotesTable, quotes_items: Table, seq: Any
) -> None:
    """As when somebody deleted the snapshot and the lease: the feed begins again with 1."""
    left = {**EXPLAIN_KEY, "packed": b"left"}
    quotes_items.put_item(Item=left if seq is None else {**left, "seq": seq})
    quotes_table.write_explanations(explanations(1))
    assert quotes_table.explanations() == explanations(1)


@pytest.mark.parametrize("broken", [{}, {"packed": "text"}, {"packed": 7}, {"packed": b"nothing"}])
def test_broken_explanations_are_as_good_as_none(
    quotes_table: QuotesTable, quotes_items: Table, broken: dict[str, Any]
) -> None:
    quotes_items.put_item(Item={**EXPLAIN_KEY, "seq": 1, **broken})
    assert quotes_table.explanations() == Explanations()


def test_explanations_of_another_version_are_ignored(quotes_table: QuotesTable, quotes_items: Table) -> None:
    quotes_items.put_item(Item={"pk": "EXPLAIN", "sk": "CURRENT", "seq": 7, "ts_ms": NOW_MS, "packed": b"newer"})
    assert quotes_table.explanations() == Explanations()
    quotes_table.write_explanations(explanations(8))
    assert quotes_table.explanations().seq == 8


def test_explanations_touch_nothing_else(quotes_table: QuotesTable) -> None:
    quotes_table.write_snapshot(ONE, 1)
    quotes_table.write_explanations(explanations(1))
    assert quotes_table.snapshot() == ONE


# The lease


def test_each_lease_has_a_new_epoch(quotes_table: QuotesTable) -> None:
    assert quotes_table.take_lease(1_000) == Lease(1, 0, 1_000)
    assert quotes_table.take_lease(900) == Lease(2, 0, 900)
    assert quotes_table.lease() == Lease(2, 0, 900)


def test_a_successor_learns_the_last_tick_that_was_begun(quotes_table: QuotesTable) -> None:
    lease = quotes_table.take_lease(1_000)
    quotes_table.renew_lease(replace(lease, ticked_ms=5_000, until_ms=15_000))
    assert quotes_table.lease() == Lease(1, 5_000, 15_000)
    assert quotes_table.take_lease(16_000) == Lease(2, 5_000, 16_000)


def test_a_lease_that_was_taken_over_cannot_be_renewed(quotes_table: QuotesTable) -> None:
    lease = quotes_table.take_lease(1_000)
    taken = quotes_table.take_lease(2_000)
    with pytest.raises(LeaseLost):
        quotes_table.renew_lease(replace(lease, ticked_ms=1_000, until_ms=90_000))
    assert quotes_table.lease() == taken


def test_a_lease_of_another_epoch_cannot_be_renewed(quotes_table: QuotesTable) -> None:
    taken = quotes_table.take_lease(1_000)
    with pytest.raises(LeaseLost):
        quotes_table.renew_lease(Lease(2, 0, 9_000))
    assert quotes_table.lease() == taken


def test_renewing_a_lost_lease_makes_it_again(quotes_table: QuotesTable) -> None:
    """A deleted item must not stop its holder."""
    quotes_table.renew_lease(Lease(44_000, 5_000, 15_000, 43_990))
    assert quotes_table.lease() == Lease(44_000, 5_000, 15_000, 43_990)


def test_a_new_epoch_is_above_the_lease_and_the_snapshot(quotes_table: QuotesTable) -> None:
    assert quotes_table.take_lease(1_000, above=44_000).epoch == 44_001
    assert quotes_table.take_lease(1_000, above=7).epoch == 44_002


def test_of_those_who_saw_the_same_lease_one_takes_it(quotes_table: QuotesTable) -> None:
    seen = quotes_table.lease()
    taken = [quotes_table.take_lease(1_000, seen=seen)]
    for _ in range(2):
        with pytest.raises(LeaseLost):
            quotes_table.take_lease(1_000, seen=seen)
    seen = quotes_table.lease()
    assert [seen] == taken
    quotes_table.renew_lease(replace(seen, ticked_ms=5_000))
    seen = quotes_table.lease()
    quotes_table.renew_lease(replace(seen, ticked_ms=5_001))
    with pytest.raises(LeaseLost):
        quotes_table.take_lease(1_000, seen=seen)


@pytest.mark.parametrize(
    ("until_ms", "is_live"),
    [(NOW_MS - 1, False), (NOW_MS, False), (NOW_MS + 1, True), (NOW_MS + 9, True), (NOW_MS + 10, False)],
)
def test_a_lease_is_live_until_its_end_unless_that_cannot_be(until_ms: int, *, is_live: bool) -> None:
    assert Lease(1, 0, until_ms).is_live(NOW_MS, 9) is is_live


def test_a_lease_that_another_has_taken_is_not_taken_over(quotes_table: QuotesTable) -> None:
    """Not even one that has not begun a tick."""
    quotes_table.take_lease(1_000)
    seen = quotes_table.lease()
    assert seen.ticked_ms == 0
    quotes_table.take_lease(1_000)
    with pytest.raises(LeaseLost):
        quotes_table.take_lease(1_000, seen=seen)


def test_a_lease_with_fractions_can_be_taken_once(quotes_table: QuotesTable, quotes_items: Table) -> None:
    numbers = {name: Decimal("1000.5") for name in ("epoch", "ticked_ms", "until_ms", "seq")}
    quotes_items.put_item(Item={"pk": "LEASE", "sk": "INGEST", **numbers})
    seen = quotes_table.lease()
    assert quotes_table.take_lease(9_000, seen=seen) == Lease(1_001, 1_000, 9_000, 1_000)
    with pytest.raises(LeaseLost):
        quotes_table.take_lease(9_000, seen=seen)


def test_a_lease_without_a_tick_can_be_taken(quotes_table: QuotesTable, quotes_items: Table) -> None:
    quotes_items.put_item(Item={"pk": "LEASE", "sk": "INGEST", "epoch": 4})
    assert quotes_table.take_lease(1_000, seen=quotes_table.lease()) == Lease(5, 0, 1_000)


@pytest.mark.parametrize("epoch", ["7", 10**30, -1, Decimal("0.5"), None, b"7"])
def test_a_lease_with_an_impossible_epoch_is_nobodys(
    quotes_table: QuotesTable, quotes_items: Table, epoch: Any
) -> None:
    quotes_items.put_item(Item={"pk": "LEASE", "sk": "INGEST", "epoch": epoch, "ticked_ms": "x", "seq": 12})
    assert quotes_table.lease() == Lease(0, 0, 0, 12)
    assert quotes_table.take_lease(1_000, seen=quotes_table.lease()) == Lease(1, 0, 1_000, 12)
    assert quotes_table.lease() == Lease(1, 0, 1_000, 12)


def test_a_released_lease_is_past_and_can_be_taken_or_kept(quotes_table: QuotesTable) -> None:
    lease = quotes_table.take_lease(1_000)
    quotes_table.renew_lease(replace(lease, until_ms=0))
    assert quotes_table.lease().until_ms == 0
    quotes_table.renew_lease(lease)
    assert quotes_table.lease().until_ms == 1_000


def test_a_claim_is_for_all_until_it_is_old_or_an_ingest_came(quotes_table: QuotesTable) -> None:
    now_ms, longest_ms = NOW_MS, 45_000
    assert quotes_table.claim_wake(now_ms, longest_ms)
    assert not quotes_table.claim_wake(now_ms + CLAIM_MS, longest_ms)
    assert quotes_table.claim_wake(now_ms + CLAIM_MS + 1, longest_ms)
    assert quotes_table.lease() == Lease(0, 0, 0)
    taken = quotes_table.take_lease(now_ms + 10_000)
    assert taken.epoch == 1
    assert not quotes_table.claim_wake(now_ms, longest_ms)
    assert quotes_table.claim_wake(now_ms + 10_000, longest_ms)
    assert quotes_table.lease() == taken


def test_a_lease_that_ends_next_forbids_a_claim(quotes_table: QuotesTable) -> None:
    quotes_table.take_lease(NOW_MS + 1)
    assert not quotes_table.claim_wake(NOW_MS, 45_000)
    assert quotes_table.claim_wake(NOW_MS + 1, 45_000)


def test_no_clock_that_was_ahead_forbids_a_claim(quotes_table: QuotesTable, quotes_items: Table) -> None:
    for broken in (
        {"woken_ms": NOW_MS + 3_600_000},
        {"until_ms": NOW_MS + 3_600_000},
        {"woken_ms": "x", "until_ms": "x"},
    ):
        quotes_items.put_item(Item={"pk": "LEASE", "sk": "INGEST", **broken})
        assert quotes_table.claim_wake(NOW_MS, 45_000)
        assert not quotes_table.claim_wake(NOW_MS + 1, 45_000)


# The audience


def test_a_count_is_the_audience_and_a_newer_one_replaces_it(quotes_table: QuotesTable) -> None:
    seen = quotes_table.count_audience(7, quotes_table.counted_audience())
    assert quotes_table.audience() == 7
    assert quotes_table.counted_audience() == seen
    quotes_table.count_audience(8, seen)
    assert quotes_table.audience() == 8


def test_an_audience_ends_with_the_second_count_of_nobody(quotes_table: QuotesTable) -> None:
    quotes_table.count_audience(7, quotes_table.counted_audience())
    last_call = quotes_table.count_audience(0, quotes_table.counted_audience())
    assert (last_call.connections, last_call.is_last_call) == (7, True)
    assert quotes_table.counted_audience() == last_call
    assert quotes_table.audience() == 7
    ended = quotes_table.count_audience(0, last_call)
    assert (ended.connections, ended.is_last_call) == (0, False)
    assert quotes_table.counted_audience() == ended


def test_who_joins_an_audience_writes_nothing(quotes_table: QuotesTable) -> None:
    quotes_table.join_audience(NOW_MS)
    joined = quotes_table.counted_audience()
    quotes_table.join_audience(NOW_MS + 1)
    counted = quotes_table.count_audience(7, quotes_table.counted_audience())
    quotes_table.join_audience(NOW_MS + 2)
    assert joined.version != counted.version
    assert quotes_table.counted_audience() == counted


def test_who_joins_after_a_last_call_is_not_lost(quotes_table: QuotesTable) -> None:
    """The second count has begun before, so it may have missed the subscription."""
    quotes_table.join_audience(NOW_MS)
    last_call = quotes_table.count_audience(0, quotes_table.counted_audience())
    quotes_table.join_audience(NOW_MS)
    joined = quotes_table.counted_audience()
    assert not joined.is_last_call
    quotes_table.count_audience(0, last_call)
    assert quotes_table.counted_audience() == joined


def test_a_count_of_somebody_takes_back_a_last_call(quotes_table: QuotesTable) -> None:
    quotes_table.join_audience(NOW_MS)
    last_call = quotes_table.count_audience(0, quotes_table.counted_audience())
    again = quotes_table.count_audience(1, last_call)
    assert (again.connections, again.is_last_call) == (1, False)
    assert quotes_table.count_audience(0, again).is_last_call


@pytest.mark.parametrize(
    "stored", [{}, {"connections": 0, "write_id": "a"}, {"connections": 1}, {"connections": 1, "write_id": None}]
)
def test_who_joins_a_doubtful_audience_writes(
    quotes_table: QuotesTable, quotes_items: Table, stored: dict[str, Any]
) -> None:
    """An earlier version wrote no `write_id`, and its counts give no last call."""
    quotes_items.put_item(Item={**AUDIENCE_KEY, **stored})
    quotes_table.join_audience(NOW_MS)
    joined = quotes_table.counted_audience()
    assert (joined.connections, joined.ts_ms) == (1, NOW_MS)


def test_the_first_count_asks_that_nothing_is_stored(
    quotes_table: QuotesTable, quotes_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto would also take a missing attribute for an empty one, DynamoDB would not."""
    asked: list[object] = []
    monkeypatch.setattr(quotes_items, "update_item", lambda **request: asked.append(request["ConditionExpression"]))
    quotes_table.count_audience(7, quotes_table.counted_audience())
    id_is_none, ts_is_none = (
        Attr(name).not_exists() | Attr(name).attribute_type("NULL") for name in ("write_id", "ts_ms")
    )
    assert asked == [id_is_none & ts_is_none]


@pytest.mark.parametrize("joined_ms", [0, NOW_MS, NOW_MS + 1])
def test_a_count_begun_before_somebody_joined_does_not_hold(quotes_table: QuotesTable, joined_ms: int) -> None:
    """Whatever the clocks say, and though somebody else joined in the same millisecond before."""
    quotes_table.join_audience(NOW_MS)
    seen = quotes_table.counted_audience()
    quotes_table.join_audience(joined_ms)
    assert quotes_table.count_audience(0, seen) == quotes_table.counted_audience()
    assert quotes_table.audience() == 1


def test_the_first_to_join_is_not_lost(quotes_table: QuotesTable) -> None:
    seen = quotes_table.counted_audience()
    quotes_table.join_audience(NOW_MS)
    quotes_table.count_audience(0, seen)
    assert quotes_table.audience() == 1


def test_a_count_begun_after_somebody_joined_holds(quotes_table: QuotesTable) -> None:
    quotes_table.join_audience(NOW_MS + 86_400_000)
    quotes_table.count_audience(5, quotes_table.counted_audience())
    assert quotes_table.audience() == 5


def test_a_slow_count_does_not_replace_one_begun_later(quotes_table: QuotesTable) -> None:
    seen = quotes_table.counted_audience()
    quotes_table.count_audience(9, seen)
    quotes_table.count_audience(0, seen)
    assert quotes_table.audience() == 9


def test_a_join_counts_whatever_was_counted_before(quotes_table: QuotesTable) -> None:
    quotes_table.count_audience(0, Audience())
    quotes_table.join_audience(5_000)
    assert quotes_table.audience() == 1


def test_a_reader_listens_for_a_minute_whatever_publish_counts(quotes_table: QuotesTable) -> None:
    now_ms = time.time_ns() // 1_000_000
    quotes_table.join_readers(now_ms - 50_000)
    quotes_table.count_audience(0, quotes_table.counted_audience())
    assert quotes_table.audience() == 1
    quotes_table.count_audience(7, quotes_table.counted_audience())
    assert quotes_table.audience() == 7
    for _ in range(2):
        quotes_table.count_audience(0, quotes_table.counted_audience())
    quotes_table.join_readers(now_ms - READERS_STAY_MS)
    assert quotes_table.audience() == 0


@pytest.mark.parametrize("poison", [-1, "soon", 2**60, NOW_MS + 86_400_000])
def test_a_reader_of_a_wrong_clock_keeps_no_feed_running(
    quotes_table: QuotesTable, quotes_items: Table, poison: Any
) -> None:
    quotes_items.put_item(Item={**AUDIENCE_KEY, "connections": 0, "read_ms": poison})
    assert quotes_table.audience() == 0


@pytest.mark.parametrize(
    "poison",
    [
        {},
        {"connections": "many"},
        {"connections": None, "write_id": [1], "ts_ms": "x"},
        {"connections": None, "write_id": None, "ts_ms": None},
    ],
)
def test_an_unreadable_audience_counts_as_one_until_counted(
    quotes_table: QuotesTable, quotes_items: Table, poison: dict[str, Any]
) -> None:
    quotes_items.put_item(Item={**AUDIENCE_KEY, **poison})
    assert quotes_table.audience() == 1
    for _ in range(2):
        quotes_table.count_audience(0, quotes_table.counted_audience())
    assert quotes_table.audience() == 0
    quotes_items.put_item(Item={**AUDIENCE_KEY, **poison})
    quotes_table.join_audience(NOW_MS)
    quotes_table.count_audience(3, quotes_table.counted_audience())
    assert quotes_table.audience() == 3


def test_a_subscriber_of_an_earlier_version_is_not_lost(quotes_table: QuotesTable, quotes_items: Table) -> None:
    """It wrote `ts_ms`, a day ahead here, and no `write_id`."""

    def join_as_before(ts_ms: int) -> None:
        quotes_items.update_item(
            Key=AUDIENCE_KEY,
            UpdateExpression="SET ts_ms = :now, connections = :one",
            ExpressionAttributeValues={":now": ts_ms, ":one": 1},
        )

    join_as_before(NOW_MS + 86_400_000)
    seen = quotes_table.count_audience(2, quotes_table.counted_audience())
    assert quotes_table.audience() == 2
    join_as_before(NOW_MS)
    quotes_table.count_audience(0, seen)
    assert quotes_table.audience() == 1


def test_an_earlier_versions_count_yields_to_a_subscriber(quotes_table: QuotesTable, quotes_items: Table) -> None:
    quotes_table.join_audience(NOW_MS)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        quotes_items.update_item(
            Key=AUDIENCE_KEY,
            UpdateExpression="SET ts_ms = :from, connections = :connections",
            ConditionExpression="attribute_not_exists(ts_ms) OR ts_ms < :from",
            ExpressionAttributeValues={":from": NOW_MS, ":connections": 0},
        )


@pytest.mark.parametrize(
    ("connections", "read_ms", "is_heard"),
    [(0, 0, False), (1, 0, True), (0, NOW_MS - 59_999, True), (0, NOW_MS - 60_000, False), (0, NOW_MS + 59_999, True)],
)
def test_a_connection_or_a_reader_of_the_last_minute_listens(connections: int, read_ms: int, *, is_heard: bool) -> None:
    assert Audience(connections, read_ms=read_ms).is_heard(NOW_MS) is is_heard


def test_clients_get_the_snapshot_judged_by_their_own_clock(
    quotes_table: QuotesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_snapshot()
    quotes_table.write_snapshot(made, 1)
    for later_ms in (0, 10 * LIMITS.late_ms):
        now_ms = made.ts_ms + later_ms
        monkeypatch.setattr(time, "time_ns", lambda now_ms=now_ms: now_ms * 1_000_000 + 999_999)
        assert quotes_table.snapshot_now(LIMITS) == as_of(made, now_ms, LIMITS)
        assert quotes_table.snapshot_now(LIMITS).late is (later_ms > 0)
