"""How many connections each client has: an item per connection in its client's partition of the connections table.

Used only where a deployment limits them. An item that no `$disconnect` took away ends by its TTL with the connection.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from shared.store.connections_table import LIFETIME_S

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class ClientsTable:
    """Reads and writes of clients' connections. A client is a principal, or an address."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def admit(self, client: str, connection_id: str, most: int, now_s: int) -> bool:
        """Whether the client may have this connection besides those that it has.

        It is counted after it was written: of several that come at once none is overlooked, so there are never more
        than `most`. All of those may be refused.
        """
        self._table.put_item(Item={**_key(client, connection_id), "expires_at": now_s + LIFETIME_S})
        if self._count(client, now_s) <= most:
            return True
        self.remove(client, connection_id)
        return False

    def remove(self, client: str, connection_id: str) -> None:
        self._table.delete_item(Key=_key(client, connection_id))

    def _count(self, client: str, now_s: int) -> int:
        query: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(_key(client, "")["pk"]),
            "FilterExpression": Attr("expires_at").gt(now_s),  # TTL deletes late
            "Select": "COUNT",
            "ConsistentRead": True,
        }
        count = 0
        while True:
            page = self._table.query(**query)
            count += page["Count"]
            if "LastEvaluatedKey" not in page:
                return count
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def client_of(context: Mapping[str, Any]) -> str:
    """Whose connection it is, by the `requestContext` of its event: the authorizer's principal, else its address."""
    principal = context.get("authorizer", {}).get("principalId")
    return f"principal:{principal}" if principal else f"address:{context['identity']['sourceIp']}"


def _key(client: str, connection_id: str) -> dict[str, str]:
    return {"pk": f"CLIENT#{client}", "sk": connection_id}
