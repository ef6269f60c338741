"""How many connections are subscribed to `rates`, which has a cap of its own: one item of the quotes table.

A subscription takes a place with one conditional write, so there are never more than the cap. `publish` reads every
connection in each tick anyway, and corrects the number if it is wrong: that heals the ends of connections, which give
nothing back by themselves, and lost ones. Each write replaces a random text, and a count is stored only if the text is
still the one that was read before the count began.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from shared.store.conditional import condition_failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEY = {"pk": "AUDIENCE", "sk": "RATES"}


@dataclass(frozen=True, slots=True)
class Places:
    """How many places are taken, and the write that stored that; `None` if there is no item."""

    taken: int = 0
    write_id: Any = None


class RatesPlaces:
    """Reads and writes the item."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def take(self, most: int) -> bool:
        """Take a place. Returns whether one of `most` was free."""
        return self._add(1, Attr("taken").not_exists() | Attr("taken").lt(most))

    def give_back(self) -> None:
        """Give a place back. It stays taken if the number was corrected meanwhile and is 0."""
        self._add(-1, Attr("taken").gt(0))

    def read(self) -> Places:
        """The stored number; 0 if there is no item, or if it is not a number."""
        item: dict[str, Any] = self._table.get_item(Key=KEY, ConsistentRead=True).get("Item", {})
        try:
            taken = int(item.get("taken", 0))
        except (TypeError, ValueError):
            taken = -1  # the count differs from it, so it is stored
        return Places(taken, item.get("write_id"))

    def correct(self, counted: int, seen: Places) -> Places:
        """Store a count, unless another write came after `seen` was read. Returns what is stored now."""
        written = Places(counted, uuid4().hex)
        unchanged = Attr("write_id").not_exists() if seen.write_id is None else Attr("write_id").eq(seen.write_id)
        try:
            self._table.update_item(
                Key=KEY,
                UpdateExpression="SET taken = :counted, write_id = :id",
                ConditionExpression=unchanged,
                ExpressionAttributeValues={":counted": counted, ":id": written.write_id},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return self.read()
        return written

    def _add(self, places: int, condition: Any) -> bool:
        try:
            self._table.update_item(
                Key=KEY,
                UpdateExpression="SET write_id = :id ADD taken :places",
                ConditionExpression=condition,
                ExpressionAttributeValues={":id": uuid4().hex, ":places": places},
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True
