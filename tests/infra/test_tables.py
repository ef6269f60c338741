"""The two tables."""

from typing import Any

import pytest

from tests.infra.synthesis import Synthesised, synthesise


def test_tables_bill_per_request_expire_items_and_have_backups(stack: Synthesised) -> None:
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


def test_only_the_quotes_table_has_a_stream_of_both_images(stack: Synthesised) -> None:
    tables = stack.properties("AWS::DynamoDB::Table")
    assert tables["StorageQuotes"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert "StreamSpecification" not in tables["StorageConnections"]


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("cdk.out"), retain_data="false")


def tables_of(stack: Synthesised) -> dict[str, dict[str, Any]]:
    tables = stack.template.find_resources("AWS::DynamoDB::Table")
    return {"quotes" if "Quotes" in name else "connections": dict(table) for name, table in tables.items()}


def test_the_quotes_table_outlives_its_stack_but_no_failed_start(stack: Synthesised) -> None:
    """`RetainExceptOnCreate`: a first deployment that fails leaves no empty table."""
    quotes = tables_of(stack)["quotes"]
    assert quotes["DeletionPolicy"] == "RetainExceptOnCreate"
    assert quotes["UpdateReplacePolicy"] == "Retain"
    assert quotes["Properties"]["DeletionProtectionEnabled"] is True
    assert stack.stack.termination_protection


def test_the_connections_table_goes_with_its_stack(stack: Synthesised) -> None:
    """Nothing in it lasts. CloudFormation cannot delete a table that is protected, so it is not."""
    connections = tables_of(stack)["connections"]
    assert connections["DeletionPolicy"] == connections["UpdateReplacePolicy"] == "Delete"
    assert not connections["Properties"].get("DeletionProtectionEnabled")


def test_a_deployment_can_do_without_protection(unprotected: Synthesised) -> None:
    for table in tables_of(unprotected).values():
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"
        assert not table["Properties"].get("DeletionProtectionEnabled")
    assert not unprotected.stack.termination_protection
