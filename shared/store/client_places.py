"""The places of connections, which are counted: an item per connection, in the partition of its block of addresses.

`CLIENT#203.0.113.0/24` has `203.0.113.7#ID`, so one query counts a viewer's connections and its block's. With a token
the viewer is its subject: `CLIENT#sub:alice` has `sub:alice#ID`. The connection's own item names the viewer, so
whatever removes it removes the place. What is lost all the same expires by its TTL with the connection.

If the connection has used more of its limit of messages than has come back meanwhile, its place stays until it has
come back, with the number of the limit (`shared/model/message_limit.py`) and as the place of an ended connection. When
the viewer has used all of its places, a new connection takes over the ended one that has used the least, number and
all. So reconnecting gives nobody more messages than as many connections as the viewer may have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import BotoCoreError, ClientError

from shared.model.message_limit import MessageLimit, RateLimited
from shared.model.refused import Refused
from shared.model.viewer import Viewer, viewer_named
from shared.store.conditional import condition_failed
from shared.store.stored_number import believed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

VIEWER = "viewer"  # the attribute of a connection's item
USED = "tat_ms"  # the attribute of a connection's item and of an ended connection's place
ON_RATES = "on_rates"  # the attribute of the place of a connection that is subscribed to `rates`
PARTITION = "CLIENT#"
TOO_OFTEN = "the viewer connects too often"
HANDSHAKE = 2  # the plain messages that a connection counts as, by its cost


@dataclass(frozen=True, slots=True)
class Limits:
    """The most connections of a viewer, and of its block of addresses; 0 for no limit."""

    per_client: int = 0
    per_block: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """`used_ms`: the number of an ended connection's limit; 0 for a connection that is open. `is_on_rates`: it is one
    of those of its viewer that are subscribed to `rates` (`client_rates`)."""

    name: str
    used_ms: int = 0
    is_on_rates: bool = False

    @property
    def viewer(self) -> str:
        return self.name.partition("#")[0]


class ClientPlaces:
    """Reads and writes the places of connections."""

    def __init__(self, table: "Table", limits: Limits, messages: MessageLimit) -> None:
        self._table = table
        self._limits = limits
        self._messages = messages

    def take(
        self, viewer: Viewer, connection_id: str, expires_s: int, now_ms: int, limits: Limits | None = None
    ) -> Mapping[str, Any]:
        """Take a place for a connection. Returns the attributes for the connection's item; none without a limit.
        `limits`: those of this viewer, in place of everybody's.

        A first look refuses without a write, so somebody who goes on trying costs little. Then the place is written
        first and counted afterwards: none of several concurrent connections is overlooked and there are never more than
        the limit, but all of them may be refused.

        Raises:
            Refused: the viewer or its block has too many connections, or has used up the messages of all of them.
            ClientError, BotoCoreError: DynamoDB refuses, or does not answer. The place is given back.
        """
        limits = limits or self._limits
        if not (limits.per_client or limits.per_block):
            return {}
        spare = self._spare(viewer, limits, now_ms, others=1, consistent=False)
        self._used_after(spare[0].used_ms if spare else 0, now_ms)
        key = _key(viewer, connection_id)
        self._table.put_item(Item={**key, "expires_at": expires_s})
        try:
            spare = self._spare(viewer, limits, now_ms, others=0)
            used_ms = self._used_after(self._take_over(viewer, spare) if spare else 0, now_ms)
        except (Refused, ClientError, BotoCoreError):
            self._table.delete_item(Key=key)
            raise
        return {VIEWER: viewer.name, USED: used_ms}

    def give_back(self, place: Mapping[str, Any], connection_id: str) -> None:
        """Remove the place of a connection that could not be stored. `place`: what `take` returned."""
        for key in places_of({**place, "sk": connection_id}):
            self._table.delete_item(Key=key)

    def _spare(
        self, viewer: Viewer, limits: Limits, now_ms: int, *, others: int, consistent: bool = True
    ) -> Sequence[Place]:
        """Places of ended connections, the least used first. A new connection has to take over one of them; none if
        there is room for another place.

        Raises:
            Refused: `others` more open connections are too many.
        """
        of_block = places_in(self._table, viewer.block, now_ms // 1000, consistent=consistent)
        of_viewer = [place for place in of_block if place.viewer == viewer.name]
        counted = (
            (limits.per_client, of_viewer, "the viewer"),
            (limits.per_block, of_block, "the viewer's block of addresses"),
        )
        for limit, places, whose in counted:
            if 0 < limit < sum(not place.used_ms for place in places) + others:
                raise Refused(429, f"{whose} has too many connections")
        for limit, places, _ in counted:
            if 0 < limit < len(places) + others:
                return sorted((place for place in places if place.used_ms), key=lambda place: place.used_ms)
        return []

    def _take_over(self, viewer: Viewer, spare: Sequence[Place]) -> int:
        """Delete the first of these places that no other connection has taken over meanwhile. Returns its number.

        Raises:
            Refused: others have taken over all of them.
        """
        for place in spare:
            key = {"pk": PARTITION + viewer.block, "sk": place.name}
            try:
                self._table.delete_item(Key=key, ConditionExpression=Attr(USED).eq(place.used_ms))
            except ClientError as error:
                if not condition_failed(error):
                    raise
            else:
                return place.used_ms
        raise Refused(429, TOO_OFTEN)

    def _used_after(self, used_ms: int, now_ms: int) -> int:
        """The number of a new connection that takes over this one.

        Raises:
            Refused: it leaves fewer messages than the handshake counts as.
        """
        charged_ms = self._messages.charge_ms(used_ms, now_ms, HANDSHAKE)
        after_ms = max(used_ms, now_ms) + charged_ms
        try:
            self._messages.check(after_ms, now_ms, HANDSHAKE, charged_ms)
        except RateLimited:
            raise Refused(429, TOO_OFTEN) from None
        return after_ms


def places_in(table: "Table", block: str, now_s: int, *, consistent: bool = True) -> list[Place]:
    """The places of a block that have not expired."""
    query: dict[str, Any] = {
        "KeyConditionExpression": Key("pk").eq(PARTITION + block),
        "FilterExpression": Attr("expires_at").gt(now_s),  # TTL deletes late
        "ProjectionExpression": f"sk, {USED}, {ON_RATES}",
        "ConsistentRead": consistent,
    }
    places: list[Place] = []
    while True:
        page = table.query(**query)
        places += [
            Place(str(item["sk"]), believed(item.get(USED)), is_on_rates=ON_RATES in item) for item in page["Items"]
        ]
        if "LastEvaluatedKey" not in page:
            return places
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def places_of(connection: Mapping[str, Any]) -> list[dict[str, str]]:
    """The keys of the places that a connection's item holds; none if it names no viewer that can be read."""
    key = place_of(str(connection.get(VIEWER, "")), str(connection["sk"]))
    return [key] if key else []


def place_of(viewer: str, connection_id: str) -> dict[str, str] | None:
    """The key of a connection's place, by the name of its viewer; `None` if that cannot be read."""
    try:
        return _key(viewer_named(viewer), connection_id)
    except ValueError:
        return None


def left_by(connection: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
    """The places that stay when a connection with this item ends, since it has used more of its limit than has come
    back."""
    used_ms = believed(connection.get(USED))
    if used_ms <= now_ms:
        return []
    return [{**key, USED: used_ms, "expires_at": used_ms // 1000 + 1} for key in places_of(connection)]


def _key(viewer: Viewer, connection_id: str) -> dict[str, str]:
    return {"pk": PARTITION + viewer.block, "sk": f"{viewer.name}#{connection_id}"}
