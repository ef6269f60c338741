"""The quotes table: the current snapshot, its explanations, the lease of the running ingest, and the audience.

Every write is conditional, so a late writer changes nothing:
- a snapshot must follow the stored one (`seq`) and come from the newest ingest (`epoch`);
- of the subscribers that find no ingest one invokes it (`woken_ms`);
- a lease is taken from the one that was read, and only the ingest that holds it renews it (`epoch`), once per tick;
- an audience that `publish` counted yields to a client that joined during the count (`write_id`), and it becomes 0 by
  two counts: the first one writes a last call, so who finds none need not join.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from boto3.dynamodb.conditions import Attr, ConditionBase
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from shared.model.explanation import Explanations
from shared.model.staleness import Ages, as_of
from shared.model.values import Snapshot
from shared.store.codec import pack, unpack, unpack_or_restart
from shared.store.conditional import condition_failed, is_outside
from shared.store.explanations_codec import pack_explanations, unpack_explanations
from shared.store.stored_number import LARGEST, believed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SNAPSHOT_KEY = {"pk": "SNAPSHOT", "sk": "CURRENT"}
EXPLAIN_KEY = {"pk": "EXPLAIN", "sk": "CURRENT"}
LEASE_KEY = {"pk": "LEASE", "sk": "INGEST"}
AUDIENCE_KEY = {"pk": "AUDIENCE", "sk": "COUNT"}
LAST_CALL = "last_call"
SET_LEASE = "SET epoch = :epoch, until_ms = :until, ticked_ms = :ticked, seq = :seq REMOVE woken_ms"
NO_EPOCH = "attribute_not_exists(epoch) OR NOT attribute_type(epoch, :number) OR epoch > :largest OR epoch < :first"
# An ingest that was invoked takes the lease earlier; if it never comes, another subscriber invokes one.
CLAIM_MS = 5_000
AHEAD_TICKS = 1_000  # more than in the longest run of an ingest
READERS_STAY_MS = 60_000  # a reader of a document counts as a listener for this long


class SnapshotMoved(Exception):
    """The stored snapshot is not the one that this one follows: another ingest has written."""


class LeaseLost(Exception):
    """Another ingest has taken over. The caller must stop without another write."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write ticks: the ingest that holds it (`epoch`, 0: nobody ever did), the last tick that was begun,
    when it ends, and the highest `seq` that may have been written."""

    epoch: int
    ticked_ms: int
    until_ms: int
    seq: int = 0

    def is_live(self, now_ms: int, longest_ms: int) -> bool:
        """Whether an ingest holds it now. One that ends later than `longest_ms` from now is that of a wrong clock."""
        return now_ms < self.until_ms <= now_ms + longest_ms


@dataclass(frozen=True, slots=True)
class Stored:
    """The snapshot's item as it was read: what of the snapshot is readable, the ingest that wrote it (0: unknown), and
    whether it `is_sound`: complete, with the attributes that `write_snapshot` gave it. `attributes` are those that a
    write in its place compares; `None`: there is no item."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    epoch: int = 0
    is_sound: bool = True
    attributes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """How many connections were subscribed at the last count, and the write that stored that. `read_ms`: when somebody
    last read prices over HTTP, in Unix ms (0: never). `is_last_call`: the last count found nobody; the next one that
    finds nobody makes the audience 0.

    `write_id`: a random text that each write replaces. `ts_ms`: what an earlier version wrote in its place. Both are as
    stored, `None` if the item has none; they are compared for equality only, so no clock decides which write wins.
    """

    connections: int = 0
    write_id: Any = None
    ts_ms: Any = None
    read_ms: int = 0
    is_last_call: bool = False

    @property
    def counts_once_more(self) -> bool:
        """Whether a subscription that was written before this was read is counted before the audience becomes 0."""
        return self.connections > 0 and not self.is_last_call and self.write_id is not None

    def is_heard(self, now_ms: int) -> bool:
        """Whether somebody listens: a connection, or a reader within the last minute."""
        return self.connections > 0 or abs(now_ms - self.read_ms) < READERS_STAY_MS

    @property
    def version(self) -> str:
        """A text that differs after each write."""
        return f"{self.write_id}/{self.ts_ms}"


class QuotesTable:
    """Reads and writes the four items. Reads are consistent."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def snapshot(self) -> Snapshot:
        """The current snapshot; an empty one (`seq` 0) before the first tick."""
        return self.stored().snapshot

    def stored(self) -> Stored:
        """The current snapshot with its item's attributes. A broken item gives what is readable."""
        item = self._get(SNAPSHOT_KEY)
        if item is None:
            return Stored()
        seq, epoch = believed(item.get("seq")), believed(item.get("epoch"))
        snapshot, is_whole = _unpacked(item.get("packed"), seq)
        attributes = {name: value for name, value in item.items() if name in {"seq", "epoch"}}
        return Stored(snapshot, epoch, is_whole and bool(seq and epoch), attributes)

    def snapshot_now(self, limits: Ages) -> Snapshot:
        """The current snapshot for clients, judged by the clock of its reader (`as_of`); an empty one (`seq` 0) before
        the first tick, and while the stored one cannot be read."""
        return as_of(self.readable_snapshot(), time.time_ns() // 1_000_000, limits)

    def readable_snapshot(self) -> Snapshot:
        """The current snapshot; an empty one (`seq` 0) if there is none, or none that can be read."""
        item = self._get(SNAPSHOT_KEY)
        try:
            snapshot = replace(unpack(bytes(item["packed"])), seq=believed(item["seq"])) if item else Snapshot()
        except (LookupError, TypeError, ValueError):
            return Snapshot()
        return snapshot if snapshot.seq and not snapshot.is_ahead_of_itself else Snapshot()

    def write_snapshot(self, snapshot: Snapshot, epoch: int, instead_of: Stored | None = None) -> None:
        """Write the snapshot that follows the stored one, or that takes its place whatever it holds (`instead_of`).

        Raises:
            SnapshotMoved: the stored one does not have the previous `seq`, a newer ingest wrote it, or it is not the
                one to replace.
        """
        is_next = Attr("pk").not_exists() | (Attr("seq").eq(snapshot.seq - 1) & Attr("epoch").lte(epoch))
        try:
            self._table.put_item(
                Item={**SNAPSHOT_KEY, "seq": snapshot.seq, "epoch": epoch, "packed": pack(snapshot)},
                ConditionExpression=_unchanged(instead_of.attributes) if instead_of else is_next,
            )
        except ClientError as error:
            if condition_failed(error):
                raise SnapshotMoved from error
            raise

    def write_explanations(self, explanations: Explanations) -> None:
        """Write a tick's explanations, unless those of a later tick are stored. What is further ahead than any ingest
        could be is left from before the feed began again, or broken, and does not count."""
        packed = pack_explanations(explanations)
        try:
            self._table.put_item(
                Item={**EXPLAIN_KEY, "seq": explanations.seq, "packed": packed},
                ConditionExpression=is_outside("seq", explanations.seq + 1, explanations.seq + AHEAD_TICKS),
            )
        except ClientError as error:
            if not condition_failed(error):
                raise

    def explanations(self) -> Explanations:
        """The explanations of the last tick that has any; empty if they cannot be read, as those of another version."""
        item = self._get(EXPLAIN_KEY)
        try:
            return unpack_explanations(bytes(item["packed"])) if item else Explanations()
        except (LookupError, TypeError, ValueError):
            return Explanations()

    def take_lease(self, until_ms: int, *, above: int = 0, seen: Lease | None = None) -> Lease:
        """Take over from a running ingest, whose next renewal fails. Returns the lease with the last tick begun.

        `above`: the epoch of the stored snapshot; the lease gets a higher one, even if its item was lost. `seen`: the
        lease that was read before.

        Raises:
            LeaseLost: the lease is not as it was seen: another ingest has taken or renewed it.
        """
        seen = seen or self.lease()
        taken = replace(seen, epoch=max(seen.epoch, above) + 1, until_ms=until_ms)
        if not seen.epoch:
            self._set_lease(taken, NO_EPOCH, {":number": "N", ":largest": LARGEST, ":first": 1})
        else:
            # As ranges: what is stored may have a fraction, which `seen` has not.
            as_seen = "epoch >= :seen AND epoch < :next"
            values = {":seen": seen.epoch, ":next": seen.epoch + 1}
            if seen.ticked_ms:
                as_seen += " AND ticked_ms >= :ticked AND ticked_ms < :later"
                values[":later"] = seen.ticked_ms + 1
            self._set_lease(taken, as_seen, values)
        return taken

    def renew_lease(self, lease: Lease) -> None:
        """Renew the lease for this tick. If its item was lost, this makes it again.

        Raises:
            LeaseLost: another ingest has taken over.
        """
        self._set_lease(lease, "attribute_not_exists(epoch) OR epoch = :epoch", {})

    def _set_lease(self, lease: Lease, condition: str, values: Mapping[str, Any]) -> None:
        try:
            self._table.update_item(
                Key=LEASE_KEY,
                UpdateExpression=SET_LEASE,
                ConditionExpression=condition,
                ExpressionAttributeValues={
                    ":epoch": lease.epoch,
                    ":until": lease.until_ms,
                    ":ticked": lease.ticked_ms,
                    ":seq": lease.seq,
                    **values,
                },
            )
        except ClientError as error:
            if condition_failed(error):
                raise LeaseLost from error
            raise

    def claim_wake(self, now_ms: int, longest_ms: int) -> bool:
        """Claim to invoke an ingest. Returns whether this caller is to do it: no ingest holds the lease (`is_live`)
        and nobody has claimed it within `CLAIM_MS`. An ingest that takes the lease ends the claim."""
        none_runs = is_outside("until_ms", now_ms + 1, now_ms + longest_ms)
        is_free = is_outside("woken_ms", now_ms - CLAIM_MS, now_ms + CLAIM_MS)
        try:
            self._table.update_item(
                Key=LEASE_KEY,
                UpdateExpression="SET woken_ms = :now",
                ConditionExpression=none_runs & is_free,
                ExpressionAttributeValues={":now": now_ms},
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def lease(self) -> Lease:
        """The stored lease. Its `until_ms` is in the past if no ingest runs."""
        item = self._get(LEASE_KEY)
        return _lease(item or {})

    def audience(self) -> int:
        """How many connections were subscribed at the last count; at least 1 while somebody reads documents."""
        counted = self.counted_audience()
        return counted.connections or int(counted.is_heard(time.time_ns() // 1_000_000))

    def counted_audience(self) -> Audience:
        """The stored audience; nobody if there is none. One that cannot be read may hide a client: it counts as 1."""
        item = self._get(AUDIENCE_KEY)
        return _audience(item) if item else Audience()

    def join_audience(self, now_ms: int) -> None:
        """Set the audience to 1 for a new subscriber, whose subscription is stored already. Counts that began earlier
        are then ignored. Nothing is written if another count comes before the audience may become 0."""
        if self.counted_audience().counts_once_more:
            return
        self._table.update_item(
            Key=AUDIENCE_KEY,
            UpdateExpression=f"SET connections = :one, write_id = :id, ts_ms = :now REMOVE {LAST_CALL}",
            ExpressionAttributeValues={":one": 1, ":id": uuid4().hex, ":now": now_ms},
        )

    def join_readers(self, now_ms: int) -> None:
        """Count a reader of documents. It leaves the count of connections as it is."""
        self._table.update_item(
            Key=AUDIENCE_KEY,
            UpdateExpression="SET read_ms = :now",
            ExpressionAttributeValues={":now": now_ms},
        )

    def count_audience(self, connections: int, seen: Audience) -> Audience:
        """Store a count, unless the audience was written after it was read as `seen`, which must be before the count
        began. A count of 0 after one of more is stored as a last call. Returns the audience that is stored now."""
        is_last_call = not connections and seen.connections > 0 and not seen.is_last_call
        stays = seen.connections if is_last_call else connections
        written = replace(seen, connections=stays, write_id=uuid4().hex, is_last_call=is_last_call)
        mark = f", {LAST_CALL} = :id" if is_last_call else f" REMOVE {LAST_CALL}"
        try:
            self._table.update_item(
                Key=AUDIENCE_KEY,
                UpdateExpression=f"SET connections = :connections, write_id = :id{mark}",
                ConditionExpression=_is("write_id", seen.write_id) & _is("ts_ms", seen.ts_ms),
                ExpressionAttributeValues={":connections": stays, ":id": written.write_id},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return self.counted_audience()
        return written

    def _get(self, key: dict[str, str]) -> dict[str, Any] | None:
        return self._table.get_item(Key=key, ConsistentRead=True).get("Item")


def _lease(item: Mapping[str, Any]) -> Lease:
    epoch, ticked_ms, until_ms, seq = (believed(item.get(name)) for name in ("epoch", "ticked_ms", "until_ms", "seq"))
    return Lease(epoch, ticked_ms, until_ms, seq)


def _unpacked(packed: object, seq: int) -> tuple[Snapshot, bool]:
    """What of the snapshot is readable, and whether it is whole and has this `seq`. Without a `seq` the packed one
    counts."""
    data = bytes(packed) if isinstance(packed, Binary) else b""  # type: ignore[call-overload]  # it has __bytes__
    try:
        snapshot = unpack(data)
    except ValueError:
        return unpack_or_restart(data, seq), False
    return replace(snapshot, seq=seq or snapshot.seq), snapshot.seq == seq and not snapshot.is_ahead_of_itself


def _unchanged(attributes: Mapping[str, Any] | None) -> ConditionBase:
    """The condition that an item still has these attributes; `None`: that there is none."""
    if attributes is None:
        return Attr("pk").not_exists()
    seq, epoch = (
        Attr(name).eq(attributes[name]) if name in attributes else Attr(name).not_exists() for name in ("seq", "epoch")
    )
    return seq & epoch


def _audience(item: Mapping[str, Any]) -> Audience:
    try:
        connections = int(item["connections"])
    except (KeyError, TypeError, ValueError):
        connections = 1
    read_ms = believed(item.get("read_ms"))
    return Audience(connections, item.get("write_id"), item.get("ts_ms"), read_ms, is_last_call=LAST_CALL in item)


def _is(name: str, value: Any) -> ConditionBase:
    """The condition that an attribute has this value; `None`: that there is none, or that it is null."""
    return Attr(name).not_exists() | Attr(name).attribute_type("NULL") if value is None else Attr(name).eq(value)
