"""The Lambdas reach their tables through one client that gives up before a tick is long over."""

from typing import Any

from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource

from shared.store.dynamodb import table


def test_a_table_that_does_not_answer_is_given_up_within_seconds(aws: DynamoDBServiceResource) -> None:  # noqa: ARG001
    config: Any = table("quotes").meta.client.meta.config
    assert config.connect_timeout <= 1
    assert config.read_timeout <= 2


def test_all_tables_share_one_client(aws: DynamoDBServiceResource) -> None:  # noqa: ARG001 - for its keys
    assert table("quotes").name == "quotes"
    assert table("quotes").meta.client is table("connections").meta.client
