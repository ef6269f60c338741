"""Before a stack goes, everything that stays is named, with the commands that delete it."""

import boto3
import pytest

from tools.deployment import Deployment, NotFound
from tools.destroy import _told, kept, main

TABLE = "Cadfeed-StorageQuotes-1"


def deployment(table: str = TABLE) -> Deployment:
    policies = {"StorageQuotes": "RetainExceptOnCreate", "ApiAccessLogsRole": "Retain", "Account": "Retain"}
    resources = {
        "StorageQuotes": ("AWS::DynamoDB::Table", TABLE),
        "StorageConnections": ("AWS::DynamoDB::Table", "Cadfeed-StorageConnections-1"),
        "ApiAccessLogsRole": ("AWS::IAM::Role", "Cadfeed-Role-1"),
        "Account": ("AWS::ApiGateway::Account", "account"),
        "IngestLogs": ("AWS::Logs::LogGroup", "/aws/lambda/Cadfeed-Ingest"),
    }
    template = {"Resources": {name: {"DeletionPolicy": policies.get(name, "Delete")} for name in resources}}
    return Deployment(
        "Cadfeed",
        "ca-central-1",
        table,
        {},
        template,
        resources,
        False,
        boto3.Session(region_name="ca-central-1"),
        None,
    )


def test_what_the_template_keeps_is_named_with_its_commands() -> None:
    left = {each.name: each for each in kept(deployment())}
    assert left.keys() == {TABLE, "Cadfeed-Role-1", "of API Gateway that names that role"}
    told = _told(left.values())
    lift = told.index(f"aws dynamodb update-table --no-deletion-protection-enabled --table-name {TABLE}")
    assert lift < told.index(f"aws dynamodb delete-table --table-name {TABLE} --region ca-central-1")
    assert "aws iam delete-role --role-name Cadfeed-Role-1" in told
    assert f"-c quotes_table_name={TABLE}" in told


def test_a_table_that_the_stack_only_uses_stays_too() -> None:
    assert "Another-StorageQuotes-7" in {each.name for each in kept(deployment("Another-StorageQuotes-7"))}


def test_nothing_left_is_said_as_well() -> None:
    assert _told([]) == "leaves   nothing\n"


def test_a_stack_that_is_not_there_is_not_destroyed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(stack: str) -> Deployment:
        raise NotFound(f"there is no stack {stack}")

    monkeypatch.setattr("tools.destroy.find", find)
    assert main(["--stack", "Other"]) == 1
    assert capsys.readouterr().err == "there is no stack Other\n"
