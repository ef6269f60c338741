"""Conditional writes: whether one was refused, and a change of an item that other writers change as well.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBMapper.OptimisticLocking.html
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TRIES = 5


def condition_failed(error: ClientError) -> bool:
    """Whether DynamoDB refused a write because its condition was not fulfilled."""
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


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
        version = int(item.get("version", 0))
        try:
            table.put_item(
                Item={**key, **attributes, "version": version + 1},
                ConditionExpression="attribute_not_exists(pk) OR version = :version",
                ExpressionAttributeValues={":version": version},
            )
        except ClientError as error:
            if attempt == TRIES or not condition_failed(error):
                raise
        else:
            break
    return True
