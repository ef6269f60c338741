"""How far the workers have come, an item per shard in the connections table: what the next one has to make up for.

Two workers of a shard can be at work at once, and an asynchronous invocation may come twice or late, so whoever begins
writes its tick's time first, and on condition that no newer one is there.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from shared.model.values import Progress

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PARTITION = "PROGRESS"


class Overtaken(Exception):
    """A worker has begun on a newer tick of this shard, or on this one."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many connections the workers found in all, and from when on they counted."""

    connections: int
    from_ms: int


class ProgressTable:
    """Reads and writes of the workers' items."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def begin(self, shard: int, ts_ms: int) -> Progress:
        """Begin on the tick of that time; the shard's progress before it.

        Raises:
            Overtaken: this tick or a newer one has been begun.
        """
        try:
            item: dict[str, Any] = self._table.update_item(
                Key=_key(shard),
                UpdateExpression="SET ts_ms = :ts",
                ConditionExpression="attribute_not_exists(ts_ms) OR ts_ms < :ts",
                ExpressionAttributeValues={":ts": ts_ms},
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except ClientError as error:
            raise _meant(error) from error
        return Progress(int(item.get("whole_seq", 0)), str(item.get("stopped_after", "")))

    def overtaken(self, shard: int, ts_ms: int) -> bool:
        """Whether a newer tick has been begun."""
        item: dict[str, Any] = self._table.get_item(Key=_key(shard)).get("Item", {})
        return int(item.get("ts_ms", 0)) > ts_ms

    def end(self, shard: int, ts_ms: int, progress: Progress, counted: Counted | None) -> None:
        """Store where a worker stopped, and its count if it got all the way round.

        Raises:
            Overtaken: a newer tick has been begun; that one's progress stays.
        """
        values: dict[str, Any] = {":ts": ts_ms, ":whole": progress.whole_seq, ":after": progress.stopped_after}
        expression = "SET whole_seq = :whole, stopped_after = :after"
        if counted:
            expression += ", connections = :connections, counted_ms = :from"
            values |= {":connections": counted.connections, ":from": counted.from_ms}
        try:
            self._table.update_item(
                Key=_key(shard),
                UpdateExpression=expression,
                ConditionExpression="ts_ms = :ts",
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            raise _meant(error) from error

    def counted(self, shards: int, since_ms: int) -> Counted | None:
        """The connections of all shards, `None` unless each was counted since that time."""
        items: list[dict[str, Any]] = self._table.query(KeyConditionExpression=Key("pk").eq(PARTITION))["Items"]
        recent = [item for item in items if int(item.get("counted_ms", 0)) >= since_ms]
        if len(recent) < shards:
            return None
        return Counted(
            sum(int(item["connections"]) for item in recent), min(int(item["counted_ms"]) for item in recent)
        )


def _key(shard: int) -> dict[str, str]:
    return {"pk": PARTITION, "sk": f"SHARD#{shard}"}


def _meant(error: ClientError) -> Exception:
    failed = error.response["Error"]["Code"] == "ConditionalCheckFailedException"
    return Overtaken() if failed else error
