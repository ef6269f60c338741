"""DynamoDB for a measurement: MiniStack without the feed, and tables with the feed's keys."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from tools.bench.workload import REGION
from tools.local import aws
from tools.local.ports import free_port
from tools.local.processes import Processes, StillOwned

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

KEYS = ("pk", "sk")


@contextmanager
def running_emulator(state: Path, progress: Callable[[str], None]) -> Iterator[str]:
    """Start the emulator and yield its address. `state` is the folder for its files, and for its processes' record.

    Raises:
        CannotStart: it did not start, or another measurement in this folder still runs.
    """
    progress("starting the emulator")
    state.mkdir(parents=True, exist_ok=True)
    with asyncio.Runner() as runner:
        processes = Processes(state / "processes.json")
        try:
            processes.end_left_over()
        except StillOwned as error:
            raise aws.CannotStart(f"another measurement runs: {error}") from error
        try:
            yield runner.run(aws.start(processes, free_port(), state))
        finally:
            runner.run(processes.stop())


def database_at(endpoint: str | None = None) -> "DynamoDBServiceResource":
    """Return the emulator's tables, or those of a mock without an address. The keys are nobody's."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    return session.resource("dynamodb", endpoint_url=endpoint)


def create_table(database: "DynamoDBServiceResource", name: str) -> "Table":
    """Create a table with the keys of the feed's tables."""
    hashed, sorted_by = KEYS
    return database.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": hashed, "KeyType": "HASH"},
            {"AttributeName": sorted_by, "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
        BillingMode="PAY_PER_REQUEST",
    )
