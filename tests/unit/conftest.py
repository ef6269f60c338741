"""Fixtures of the unit tests: the two tables in moto, an account that is nobody's, and the Lambdas on them."""

import sys
from collections.abc import Iterator
from functools import cache

import boto3
import pytest
from hypothesis import settings
from moto import mock_aws
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

from functions.ingest import ticks
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from tests.unit.clients import ConnectionsServer
from tests.unit.ingests import Clock, Stage
from tests.unit.lambdas import Load, cold_start

# How long an example takes is not a rule of the feed.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


@cache
def dynamodb() -> DynamoDBServiceResource:
    """One for all tests, since making it takes longer than most of them. moto answers whatever client asks."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="ca-central-1")
    return session.resource("dynamodb")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBServiceResource]:
    """DynamoDB in this process. Nothing leaves it: the keys are no keys."""
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


@pytest.fixture
def stage(quotes_items: Table, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Where ingests run, on a clock that is told, with somebody listening."""
    clock = Clock()
    monkeypatch.setattr(ticks, "time", clock)
    made = Stage(quotes_items, clock)
    made.table.join_audience(clock.ms)
    return made


@pytest.fixture
def api() -> Iterator[ConnectionsServer]:
    """Where the Lambdas post to connections."""
    with ConnectionsServer() as running:
        yield running


@pytest.fixture
def load(
    quotes_items: Table, connections_items: Table, api: ConnectionsServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Load]:
    """Starts the Lambda of that name as it is deployed, on the tables of this test."""
    environment = {
        "QUOTES_TABLE": quotes_items.name,
        "CONNECTIONS_TABLE": connections_items.name,
        "CONNECTION_SHARDS": "1",
        "CONNECTIONS_URL": api.url,
        "POST_RATE": "7000",
        "POST_BURST": "3500",
        "INGEST_FUNCTION": "cadfeed-ingest",
        "MESSAGES_PER_SECOND": "5",
        "MESSAGE_BURST": "10",
        "TICK_SECONDS": "2",
        "STALE_AFTER_SECONDS": "30",
        "POWERTOOLS_METRICS_NAMESPACE": "cadfeed",
        "POWERTOOLS_SERVICE_NAME": "test",
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    yield cold_start
    for name in [
        name for name in sys.modules if name.startswith("functions.") and name.endswith((".handler", ".worker"))
    ]:
        del sys.modules[name]
