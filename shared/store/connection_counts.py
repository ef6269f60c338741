"""How many connections each shard has, as its last reader saw it: `COUNT`/shard.

`publish` or a worker reads every connection of its shards for each tick anyway, so the count costs one write in some
seconds and heals by itself. It includes connections whose item TTL has yet to delete. It is as old as the last tick:
seconds while somebody listens, a minute while nobody does.
"""

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr, Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PARTITION = "COUNT"
WRITTEN_EVERY_S = 5
READ_EVERY_S = 5
# A feed without listeners ticks once a minute. An older count says nothing: the feed has stopped, or has fewer shards.
BELIEVED_S = 180


class ConnectionCounts:
    """Reads and writes the counts, each at most every five seconds in a process."""

    def __init__(self, table: "Table") -> None:
        self._table = table
        self._written_s: dict[int, int] = {}  # by shard
        self._total = 0
        self._read_s = 0

    def write(self, shard: int, connections: int, now_s: int) -> None:
        if abs(now_s - self._written_s.get(shard, 0)) < WRITTEN_EVERY_S:
            return
        self._written_s[shard] = now_s
        key = {"pk": PARTITION, "sk": str(shard)}
        self._table.put_item(Item={**key, "connections": connections, "expires_at": now_s + BELIEVED_S})

    def total(self, now_s: int) -> int:
        """The connections of all shards."""
        if abs(now_s - self._read_s) >= READ_EVERY_S:
            found = self._table.query(
                KeyConditionExpression=Key("pk").eq(PARTITION), FilterExpression=Attr("expires_at").gt(now_s)
            )
            self._total = sum(int(str(item["connections"])) for item in found["Items"])
            self._read_s = now_s
        return self._total
