"""A quotes table that another stack left, for a new one to go on with."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

KEYS = [("pk", "HASH"), ("sk", "RANGE")]
STREAM = "NEW_AND_OLD_IMAGES"
SWITCH_ON = "aws dynamodb update-table --stream-specification StreamEnabled=true,StreamViewType={} --table-name {}"


@dataclass(frozen=True, slots=True)
class ExistingTable:
    """The ARNs of a table and of its stream."""

    arn: str
    stream_arn: str


def existing_table(name: str) -> ExistingTable:
    """The table with this name, in the account and Region of the caller's credentials.

    It is asked for during the synthesis. A stream's ARN has the time at which it was switched on, so nobody can know it
    from the table's name.

    Raises:
        ValueError: there is no such table, it is not a quotes table, or nobody could be asked. The text says which.
    """
    region = os.environ.get("CDK_DEFAULT_REGION") or os.environ.get("AWS_REGION")  # the CDK CLI sets the first
    try:
        client = boto3.client("dynamodb", region_name=region)
        table = client.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise ValueError(f"quotes_table_name is {name!r}; there is no such table in {region}") from error
        raise _unknown(name, error) from error
    except BotoCoreError as error:
        raise _unknown(name, error) from error
    _check(name, table)
    return ExistingTable(table["TableArn"], table["LatestStreamArn"])


def _check(name: str, table: "TableDescriptionTypeDef") -> None:
    if [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] != KEYS:
        raise ValueError(f"quotes_table_name is {name!r}; that is not a quotes table, its keys are not pk and sk")
    stream: dict[str, Any] = dict(table.get("StreamSpecification") or {})
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") != STREAM:
        command = SWITCH_ON.format(STREAM, name)
        raise ValueError(f"quotes_table_name is {name!r}; that table has no stream of both images: `{command}`")


def _unknown(name: str, error: Exception) -> ValueError:
    return ValueError(f"quotes_table_name is {name!r}; the synthesis has to look that table up, and cannot: {error}")
