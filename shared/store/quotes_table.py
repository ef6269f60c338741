"""The quotes table: the current snapshot and why its prices are so, the lease of the running ingest, the audience.

Every write is conditional, so whoever is late writes nothing:
- the snapshot follows the one it was made from (`seq`) and comes from the newest ingest (`epoch`);
- the lease is renewed by the ingest that holds it (`epoch`), once per tick;
- the audience that `publish` counted loses against a subscription that came while it counted (`ts_ms`).
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.model.explanation import Explanations
from shared.model.staleness import Ages, as_of
from shared.model.values import Snapshot
from shared.store.codec import pack, unpack_or_restart
from shared.store.explanations_codec import pack_explanations, unpack_explanations

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SNAPSHOT_KEY = {"pk": "SNAPSHOT", "sk": "CURRENT"}
EXPLAIN_KEY = {"pk": "EXPLAIN", "sk": "CURRENT"}
LEASE_KEY = {"pk": "LEASE", "sk": "INGEST"}
AUDIENCE_KEY = {"pk": "AUDIENCE", "sk": "COUNT"}


class SnapshotMoved(Exception):
    """The stored snapshot is not the one that this one follows: another ingest wrote meanwhile."""


class LeaseLost(Exception):
    """Another ingest took over. The one that hears this leaves without a further write."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write ticks: which ingest holds it (`epoch`), the last tick begun, and until when it counts."""

    epoch: int
    ticked_ms: int
    until_ms: int


class QuotesTable:
    """Reads and writes of the four items. Reads are consistent."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def snapshot(self) -> Snapshot:
        """The current snapshot; an empty one (`seq` 0) when there is none yet."""
        item = self._get(SNAPSHOT_KEY)
        return unpack_or_restart(bytes(item["packed"]), int(item["seq"])) if item else Snapshot()

    def snapshot_now(self, limits: Ages) -> Snapshot:
        """The current snapshot as somebody sees it who reads it now (`as_of`)."""
        return as_of(self.snapshot(), time.time_ns() // 1_000_000, limits)

    def write_snapshot(self, snapshot: Snapshot, epoch: int) -> None:
        """Put the snapshot after that with the `seq` before it.

        Raises:
            SnapshotMoved: the stored one has another `seq`, or was written by a newer ingest.
        """
        try:
            self._table.put_item(
                Item={**SNAPSHOT_KEY, "seq": snapshot.seq, "epoch": epoch, "packed": pack(snapshot)},
                ConditionExpression="attribute_not_exists(pk) OR (seq = :before AND epoch <= :epoch)",
                ExpressionAttributeValues={":before": snapshot.seq - 1, ":epoch": epoch},
            )
        except ClientError as error:
            if _condition_failed(error):
                raise SnapshotMoved from error
            raise

    def write_explanations(self, explanations: Explanations) -> None:
        """Put why the prices of a tick are what they are, in place of those of an earlier one."""
        packed = pack_explanations(explanations)
        try:
            self._table.put_item(
                Item={**EXPLAIN_KEY, "seq": explanations.seq, "packed": packed},
                ConditionExpression="attribute_not_exists(pk) OR seq <= :seq",
                ExpressionAttributeValues={":seq": explanations.seq},
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise

    def explanations(self) -> Explanations:
        """Those of the last tick that was written; none where there are none, or of another version."""
        item = self._get(EXPLAIN_KEY)
        try:
            return unpack_explanations(bytes(item["packed"])) if item else Explanations()
        except ValueError:
            return Explanations()

    def take_lease(self, until_ms: int) -> Lease:
        """Take over from whichever ingest runs: its next renewal fails. Returns the lease with the last tick begun."""
        item = self._table.update_item(
            Key=LEASE_KEY,
            UpdateExpression="SET until_ms = :until, ticked_ms = if_not_exists(ticked_ms, :none) ADD epoch :one",
            ExpressionAttributeValues={":one": 1, ":until": until_ms, ":none": 0},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        return _lease(item)

    def renew_lease(self, lease: Lease) -> None:
        """Keep the lease, for this tick.

        Raises:
            LeaseLost: it was taken over.
        """
        try:
            self._table.update_item(
                Key=LEASE_KEY,
                UpdateExpression="SET until_ms = :until, ticked_ms = :ticked",
                ConditionExpression="epoch = :epoch",
                ExpressionAttributeValues={":until": lease.until_ms, ":ticked": lease.ticked_ms, ":epoch": lease.epoch},
            )
        except ClientError as error:
            if _condition_failed(error):
                raise LeaseLost from error
            raise

    def lease(self) -> Lease:
        """The lease as it stands; `until_ms` is past when no ingest runs."""
        item = self._get(LEASE_KEY)
        return _lease(item) if item else Lease(0, 0, 0)

    def audience(self) -> int:
        """How many connections listen, as last counted."""
        item = self._get(AUDIENCE_KEY)
        return int(item["connections"]) if item else 0

    def join_audience(self, now_ms: int) -> None:
        """Somebody listens from now on; any count begun earlier no longer holds."""
        self._table.update_item(
            Key=AUDIENCE_KEY,
            UpdateExpression="SET ts_ms = :now, connections = :one",
            ExpressionAttributeValues={":now": now_ms, ":one": 1},
        )

    def count_audience(self, connections: int, counted_from_ms: int) -> None:
        """Store a count, unless someone joined, or a newer count began, since this one did."""
        try:
            self._table.update_item(
                Key=AUDIENCE_KEY,
                UpdateExpression="SET ts_ms = :from, connections = :connections",
                ConditionExpression="attribute_not_exists(ts_ms) OR ts_ms < :from",
                ExpressionAttributeValues={":from": counted_from_ms, ":connections": connections},
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise

    def _get(self, key: dict[str, str]) -> dict[str, Any] | None:
        return self._table.get_item(Key=key, ConsistentRead=True).get("Item")


def _lease(item: dict[str, Any]) -> Lease:
    return Lease(epoch=int(item["epoch"]), ticked_ms=int(item["ticked_ms"]), until_ms=int(item["until_ms"]))


def _condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
