"""How many connections each client has: an item per connection, in the client's partition of the connections table.

Used only if a deployment limits them. An item that no `$disconnect` removed expires by its TTL with the connection.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from shared.store.connections_table import LIFETIME_S

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class ClientsTable:
    """Reads and writes clients' connections. A client is a principal or an IP address."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def admit(self, client: str, connection_id: str, most: int, now_s: int) -> bool:
        """Whether the client may have this connection in addition to those it has.

        The connection is written first and counted afterwards. So none of several concurrent ones is overlooked and
        there are never more than `most`, but all of them may be refused.
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
    """The client of a connection, from its event's `requestContext`: the authorizer's principal, else the IP address.

    The deployment has no authorizer; an operator's own one sets the principal.

    Raises:
        KeyError: the context has neither.
    """
    principal = context.get("authorizer", {}).get("principalId")
    return f"principal:{principal}" if principal else f"address:{context['identity']['sourceIp']}"


def _key(client: str, connection_id: str) -> dict[str, str]:
    return {"pk": f"CLIENT#{client}", "sk": connection_id}
