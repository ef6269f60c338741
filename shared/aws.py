"""What the Lambdas share of AWS: timeouts that fit a tick of one second, and invoking each other without waiting."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# By default boto3 waits a minute for a connection that hangs: a minute without prices.
LIMITS = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 4})


def invoke(function: str, payload: bytes = b"") -> None:
    """Invoke a function and do not wait for it. After a timeout it may be invoked twice.

    Raises:
        ClientError: Lambda refuses, or the grant is missing.
        BotoCoreError: Lambda does not answer.
    """
    functions().invoke(FunctionName=function, InvocationType="Event", Payload=payload)


@cache
def functions() -> "LambdaClient":
    """The Lambda client, created on first use: most invocations need none."""
    return boto3.client("lambda", config=LIMITS)
