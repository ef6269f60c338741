"""A stack that goes on with the quotes table of another one."""

import re
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

from infra.existing_table import existing_table
from tests.infra.synthesis import Synthesised, synthesise

NAME = "Gone-StorageQuotes-1ABC"
KEYS: Any = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
BOTH_IMAGES: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def left_over(database: DynamoDBServiceResource, keys: Any = KEYS, **more: Any) -> Table:
    attributes: Any = [{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in keys]
    return database.create_table(
        TableName=NAME, KeySchema=keys, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST", **more
    )


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "ca-central-1")
    return "ca-central-1"


@pytest.fixture
def found(aws: DynamoDBServiceResource, tmp_path: Path) -> tuple[Table, Synthesised]:
    """The table, and a stack that uses it."""
    table = left_over(aws, StreamSpecification=BOTH_IMAGES)
    return table, synthesise(tmp_path, quotes_table_name=NAME)


def test_a_stack_goes_on_with_a_table_that_is_there(found: tuple[Table, Synthesised]) -> None:
    table, stack = found
    assert stack.properties("AWS::DynamoDB::Table").keys() == {"StorageConnections"}
    given = [each["Environment"]["Variables"].get("QUOTES_TABLE") for each in stack.functions().values()]
    assert set(given) == {NAME, None}
    (mapping,) = stack.properties("AWS::Lambda::EventSourceMapping").values()
    assert mapping["EventSourceArn"] == table.latest_stream_arn
    assert stack.template.find_outputs("QuotesTable")["QuotesTable"]["Value"] == NAME


def test_the_grants_are_those_of_a_new_table(found: tuple[Table, Synthesised], stack: Synthesised) -> None:
    table, existing = found
    names = {"<StorageQuotes.Arn>": table.table_arn, "<StorageQuotes.StreamArn>": table.latest_stream_arn}
    for role, grants in stack.permissions().items():
        assert existing.permissions()[role] == {names.get(name, name): actions for name, actions in grants.items()}


@pytest.mark.usefixtures("aws")
def test_a_table_that_is_not_there_is_named_with_its_region(region: str) -> None:
    with pytest.raises(ValueError, match=rf"^quotes_table_name is '{NAME}'; there is no such table in {region}$"):
        existing_table(NAME)


def test_a_table_with_other_keys_is_refused(aws: DynamoDBServiceResource) -> None:
    left_over(aws, KEYS[:1], StreamSpecification=BOTH_IMAGES)
    with pytest.raises(ValueError, match=r"that is not a quotes table, its keys are not pk and sk$"):
        existing_table(NAME)


@pytest.mark.parametrize("stream", [None, {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}])
def test_a_table_without_the_stream_tells_how_to_switch_it_on(aws: DynamoDBServiceResource, stream: Any) -> None:
    left_over(aws, **({"StreamSpecification": stream} if stream else {}))
    with pytest.raises(ValueError, match="no stream of both images: `aws dynamodb update-table ") as refused:
        existing_table(NAME)
    assert re.search(r"StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES --table-name Gone", str(refused.value))


def test_a_synthesis_that_cannot_ask_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(ValueError, match="has to look that table up, and cannot: Unable to locate credentials"):
        existing_table(NAME)
