"""Conditional writes: what several tables ask, whether a write was refused, and a change of a shared item.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBMapper.OptimisticLocking.html
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase
from botocore.exceptions import ClientError

from shared.store.stored_number import believed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TRIES = 5


def condition_failed(error: ClientError) -> bool:
    """Whether DynamoDB refused a write because its condition was not fulfilled."""
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def is_outside(name: str, first: int, last: int) -> ConditionBase:
    """The condition that an attribute is not a number from `first` to `last`: also that it is missing, or not a
    number."""
    return ~Attr(name).attribute_type("N") | ~Attr(name).between(first, last)


def change(
    table: "Table", key: Mapping[str, str], changed: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
) -> bool:
    """Put `changed(item)` in place of an item, again if another writer came between the read and the write.

    `changed` gets the item's attributes (none: there is no item) and returns those that it shall have, or `None` to
    leave it as it is. The attribute `version` counts the writes. Returns whether the item was written.

    Raises:
        ClientError: DynamoDB refuses, or other writers came between again and again.
    """
    for attempt in range(1, TRIES + 1):
        item: Mapping[str, Any] = table.get_item(Key=dict(key), ConsistentRead=True).get("Item", {})
        attributes = changed(item)
        if attributes is None:
            return False
        version = item.get("version")
        unchanged = Attr("version").not_exists() if version is None else Attr("version").eq(version)
        try:
            table.put_item(Item={**key, **attributes, "version": believed(version) + 1}, ConditionExpression=unchanged)
        except ClientError as error:
            if attempt == TRIES or not condition_failed(error):
                raise
        else:
            break
    return True
