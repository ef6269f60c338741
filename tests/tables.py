"""Fixtures: the two tables in moto, in an account that is nobody's."""

from collections.abc import Iterator
from functools import cache

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable


@cache
def dynamodb() -> DynamoDBServiceResource:
    """Return one client for all tests, since creating it takes longer than most tests. moto answers any client."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="ca-central-1")
    return session.resource("dynamodb")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBServiceResource]:
    """DynamoDB in this process. Nothing leaves it: the keys are fake."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_DEFAULT_REGION": "ca-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield dynamodb()


def create_table(database: DynamoDBServiceResource, name: str) -> Table:
    return database.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def quotes_items(aws: DynamoDBServiceResource) -> Table:
    """The quotes table as DynamoDB has it."""
    return create_table(aws, "quotes")


@pytest.fixture
def connections_items(aws: DynamoDBServiceResource) -> Table:
    """The connections table as DynamoDB has it."""
    return create_table(aws, "connections")


@pytest.fixture
def quotes_table(quotes_items: Table) -> QuotesTable:
    return QuotesTable(quotes_items)


@pytest.fixture
def connections_table(connections_items: Table) -> ConnectionsTable:
    return ConnectionsTable(connections_items)
