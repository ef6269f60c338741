"""The connections table: one item per connection, spread over partitions, until the longest life of a connection.

An item has the connection's subscriptions and, as one number, its recent messages (`shared/model/message_limit.py`).

The partition is `CRC-32(ID) % partitions`, so a connection stays in the one that it got when a deployment changes their
number. Each number in use has an item, a layout (`SHARD#0`, `LAYOUT#4`), which lives as long as the connections that
were made with it. Partition 0 is part of every layout, so a reader of all connections finds the layouts among them.
There are as many partitions as shards, and four at least: one takes 1,000 write units a second, and a storm of
reconnects asks for 1,500. A shard has every partition whose number it is modulo the number of shards.

`$disconnect` is best effort, so an item also expires by its TTL, or is deleted when a post finds its connection gone.
TTL deletes late: reads leave expired items out. https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import BotoCoreError, ClientError

from shared.model.channels import CHANNELS
from shared.model.message_limit import MessageLimit
from shared.model.pace import LONGEST_S, Pace
from shared.model.values import Connection, Opening
from shared.store.client_places import USED, VIEWER, left_by, places_of
from shared.store.conditional import condition_failed
from shared.store.connection_counts import ConnectionCounts
from shared.store.stored_number import LARGEST, believed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

logger = Logger(child=True)

LIFETIME_S = 2 * 3600 + 600  # API Gateway ends a connection after two hours
MOST_IN_A_TRANSACTION = 100 // 2  # connections, each with its place
MOST_SHARDS = 100
FEWEST_PARTITIONS = 4
LAYOUT = "LAYOUT#"
ENDS, ALLOWED = "ends_at", "allowed"  # what a token grants: until when, and which channels
IDLE = f"NOT attribute_type({USED}, :number) OR {USED} <= :now OR {USED} > :largest"  # also if it cannot be believed
ANNOUNCED_EVERY_S = 600  # an item lives this much longer than a connection
LAYOUTS_READ_EVERY_S = 10  # by workers; a new partition is caught up with if that is less than 12 ticks


class NotConnected(Exception):
    """The connection does not exist, or no longer."""


class Changed(Exception):
    """The subscription has changed since it was read."""


class ConnectionsTable:
    """Reads and writes connections. A channel's attribute holds its symbols; an empty list means all.

    `shards` is the number of workers that may share them. Connections that were made with another number of partitions
    are found too.

    An item that cannot be read costs nobody else a frame: it counts as no subscription, or as no layout.
    """

    def __init__(self, table: "Table", shards: int = 1) -> None:
        self._table = table
        self._shards = shards
        self._partitions = partitions_of(shards)
        self._counts = ConnectionCounts(table)
        self._announced_s = 0
        self._numbers: set[int] = set()  # of partitions, that are in use
        self._numbers_read_s = 0
        self._elsewhere: dict[str, int] = {}  # the partitions of connections that were made with another number

    def add(self, connection_id: str, now_s: int, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Add a connection without subscriptions, after the number of partitions that it is made with. `more`: other
        attributes of its item."""
        if abs(now_s - self._announced_s) >= ANNOUNCED_EVERY_S:
            self._announce(now_s)
            self._announced_s = now_s
        key = _key(_partition_of(connection_id, self._partitions), connection_id)
        self._table.put_item(Item={**key, "connected_at": now_s, "expires_at": now_s + LIFETIME_S, **more})

    def remove(self, connection_id: str) -> None:
        """Remove a connection, and its place."""
        for partition in self._where_it_may_be(connection_id):
            removed = self._table.delete_item(Key=_key(partition, connection_id), ReturnValues="ALL_OLD")
            if "Attributes" in removed:
                self._leave(removed["Attributes"])
                return

    def remove_all(self, connection_ids: Sequence[str], known_s: int) -> None:
        """Remove ended connections and their places, unless they are newer than `known_s` (Unix seconds).

        One transaction removes up to 50. It fails as a whole if one of them is newer; then each is removed by itself.
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
                {"Delete": {"TableName": self._table.name, "Key": _key(self.partition_of(each), each), **condition}}
                for each in ended
            ]
            places = self._changes_of_places(ended)
            try:
                client.transact_write_items(TransactItems=[*items, *places])
            except client.exceptions.TransactionCanceledException:
                for each in ended:
                    self._remove_unless_newer(each, condition)

    def subscribe(
        self, connection_id: str, channel: str, symbols: tuple[str, ...] | None, pace: Pace | None = None
    ) -> None:
        """Subscribe to a channel, at a pace or for every tick. Replaces an earlier subscription to it.

        Raises:
            NotConnected: the connection has ended. Its item is not created again.
        """
        if not self._update(
            connection_id,
            UpdateExpression="SET #channel = :symbols" + (", #pace = :pace" if pace else " REMOVE #pace"),
            ExpressionAttributeNames={"#channel": channel, "#pace": _pace(channel)},
            ExpressionAttributeValues={
                ":symbols": list(symbols or ()),
                **({":pace": [pace.every_s, pace.known_seq]} if pace else {}),
            },
        ):
            raise NotConnected(connection_id)

    def unsubscribe(self, connection_id: str, channel: str | None = None) -> None:
        """End the subscription to a channel, or to all channels.

        Raises:
            NotConnected: the connection has ended.
        """
        ended = [name for each in ((channel,) if channel else CHANNELS) for name in (each, _pace(each))]
        if not self._update(connection_id, UpdateExpression=f"REMOVE {', '.join(ended)}"):
            raise NotConnected(connection_id)

    def reduce(self, connection: Connection, channel: str, left: tuple[str, ...]) -> None:
        """Reduce a channel's subscription to the symbols `left`, or end it if there are none.

        Raises:
            Changed: the subscription has changed since `connection` was read, or the connection has ended.
        """
        seen = list(connection.subscriptions[channel] or ())
        if not self._update(
            connection.connection_id,
            UpdateExpression="SET #channel = :left" if left else "REMOVE #channel, #pace",
            ConditionExpression="#channel = :seen",
            ExpressionAttributeNames={"#channel": channel} | ({} if left else {"#pace": _pace(channel)}),
            ExpressionAttributeValues={":seen": seen, **({":left": list(left)} if left else {})},
        ):
            raise Changed

    def count_message(
        self,
        connection_id: str,
        limit: MessageLimit,
        now_ms: int,
        price_of: Callable[[Connection], int],
        price_over: int = 1,
        opening_of: Callable[[Connection], Opening | None] = lambda _connection: None,
    ) -> Connection:
        """Count a message of this connection by its price, with one read and one write. Returns the connection as read.
        `price_over`: its price if it is over the limit. `opening_of`: the subscription of a connection that has
        none, if the same write may bring it; then the connection that is returned has it.

        Simultaneous messages all count: the first one after a pause sets the number, the others add to it.

        Raises:
            NotConnected: the connection does not exist.
            RateLimited: the message is over the limit.
        """
        item, partition = self._get(connection_id)
        connection, seen_ms = _connection(item, partition), believed(item.get(USED))
        price = price_of(connection)
        charged_ms = limit.charge_ms(seen_ms, now_ms, price, price_over)
        is_within = charged_ms == price * limit.interval_ms
        opening = opening_of(connection) if is_within and not connection.subscriptions else None
        counted = None
        if opening:
            opening = replace(opening, used_ms=max(seen_ms, now_ms) + charged_ms)
            if self._open(connection_id, partition, opening, item.get(USED)):
                return replace(connection, subscriptions={opening.channel: opening.symbols}, opening=opening)
        elif seen_ms <= now_ms:
            counted = self._update(
                connection_id,
                partition,
                UpdateExpression=f"SET {USED} = :next",
                ConditionExpression=f"attribute_exists(pk) AND ({IDLE})",
                ExpressionAttributeValues={
                    ":next": now_ms + charged_ms,
                    ":now": now_ms,
                    ":number": "N",
                    ":largest": LARGEST,
                },
                ReturnValues="UPDATED_NEW",
            )
        counted = counted or self._update(
            connection_id,
            partition,
            UpdateExpression=f"ADD {USED} :more",
            ExpressionAttributeValues={":more": charged_ms},
            ReturnValues="UPDATED_NEW",
        )
        if not counted:
            raise NotConnected(connection_id)
        limit.check(int(counted["Attributes"][USED]), now_ms, price, charged_ms)
        return connection

    def _open(self, connection_id: str, partition: int, opening: Opening, seen: object) -> bool:
        """Write a subscription with the count of its message. Returns whether it is written: it is not if another
        message has been counted since the number was `seen`, or if the connection has ended."""
        as_seen = f"attribute_not_exists({USED})" if seen is None else f"{USED} = :seen"
        return bool(
            self._update(
                connection_id,
                partition,
                UpdateExpression=f"SET {USED} = :next, #channel = :symbols REMOVE #pace",
                ConditionExpression=f"attribute_exists(pk) AND {as_seen}",
                ExpressionAttributeNames={"#channel": opening.channel, "#pace": _pace(opening.channel)},
                ExpressionAttributeValues={
                    ":next": opening.used_ms,
                    ":symbols": list(opening.symbols or ()),
                    **({} if seen is None else {":seen": seen}),
                },
            )
        )

    def take_back(self, connection_id: str, opening: Opening) -> None:
        """End the subscription of an opening, unless another message has been counted since: that one may have repeated
        it."""
        self._update(
            connection_id,
            UpdateExpression="REMOVE #channel",
            ConditionExpression=f"{USED} = :used",
            ExpressionAttributeNames={"#channel": opening.channel},
            ExpressionAttributeValues={":used": opening.used_ms},
        )

    def get(self, connection_id: str) -> Connection:
        """A connection, by a consistent read.

        Raises:
            NotConnected: the connection does not exist.
        """
        return _connection(*self._get(connection_id))

    def subscribers(self, partitions: Sequence[int] | None, now_s: int, after: str = "") -> Iterator[Connection]:
        """Every connection of these partitions (`None`: of all that are in use) that has a subscription, read page by
        page. Begins after the connection with the place `after` and wraps around to it."""
        first, _, last_id = after.partition("/")
        in_order = list(range(max(self._numbers | {self._partitions})) if partitions is None else partitions)
        begin = in_order.index(int(first)) if first.isdecimal() and int(first) in in_order else None
        reads: deque[tuple[int, ConditionBase | None]] = deque((partition, None) for partition in in_order)
        if begin is not None:
            reads.rotate(-begin)
            reads[0] = in_order[begin], Key("sk").gt(last_id)
            reads.append((in_order[begin], Key("sk").lte(last_id)))
        self._elsewhere = {each: found for each, found in self._elsewhere.items() if found not in in_order}
        numbers: set[int] = set()
        known = set(in_order)
        stored = Counter[int]()
        while reads:
            partition, condition = reads.popleft()
            for item in self._listening(partition, condition, now_s, stored):
                if "layout" not in item:
                    if (connection := self._found(item, partition)).subscriptions:
                        yield connection
                    continue
                number = _number_of_partitions(item)
                numbers.add(number)
                if partitions is None:
                    reads.extend((other, None) for other in range(number) if other not in known)
                    known.update(range(number))
        if 0 in known:
            self._numbers = numbers - {0}
            stored[0] -= len(numbers)
            if self._partitions not in numbers:  # its connections are from a version that announced no layout
                self._try_to_announce(now_s)
        self._try_to_count(stored)

    def partitions_of_worker(self, worker: int) -> tuple[int, ...]:
        """The partitions that one of as many workers as shards reads: those of its shard, also of those that are still
        in use from a larger number."""
        now_s = int(time.time())
        if abs(now_s - self._numbers_read_s) >= LAYOUTS_READ_EVERY_S:
            self._numbers, self._numbers_read_s = self._read_numbers(now_s), now_s
        return tuple(range(worker, max(self._numbers | {self._partitions, worker + 1}), self._shards))

    def partition_of(self, connection_id: str) -> int:
        """The partition in which the connection was found, else that of a new connection."""
        found = self._elsewhere.get(connection_id)
        return _partition_of(connection_id, self._partitions) if found is None else found

    def _announce(self, now_s: int) -> None:
        """Write the layout of new connections. It has to come before their items, so that no reader overlooks them."""
        key = {"pk": _pk(0), "sk": f"{LAYOUT}{self._partitions}"}
        self._table.put_item(Item={**key, "layout": self._partitions, "expires_at": now_s + LIFETIME_S})

    def _try_to_announce(self, now_s: int) -> None:
        try:
            self._announce(now_s)
        except (ClientError, BotoCoreError):  # the next reader tries again
            logger.warning("could not announce the layout", exc_info=True)

    def _try_to_count(self, stored: Mapping[int, int]) -> None:
        now_s = int(time.time())
        try:
            for shard, connections in self._by_shard(stored).items():
                self._counts.write(shard, connections, now_s)
        except (ClientError, BotoCoreError):  # the next reader tries again
            logger.warning("could not write the count of connections", exc_info=True)

    def _by_shard(self, stored: Mapping[int, int]) -> Counter[int]:
        """How many connections each shard has, from those of each partition."""
        found = Counter[int]()
        for partition, connections in stored.items():
            found[partition % self._shards] += connections
        return found

    def _read_numbers(self, now_s: int = 0) -> set[int]:
        """The numbers of partitions that are in use. With `now_s`, without those that TTL has yet to delete."""
        found = self._table.query(
            KeyConditionExpression=Key("pk").eq(_pk(0)) & Key("sk").begins_with(LAYOUT),
            FilterExpression=Attr("expires_at").gt(now_s),
            ConsistentRead=True,
        )
        return {_number_of_partitions(item) for item in found["Items"]} - {0}

    def _where_it_may_be(self, connection_id: str) -> Iterator[int]:
        """The partitions that may have the connection, the likeliest first. Reads the numbers in use only if the others
        do not have it."""
        tried: set[int] = set()

        def untried(numbers: Iterable[int]) -> Iterator[int]:
            for partition in (_partition_of(connection_id, number) for number in numbers):
                if partition not in tried:
                    tried.add(partition)
                    yield partition

        if (found := self._elsewhere.get(connection_id)) is not None:
            tried.add(found)
            yield found
        yield from untried((self._partitions, *self._numbers))
        self._numbers = self._read_numbers()
        # A version that announced no layout had a partition for each shard.
        yield from untried((*self._numbers, self._shards))

    def _listening(
        self, partition: int, condition: ConditionBase | None, now_s: int, stored: Counter[int]
    ) -> Iterator[Mapping[str, Any]]:
        """The items of a partition's subscribers, and layouts. Adds to `stored` how many items it has in all."""
        key = Key("pk").eq(_pk(partition))
        attributes = (*CHANNELS, "layout")
        query: dict[str, Any] = {
            "KeyConditionExpression": key & condition if condition else key,
            # What else there is costs CPU.
            "ProjectionExpression": f"sk, connected_at, {ENDS}, {', '.join((*attributes, *map(_pace, CHANNELS)))}",
            "FilterExpression": Attr("expires_at").gt(now_s)
            & reduce(or_, (Attr(attribute).exists() for attribute in attributes)),
            "ConsistentRead": True,  # includes every client that subscribed before the tick was written
        }
        while True:
            page = self._table.query(**query)
            stored[partition] += page["ScannedCount"]
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _found(self, item: Mapping[str, Any], partition: int) -> Connection:
        connection = _connection(item, partition)
        self._remember(connection.connection_id, partition)
        return connection

    def _remember(self, connection_id: str, partition: int) -> None:
        if partition != _partition_of(connection_id, self._partitions):
            self._elsewhere[connection_id] = partition

    def _remove_unless_newer(self, connection_id: str, condition: Mapping[str, Any]) -> None:
        key = _key(self.partition_of(connection_id), connection_id)
        try:
            removed = self._table.delete_item(Key=key, ReturnValues="ALL_OLD", **condition)
        except ClientError as error:
            if not condition_failed(error):
                raise
        else:
            if "Attributes" in removed:
                self._leave(removed["Attributes"])

    def _leave(self, ended: Mapping[str, Any]) -> None:
        """Write what an ended connection with this item leaves of its place."""
        left = left_by(ended, _now_ms())
        for item in left:
            self._table.put_item(Item=item)
        for key in () if left else places_of(ended):
            self._table.delete_item(Key=key)

    def _changes_of_places(self, connection_ids: Sequence[str]) -> list[Any]:
        """The same, of these connections, for a transaction. Places that DynamoDB does not read now will expire."""
        keys: list[Any] = [_key(self.partition_of(each), each) for each in connection_ids]
        found = self._table.meta.client.batch_get_item(RequestItems={self._table.name: {"Keys": keys}})
        changes: list[Any] = []
        for ended in found["Responses"].get(self._table.name, []):
            left = left_by(ended, _now_ms())
            changes += [{"Put": {"TableName": self._table.name, "Item": item}} for item in left]
            changes += [{"Delete": {"TableName": self._table.name, "Key": key}} for key in places_of(ended) if not left]
        return changes

    def _get(self, connection_id: str) -> tuple[dict[str, Any], int]:
        """The item of a connection and its partition.

        Raises:
            NotConnected: the connection does not exist.
        """
        for partition in self._where_it_may_be(connection_id):
            item = self._table.get_item(Key=_key(partition, connection_id), ConsistentRead=True).get("Item")
            if item is not None:
                self._elsewhere = {}
                self._remember(connection_id, partition)
                return item, partition
        raise NotConnected(connection_id)

    def _update(self, connection_id: str, partition: int | None = None, **request: Any) -> Mapping[str, Any] | None:
        """DynamoDB's response, or `None` if the condition fails. The default condition is that the item exists.
        `partition`: the one that has the item, if that is known."""
        for each in self._where_it_may_be(connection_id) if partition is None else (partition,):
            try:
                return self._table.update_item(
                    Key=_key(each, connection_id), **({"ConditionExpression": "attribute_exists(pk)"} | request)
                )
            except ClientError as error:
                if not condition_failed(error):
                    raise
        return None


def partitions_of(shards: int) -> int:
    """The number of partitions of that many shards: each has equally many."""
    return shards * -(-FEWEST_PARTITIONS // shards)


def _partition_of(connection_id: str, partitions: int) -> int:
    return zlib.crc32(connection_id.encode()) % partitions


def _now_ms() -> int:
    return int(time.time() * 1000)


def _pk(partition: int) -> str:
    return f"SHARD#{partition}"


def _key(partition: int, connection_id: str) -> dict[str, str]:
    return {"pk": _pk(partition), "sk": connection_id}


def _connection(item: Mapping[str, Any], partition: int) -> Connection:
    connection_id = str(item["sk"])
    subscriptions = {channel: tuple(item[channel]) or None for channel in CHANNELS if _are_symbols(item.get(channel))}
    return Connection(
        connection_id,
        subscriptions,
        believed(item.get("connected_at")),
        f"{partition}/{connection_id}",
        str(item.get(VIEWER, "")),
        believed(item.get(ENDS)),
        _allowed(item),
        _paces(item, subscriptions),
    )


def _pace(channel: str) -> str:
    """The attribute with the pace of a channel's subscription."""
    return f"{channel}_every"


def _paces(item: Mapping[str, Any], channels: Iterable[str]) -> dict[str, Pace]:
    """The paces of these channels. Where one cannot be read, the client hears every tick."""
    stored = {channel: item[_pace(channel)] for channel in channels if _pace(channel) in item}
    return {
        channel: Pace(believed(numbers[0]), believed(numbers[1]))
        for channel, numbers in stored.items()
        if isinstance(numbers, list) and len(numbers) == 2 and 0 < believed(numbers[0]) <= LONGEST_S
    }


def _allowed(item: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The channels that a connection's token allows: none if they cannot be read."""
    if ALLOWED not in item:
        return None
    return tuple(item[ALLOWED]) if _are_symbols(item[ALLOWED]) else ()


def _are_symbols(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _number_of_partitions(layout: Mapping[str, Any]) -> int:
    """The number of partitions that a layout stands for; 0 if it cannot be read."""
    number = believed(layout.get("layout"))
    return number if number <= MOST_SHARDS else 0
