"""The Lambdas' access to DynamoDB: one client per process and patience."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from shared.aws import LIMITS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table


def table(name: str, tick_seconds: int = 0) -> "Table":
    """The table with this name in the function's account and Region.

    With `tick_seconds` a call is not repeated and never lasts longer than a tick, for a caller that repeats it.
    """
    return _dynamodb(tick_seconds).Table(name)


@cache
def _dynamodb(tick_seconds: int) -> "DynamoDBServiceResource":
    limits = LIMITS
    if tick_seconds:
        patience_s = min(2, tick_seconds) / 2  # once to connect, once to read
        once = Config(connect_timeout=patience_s, read_timeout=patience_s, retries={"total_max_attempts": 1})
        limits = LIMITS.merge(once)
    return boto3.resource("dynamodb", config=limits)
