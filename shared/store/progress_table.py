"""The workers' progress, an item per shard in the connections table. The next worker continues from it.

Two workers of a shard may run at the same time, and an asynchronous invocation may come twice or late. So a worker
first writes its tick (`seq`), on condition that no newer one is stored. `ts_ms` is only for workers of an earlier
version, which compare it: during an upgrade they see that they are overtaken.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from shared.model.values import Progress, Snapshot
from shared.store.conditional import condition_failed
from shared.store.stored_number import LARGEST, believed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PARTITION = "PROGRESS"
NOT_BEGUN = "attribute_not_exists(seq) OR NOT attribute_type(seq, :number) OR seq > :largest OR seq < :seq"


class Overtaken(Exception):
    """A worker has already begun this tick or a newer one of this shard."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many connections a worker found, the version of the audience that was stored before it began, and how many of
    the connections listen to the channel `on_rates`."""

    connections: int
    version: str
    on_rates: int = 0


@dataclass(frozen=True, slots=True)
class Workers:
    """The items of all shards as they were read, in the shards' order; an empty one if there is none."""

    items: Sequence[Mapping[str, Any]]

    def counted(self, since_seq: int, version: str | None) -> int | None:
        """The connections of all shards, or `None` if a shard has not been counted since that tick, or not with that
        version of the audience (`None`: with any)."""
        current = [item for item in self._counted(since_seq) if version in (None, item.get("audience"))]
        return self._sum("connections", current)

    def on_rates(self, since_seq: int) -> int | None:
        """How many connections of all shards listen to `rates`, or `None` if a shard has not been counted since that
        tick."""
        return self._sum("on_rates", [item for item in self._counted(since_seq) if "on_rates" in item])

    def ahead(self, seq: int) -> list[tuple[int, int]]:
        """The shards in which a tick after this one was begun, each with that tick."""
        begun = [(shard, believed(item.get("seq"))) for shard, item in enumerate(self.items)]
        return [(shard, tick) for shard, tick in begun if tick > seq]

    def _counted(self, since_seq: int) -> list[Mapping[str, Any]]:
        """The items that have been counted since that tick."""
        return [item for item in self.items if believed(item.get("counted_seq")) >= since_seq]

    def _sum(self, name: str, items: Sequence[Mapping[str, Any]]) -> int | None:
        """The sum of a number over all shards, or `None` if one is missing."""
        return sum(believed(item.get(name)) for item in items) if len(items) == len(self.items) else None


class ProgressTable:
    """Reads and writes the workers' items."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def begin(self, shard: int, snapshot: Snapshot, reads: Sequence[int] = ()) -> Progress:
        """Begin to post this snapshot. Returns the progress of the shard's worker before it, which is unknown if that
        one did not read the same shards.

        Raises:
            Overtaken: a worker has begun this tick or a newer one.
        """
        try:
            item: dict[str, Any] = self._table.update_item(
                Key=_key(shard),
                UpdateExpression="SET seq = :seq, ts_ms = :ts",
                ConditionExpression=NOT_BEGUN,
                ExpressionAttributeValues={
                    ":seq": snapshot.seq, ":ts": snapshot.ts_ms, ":number": "N", ":largest": LARGEST,
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]  # fmt: skip
        except ClientError as error:
            raise _translated(error) from error
        if str(item.get("reads", shard)) != _text(reads or (shard,)):
            return Progress()
        return Progress(believed(item.get("whole_seq")), str(item.get("stopped_at", "")))

    def overtaken(self, shard: int, seq: int) -> bool:
        """Whether a worker has begun a newer tick."""
        item: dict[str, Any] = self._table.get_item(Key=_key(shard)).get("Item", {})
        return believed(item.get("seq")) > seq

    def end(self, shard: int, seq: int, progress: Progress, counted: Counted | None, reads: Sequence[int] = ()) -> None:
        """Store where a worker stopped, and its count if it reached all connections.

        Raises:
            Overtaken: a worker has begun a newer tick; the progress of that one stays.
        """
        values: dict[str, Any] = {":seq": seq, ":whole": progress.complete_seq, ":at": progress.stopped_after}
        values[":reads"] = _text(reads or (shard,))
        expression = "SET whole_seq = :whole, stopped_at = :at, #reads = :reads"
        if counted:
            expression += ", connections = :connections, counted_seq = :seq, audience = :version, on_rates = :on_rates"
            values |= {":connections": counted.connections, ":version": counted.version, ":on_rates": counted.on_rates}
        try:
            self._table.update_item(
                Key=_key(shard),
                UpdateExpression=f"{expression} REMOVE stopped_after",  # an earlier version's: it expects an ID
                ExpressionAttributeNames={"#reads": "reads"},
                ConditionExpression="seq = :seq",
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            raise _translated(error) from error

    def clear(self, shards: int) -> None:
        """Delete the items: the feed has begun again."""
        for shard in range(shards):
            self._table.delete_item(Key=_key(shard))

    def workers(self, shards: int) -> "Workers":
        """The items of as many shards; there may have been more."""
        items: list[dict[str, Any]] = self._table.query(KeyConditionExpression=Key("pk").eq(PARTITION))["Items"]
        by_key = {str(item["sk"]): item for item in items}
        return Workers([by_key.get(_key(shard)["sk"], {}) for shard in range(shards)])

    def forget(self, shard: int, seq: int) -> None:
        """Delete the item of a shard, if this is the tick that was begun."""
        try:
            self._table.delete_item(
                Key=_key(shard), ConditionExpression="seq = :seq", ExpressionAttributeValues={":seq": seq}
            )
        except ClientError as error:
            if not condition_failed(error):
                raise


def _key(shard: int) -> dict[str, str]:
    return {"pk": PARTITION, "sk": f"SHARD#{shard}"}


def _text(shards: Sequence[int]) -> str:
    return ",".join(map(str, shards))


def _translated(error: ClientError) -> Exception:
    return Overtaken() if condition_failed(error) else error
