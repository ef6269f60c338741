"""How many connections of a viewer are subscribed to `rates`: those whose places (`client_places`) have a mark.

The place ends with its connection, so the mark does, too.
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.model.values import Connection
from shared.model.viewer import viewer_named
from shared.store.client_places import ON_RATES, place_of, places_in
from shared.store.conditional import condition_failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class ClientRates:
    """Reads and writes the marks. `most`: the connections of a viewer that may be subscribed; 0 for no limit."""

    def __init__(self, table: "Table", most: int) -> None:
        self._table = table
        self.most = most

    def take(self, connection: Connection, now_s: int) -> bool:
        """Mark the place of a connection. Returns whether its viewer may have one more; a connection without a place,
        as they are where viewers have no limits, always may.

        The mark is written first and counted afterwards: there are never more than the limit, but of several
        subscriptions at the same time all may be refused.
        """
        key = place_of(connection.viewer, connection.connection_id) if self.most else None
        marked = {"UpdateExpression": "SET #mark = :marked", "ExpressionAttributeValues": {":marked": True}}
        if not (key and self._change(key, **marked)):
            return True
        viewer = viewer_named(connection.viewer)
        places = places_in(self._table, viewer.block, now_s)
        if sum(place.is_on_rates and place.viewer == viewer.name for place in places) <= self.most:
            return True
        self.give_back(connection)
        return False

    def has(self, connection: Connection, now_s: int) -> bool:
        """Whether the place of a connection has its mark, or needs none since there is no such place."""
        key = place_of(connection.viewer, connection.connection_id) if self.most else None
        if not key:
            return True
        places = places_in(self._table, viewer_named(connection.viewer).block, now_s)
        return all(place.is_on_rates for place in places if place.name == key["sk"])

    def give_back(self, connection: Connection) -> None:
        """Remove the mark."""
        if self.most and (key := place_of(connection.viewer, connection.connection_id)):
            self._change(key, UpdateExpression="REMOVE #mark")

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
