"""The connections table: one item per connection, spread over shards, gone by itself after its longest life.

Beside what it subscribed to, an item holds how many messages came of late, as one number
(`shared/model/message_limit.py`).

`$disconnect` is best effort, so an item also ends by its TTL and when a post to it finds it gone. TTL deletes late:
expired items are left out on reading. https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from shared.model.message_limit import MessageLimit
from shared.model.values import Connection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LIFETIME_S = 2 * 3600 + 600  # API Gateway ends a connection after two hours
MOST_IN_A_TRANSACTION = 100
CHANNELS = ("rates", "rates_batch")


class NotConnected(Exception):
    """There is no such connection (any more)."""


class Changed(Exception):
    """The subscription is no longer what it was when it was read."""


class ConnectionsTable:
    """Reads and writes of connections. A channel's attribute holds its symbols; an empty list stands for all."""

    def __init__(self, table: "Table", shards: int = 1) -> None:
        self._table = table
        self._shards = shards

    def add(self, connection_id: str, now_s: int) -> None:
        """A connection that has subscribed to nothing yet."""
        self._table.put_item(Item={**self._key(connection_id), "connected_at": now_s, "expires_at": now_s + LIFETIME_S})

    def remove(self, connection_id: str) -> None:
        self._table.delete_item(Key=self._key(connection_id))

    def remove_all(self, connection_ids: Sequence[str], known_s: int) -> None:
        """Remove connections that were known at that time and have ended since; never one that is newer.

        One transaction for up to 100 of them. It fails as a whole when one of them is newer: then each by itself.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        client = self._table.meta.client
        for start in range(0, len(connection_ids), MOST_IN_A_TRANSACTION):
            ended = connection_ids[start : start + MOST_IN_A_TRANSACTION]
            condition: dict[str, Any] = {
                "ConditionExpression": "attribute_not_exists(pk) OR connected_at <= :known",
                "ExpressionAttributeValues": {":known": known_s},
            }
            items: list[Any] = [
                {"Delete": {"TableName": self._table.name, "Key": self._key(each), **condition}} for each in ended
            ]
            try:
                client.transact_write_items(TransactItems=items)
            except client.exceptions.TransactionCanceledException:
                for each in ended:
                    self._remove_unless_newer(each, condition)

    def subscribe(self, connection_id: str, channel: str, symbols: tuple[str, ...] | None) -> None:
        """Subscribe to a channel, in place of what was subscribed on it before.

        Raises:
            NotConnected: the connection has ended meanwhile; it is not brought back.
        """
        if not self._update(
            connection_id,
            UpdateExpression="SET #channel = :symbols",
            ExpressionAttributeNames={"#channel": channel},
            ExpressionAttributeValues={":symbols": list(symbols or ())},
        ):
            raise NotConnected(connection_id)

    def unsubscribe(self, connection_id: str, channel: str | None = None) -> None:
        """End the subscription to a channel, or to all of them.

        Raises:
            NotConnected: the connection has ended meanwhile.
        """
        ended = (channel,) if channel else CHANNELS
        if not self._update(connection_id, UpdateExpression=f"REMOVE {', '.join(ended)}"):
            raise NotConnected(connection_id)

    def reduce(self, connection: Connection, channel: str, left: tuple[str, ...]) -> None:
        """Leave these symbols of a channel's subscription, or end it when there are none.

        Raises:
            Changed: it is another one than when the connection was read, or the connection has ended.
        """
        seen = list(connection.subscriptions[channel] or ())
        if not self._update(
            connection.connection_id,
            UpdateExpression="SET #channel = :left" if left else "REMOVE #channel",
            ConditionExpression="#channel = :seen",
            ExpressionAttributeNames={"#channel": channel},
            ExpressionAttributeValues={":seen": seen, **({":left": list(left)} if left else {})},
        ):
            raise Changed

    def count_message(self, connection_id: str, limit: MessageLimit, now_ms: int) -> Connection:
        """Count a message of this connection: one read, one write. The connection, as it was just before.

        Of messages that come at once after a pause some may be counted as one. They are added up from then on, so that
        is a few of them at most.

        Raises:
            NotConnected: there is no such connection.
            RateLimited: the message is over the limit.
        """
        item = self._get(connection_id)
        idle = int(item.get("tat_ms", 0)) <= now_ms
        counted = self._update(
            connection_id,
            UpdateExpression="SET tat_ms = :next" if idle else "ADD tat_ms :next",
            ExpressionAttributeValues={":next": limit.interval_ms + (now_ms if idle else 0)},
            ReturnValues="UPDATED_NEW",
        )
        if not counted:
            raise NotConnected(connection_id)
        limit.check(int(counted["Attributes"]["tat_ms"]), now_ms)
        return _connection(item)

    def get(self, connection_id: str) -> Connection:
        """Raises: NotConnected."""
        return _connection(self._get(connection_id))

    def subscribers(self, shards: Sequence[int], now_s: int, after: str = "") -> Iterator[Connection]:
        """Every connection of these shards that has a subscription, page by page, from the one that follows `after`
        all the way round to it."""
        first = shards.index(self.shard_of(after)) if after else 0
        for shard in (*shards[first:], *shards[:first]):
            key = Key("pk").eq(f"SHARD#{shard}")
            yield from self._subscribers(key & Key("sk").gt(after) if after and shard == shards[first] else key, now_s)
        if after:
            yield from self._subscribers(Key("pk").eq(f"SHARD#{shards[first]}") & Key("sk").lte(after), now_s)

    def shard_of(self, connection_id: str) -> int:
        return zlib.crc32(connection_id.encode()) % self._shards

    def _subscribers(self, key: ConditionBase, now_s: int) -> Iterator[Connection]:
        query: dict[str, Any] = {
            "KeyConditionExpression": key,
            "ProjectionExpression": f"sk, connected_at, {', '.join(CHANNELS)}",  # what else there is costs CPU
            "FilterExpression": Attr("expires_at").gt(now_s)
            & (Attr(CHANNELS[0]).exists() | Attr(CHANNELS[1]).exists()),
            "ConsistentRead": True,  # one who subscribed before the tick was written is among them
        }
        while True:
            page = self._table.query(**query)
            yield from map(_connection, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _remove_unless_newer(self, connection_id: str, condition: Mapping[str, Any]) -> None:
        try:
            self._table.delete_item(Key=self._key(connection_id), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _get(self, connection_id: str) -> dict[str, Any]:
        item = self._table.get_item(Key=self._key(connection_id), ConsistentRead=True).get("Item")
        if item is None:
            raise NotConnected(connection_id)
        return item

    def _update(self, connection_id: str, **request: Any) -> Mapping[str, Any] | None:
        """DynamoDB's answer, `None` when the condition does not hold: that the item is there, unless told."""
        try:
            return self._table.update_item(
                Key=self._key(connection_id), **({"ConditionExpression": "attribute_exists(pk)"} | request)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise

    def _key(self, connection_id: str) -> dict[str, str]:
        return {"pk": f"SHARD#{self.shard_of(connection_id)}", "sk": connection_id}


def _connection(item: Mapping[str, Any]) -> Connection:
    subscriptions = {channel: tuple(item[channel]) or None for channel in CHANNELS if channel in item}
    return Connection(str(item["sk"]), subscriptions, int(item.get("connected_at", 0)))
