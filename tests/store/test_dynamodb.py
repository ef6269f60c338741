"""The Lambdas reach their tables through one client with short time limits."""

from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource

from shared.store.dynamodb import table


def test_a_table_that_does_not_answer_is_given_up_within_seconds(aws: DynamoDBServiceResource) -> None:  # noqa: ARG001
    config: Any = table("quotes").meta.client.meta.config
    assert config.connect_timeout <= 1
    assert config.read_timeout <= 2
    assert config.retries["total_max_attempts"] > 1


@pytest.mark.parametrize("tick_seconds", [1, 2, 5, 60])
def test_a_call_within_a_tick_is_made_once_and_is_shorter(aws: DynamoDBServiceResource, tick_seconds: int) -> None:  # noqa: ARG001
    config: Any = table("quotes", tick_seconds).meta.client.meta.config
    assert config.connect_timeout + config.read_timeout <= min(2, tick_seconds)
    assert config.retries["total_max_attempts"] == 1


def test_all_tables_share_one_client(aws: DynamoDBServiceResource) -> None:  # noqa: ARG001 - for its keys
    assert table("quotes").name == "quotes"
    assert table("quotes").meta.client is table("connections").meta.client
    assert table("quotes", 5).meta.client is table("candles", 5).meta.client
