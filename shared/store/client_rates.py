"""How many connections of a viewer, and of the addresses around it, are subscribed to `rates`: those whose places
(`client_places`) have a mark.

The place ends with its connection, so the mark does, too.
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.model.values import Connection
from shared.model.viewer import viewer_named
from shared.store.client_places import ON_RATES, Limits, place_of, places_in
from shared.store.conditional import condition_failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class ClientRates:
    """Reads and writes the marks. `limits`: the connections that may be subscribed."""

    def __init__(self, table: "Table", limits: Limits) -> None:
        self._table = table
        self._limits = limits

    def take(self, connection: Connection, now_s: int) -> str:
        """Mark the place of a connection. Returns why it may not have the mark, as a text for people; it is empty if it
        may. A connection without a place, as they are where viewers have no limits, always may.

        The mark is written first and counted afterwards: there are never more than the limit, but of several
        subscriptions at the same time all may be refused.
        """
        key = self._place_of(connection)
        marked = {"UpdateExpression": "SET #mark = :marked", "ExpressionAttributeValues": {":marked": True}}
        if not (key and self._change(key, **marked)):
            return ""
        viewer = viewer_named(connection.viewer)
        marks = [place.viewer for place in places_in(self._table, viewer.block, now_s) if place.is_on_rates]
        limits = self._limits
        if 0 < limits.per_client < marks.count(viewer.name):
            why = f"your address has {limits.per_client}"
        elif 0 < limits.per_block < len(marks) and not viewer.is_subject:
            why = f"the addresses around yours have {limits.per_block}"
        else:
            return ""
        self.give_back(connection)
        return why

    def has(self, connection: Connection, now_s: int) -> bool:
        """Whether the place of a connection has its mark, or needs none since there is no such place."""
        key = self._place_of(connection)
        if not key:
            return True
        places = places_in(self._table, viewer_named(connection.viewer).block, now_s)
        return all(place.is_on_rates for place in places if place.name == key["sk"])

    def give_back(self, connection: Connection) -> None:
        """Remove the mark."""
        if key := self._place_of(connection):
            self._change(key, UpdateExpression="REMOVE #mark")

    def _place_of(self, connection: Connection) -> dict[str, str] | None:
        """The key of a connection's place, if there are limits."""
        limits = self._limits
        is_limited = limits.per_client or limits.per_block
        return place_of(connection.viewer, connection.connection_id) if is_limited else None

    def _change(self, key: dict[str, str], **change: Any) -> bool:
        """Returns whether there is such a place."""
        try:
            self._table.update_item(
                Key=key,
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#mark": ON_RATES},
                **change,
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True
