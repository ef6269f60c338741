"""The two tables."""

from pathlib import Path

import pytest

from tests.infra.synthesis import Synthesised, synthesise


def test_both_tables_are_paid_per_request_expire_items_and_can_be_restored(stack: Synthesised) -> None:
    tables = stack.properties("AWS::DynamoDB::Table")
    assert tables.keys() == {"StorageQuotes", "StorageConnections"}
    for table in tables.values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["KeySchema"] == [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ]


def test_only_the_quotes_have_a_stream_and_it_carries_both_images(stack: Synthesised) -> None:
    tables = stack.properties("AWS::DynamoDB::Table")
    assert tables["StorageQuotes"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert "StreamSpecification" not in tables["StorageConnections"]


@pytest.mark.parametrize(("retain_data", "policy"), [(True, "Retain"), ("false", "Delete")])
def test_data_outlives_the_stack_if_so_chosen(retain_data: object, policy: str, tmp_path: Path) -> None:
    tables = synthesise(tmp_path, retain_data=retain_data).template.find_resources("AWS::DynamoDB::Table")
    assert [table["DeletionPolicy"] for table in tables.values()] == [policy] * 2
    assert [table["UpdateReplacePolicy"] for table in tables.values()] == [policy] * 2
