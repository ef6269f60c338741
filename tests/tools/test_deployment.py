"""A deployment is found by its stack's name, or as the local stack that runs; else the error says what to do."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from tools.deployment import NotFound, find
from tools.local.aws import RUNNING

NOW = datetime.now(UTC)
QUOTES = ("StorageQuotes1A2B", "AWS::DynamoDB::Table", "Mine-StorageQuotes-1")
CONNECTIONS = ("StorageConnections3C4D", "AWS::DynamoDB::Table", "Mine-StorageConnections-1")
SETTINGS = {"tick_seconds": 2, "site": False}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_REGION", "ca-central-1")
    return "ca-central-1"


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch, region: str) -> Iterator[Stubber]:
    """CloudFormation with answers that a test gives it."""
    client = boto3.Session("test", "test", region_name=region).client("cloudformation")
    monkeypatch.setattr(boto3.Session, "client", lambda *_, **__: client)
    with Stubber(client) as stubber:
        yield stubber


def answer(
    stubber: Stubber, resources: list[tuple[str, str, str]], template: Any, outputs: dict[str, str] | None = None
) -> None:
    given = [{"OutputKey": name, "OutputValue": value} for name, value in (outputs or {}).items()]
    stack = {"StackName": "Mine", "CreationTime": NOW, "StackStatus": "UPDATE_COMPLETE", "Outputs": given}
    stubber.add_response("describe_stacks", {"Stacks": [{**stack, "EnableTerminationProtection": True}]})
    listed = [
        {
            "LogicalResourceId": logical,
            "ResourceType": kind,
            "PhysicalResourceId": name,
            "LastUpdatedTimestamp": NOW,
            "ResourceStatus": "CREATE_COMPLETE",
        }
        for logical, kind, name in resources
    ]
    gone = {**listed[0], "LogicalResourceId": "Gone", "ResourceStatus": "DELETE_COMPLETE"}
    stubber.add_response("list_stack_resources", {"StackResourceSummaries": [*listed, gone]})
    stubber.add_response("get_template", {"TemplateBody": json.dumps(template)})


def test_a_stack_names_its_table_and_its_settings(cloudformation: Stubber) -> None:
    template = {"Metadata": {"cadfeed": {"settings": SETTINGS}}, "Resources": {}}
    answer(cloudformation, [CONNECTIONS], template, {"QuotesTable": "Another-StorageQuotes-7"})
    found = find("Mine")
    assert found.resources == {CONNECTIONS[0]: CONNECTIONS[1:]}
    assert (found.stack, found.region, found.quotes_table) == ("Mine", "ca-central-1", "Another-StorageQuotes-7")
    assert found.settings == SETTINGS
    assert found.is_protected


def test_a_stack_of_an_earlier_version_is_found_too(cloudformation: Stubber) -> None:
    answer(cloudformation, [QUOTES, CONNECTIONS], {"Resources": {}})
    found = find("Mine")
    assert found.quotes_table == QUOTES[2]
    assert found.settings == {}


def test_a_stack_of_something_else_is_refused(cloudformation: Stubber) -> None:
    answer(cloudformation, [("Orders", "AWS::DynamoDB::Table", "orders")], {"Resources": {}})
    with pytest.raises(NotFound, match="is not a stack of this feed"):
        find("Mine")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Stack with id Mine does not exist", r"^there is no stack Mine in ca-central-1: `aws cloudformation list-st"),
        ("not authorized", r"^CloudFormation refuses to describe Mine in ca-central-1: .*not authorized$"),
    ],
)
def test_a_stack_that_cannot_be_described_is_named(cloudformation: Stubber, message: str, said: str) -> None:
    cloudformation.add_client_error("describe_stacks", "ValidationError", message)
    with pytest.raises(NotFound, match=said):
        find("Mine")


def test_without_a_region_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(NotFound, match="no Region is set"):
        find("Mine")


@pytest.mark.parametrize("left_over", ["", "{"])
def test_without_a_local_stack_it_says_how_to_start_or_name_one(tmp_path: Path, left_over: str) -> None:
    if left_over:
        (tmp_path / RUNNING).write_text(left_over, encoding="utf-8")
    with pytest.raises(NotFound, match="start one with `make run`, or name a stack on AWS, STACK="):
        find("", tmp_path)


def test_a_local_stack_that_no_longer_runs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.deployment.PATIENT", Config(retries={"total_max_attempts": 1}))
    running = {"aws": "http://127.0.0.1:9", "stack": "Cadfeed"}
    (tmp_path / RUNNING).write_text(json.dumps(running), encoding="utf-8")
    with pytest.raises(NotFound, match=r"at http://127\.0\.0\.1:9; is `make run` running"):
        find("", tmp_path)
