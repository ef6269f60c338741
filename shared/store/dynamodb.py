"""How the Lambdas reach DynamoDB: one client per process, with time limits that fit a tick of a second."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

# By default a connection that hangs is waited for a minute, which is a minute without a price.
LIMITS = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 4})


def table(name: str) -> "Table":
    """The table of that name in the function's own account and Region."""
    return _dynamodb().Table(name)


@cache
def _dynamodb() -> "DynamoDBServiceResource":
    return boto3.resource("dynamodb", config=LIMITS)
