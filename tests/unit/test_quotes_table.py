"""Whoever is late writes nothing: the snapshot, the lease and the audience in one table."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.explanation import Explanations
from shared.model.values import Snapshot
from shared.store.quotes_table import Lease, LeaseLost, QuotesTable, SnapshotMoved
from tests.unit.samples import NOW_MS, after, explanations, quotes
from tests.unit.test_codec import full_snapshot

ONE = after(Snapshot(), quotes())
TWO = after(ONE, quotes("2"), NOW_MS + 1_000)
THREE = after(TWO, quotes("3"), NOW_MS + 2_000)


def test_an_empty_table_holds_an_empty_snapshot_no_lease_and_no_audience(quotes_table: QuotesTable) -> None:
    assert quotes_table.snapshot() == Snapshot()
    assert quotes_table.lease() == Lease(0, 0, 0)
    assert quotes_table.audience() == 0


def test_a_snapshot_is_read_as_it_was_written(quotes_table: QuotesTable) -> None:
    snapshot = full_snapshot()
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
def test_a_snapshot_that_does_not_follow_the_stored_one_is_not_written(
    quotes_table: QuotesTable, late: Snapshot
) -> None:
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


def test_another_error_of_the_table_is_not_taken_for_a_moved_snapshot_or_a_lost_lease(
    quotes_table: QuotesTable, quotes_items: Table
) -> None:
    quotes_items.delete()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.write_snapshot(ONE, 1)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.renew_lease(Lease(1, 0, 0))
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.write_explanations(explanations())
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        quotes_table.count_audience(1, NOW_MS)


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


def test_explanations_of_another_version_are_none_until_the_next_tick(
    quotes_table: QuotesTable, quotes_items: Table
) -> None:
    quotes_items.put_item(Item={"pk": "EXPLAIN", "sk": "CURRENT", "seq": 7, "ts_ms": NOW_MS, "packed": b"newer"})
    assert quotes_table.explanations() == Explanations()
    quotes_table.write_explanations(explanations(8))
    assert quotes_table.explanations().seq == 8


def test_explanations_touch_nothing_else(quotes_table: QuotesTable) -> None:
    quotes_table.write_snapshot(ONE, 1)
    quotes_table.write_explanations(explanations(1))
    assert quotes_table.snapshot() == ONE


# The lease


def test_each_taking_of_the_lease_is_a_new_epoch(quotes_table: QuotesTable) -> None:
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


def test_a_lease_that_was_never_taken_cannot_be_renewed(quotes_table: QuotesTable) -> None:
    with pytest.raises(LeaseLost):
        quotes_table.renew_lease(Lease(1, 0, 1_000))
    assert quotes_table.lease() == Lease(0, 0, 0)
    taken = quotes_table.take_lease(1_000)
    with pytest.raises(LeaseLost):
        quotes_table.renew_lease(Lease(2, 0, 9_000))
    assert quotes_table.lease() == taken


def test_a_released_lease_is_past_and_can_be_taken_or_kept(quotes_table: QuotesTable) -> None:
    lease = quotes_table.take_lease(1_000)
    quotes_table.renew_lease(replace(lease, until_ms=0))
    assert quotes_table.lease().until_ms == 0
    quotes_table.renew_lease(lease)
    assert quotes_table.lease().until_ms == 1_000


# The audience


def test_a_count_is_the_audience_and_a_newer_one_replaces_it(quotes_table: QuotesTable) -> None:
    quotes_table.count_audience(7, 1_000)
    assert quotes_table.audience() == 7
    quotes_table.count_audience(0, 2_000)
    assert quotes_table.audience() == 0


@pytest.mark.parametrize("counted_from_ms", [4_000, 5_000])
def test_a_count_begun_before_somebody_joined_does_not_hold(quotes_table: QuotesTable, counted_from_ms: int) -> None:
    quotes_table.count_audience(3, 3_000)
    quotes_table.join_audience(5_000)
    quotes_table.count_audience(0, counted_from_ms)
    assert quotes_table.audience() == 1


def test_a_count_begun_after_somebody_joined_holds(quotes_table: QuotesTable) -> None:
    quotes_table.join_audience(5_000)
    quotes_table.count_audience(0, 5_001)
    assert quotes_table.audience() == 0


def test_a_slow_count_does_not_replace_one_begun_later(quotes_table: QuotesTable) -> None:
    quotes_table.count_audience(9, 2_000)
    quotes_table.count_audience(0, 1_000)
    assert quotes_table.audience() == 9


def test_somebody_who_joins_is_heard_whatever_was_counted(quotes_table: QuotesTable) -> None:
    quotes_table.count_audience(0, 9_000)
    quotes_table.join_audience(5_000)
    assert quotes_table.audience() == 1
