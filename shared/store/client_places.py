"""The places of connections, which are counted: an item per connection, in the partition of its block of addresses.

`CLIENT#203.0.113.0/24` has `203.0.113.7#ID`, so one query counts a viewer's connections and its block's. The
connection's own item names the viewer, so whatever removes it removes the place. What is lost all the same expires by
its TTL with the connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from shared.model.refused import Refused
from shared.model.viewer import Viewer, viewer_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

VIEWER = "viewer"  # the attribute of a connection's item
PARTITION = "CLIENT#"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most connections of a viewer, and of its block of addresses; 0 for no limit."""

    per_client: int = 0
    per_block: int = 0


class ClientPlaces:
    """Reads and writes the places of connections."""

    def __init__(self, table: "Table", limits: Limits) -> None:
        self._table = table
        self._limits = limits

    def take(self, viewer: Viewer, connection_id: str, expires_s: int, now_s: int) -> Mapping[str, str]:
        """Take a place for a connection. Returns the attributes for the connection's item; none without a limit.

        A first look refuses without a write, so somebody who goes on trying costs little. Then the place is written
        first and counted afterwards: none of several concurrent connections is overlooked and there are never more than
        the limit, but all of them may be refused.

        Raises:
            Refused: the viewer or its block has too many.
        """
        if not (self._limits.per_client or self._limits.per_block):
            return {}
        self._check(viewer, now_s, others=1, consistent=False)
        key = _key(viewer, connection_id)
        self._table.put_item(Item={**key, "expires_at": expires_s})
        try:
            self._check(viewer, now_s, others=0)
        except Refused:
            self._table.delete_item(Key=key)
            raise
        return {VIEWER: viewer.name}

    def _check(self, viewer: Viewer, now_s: int, *, others: int, consistent: bool = True) -> None:
        """Raises: Refused, if `others` more connections are too many."""
        names = self._viewers(viewer.block, now_s, consistent=consistent)
        if 0 < self._limits.per_client < names.count(viewer.name) + others:
            raise Refused(429, "the viewer has too many connections")
        if 0 < self._limits.per_block < len(names) + others:
            raise Refused(429, "the viewer's block of addresses has too many connections")

    def _viewers(self, block: str, now_s: int, *, consistent: bool = True) -> list[str]:
        """The viewer of each connection from a block."""
        query: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(PARTITION + block),
            "FilterExpression": Attr("expires_at").gt(now_s),  # TTL deletes late
            "ProjectionExpression": "sk",
            "ConsistentRead": consistent,
        }
        names: list[str] = []
        while True:
            page = self._table.query(**query)
            names += [str(item["sk"]).partition("#")[0] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return names
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def places_of(connection: Mapping[str, Any]) -> list[dict[str, str]]:
    """The keys of the places that a connection's item holds; none if it names no viewer that can be read."""
    address = str(connection.get(VIEWER, "")).partition("/")[0]
    try:
        return [_key(viewer_of(address), str(connection["sk"]))]
    except ValueError:
        return []


def _key(viewer: Viewer, connection_id: str) -> dict[str, str]:
    return {"pk": PARTITION + viewer.block, "sk": f"{viewer.name}#{connection_id}"}
