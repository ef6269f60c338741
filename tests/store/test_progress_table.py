"""The items of workers: a write that DynamoDB refuses for another reason does not mean another worker."""

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.values import Snapshot
from shared.store.progress_table import Overtaken, ProgressTable

THROTTLED = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")


def test_a_throttled_worker_is_not_overtaken(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttle(**_request: object) -> None:
        raise THROTTLED

    table = ProgressTable(connections_items)
    with monkeypatch.context() as throttled:
        throttled.setattr(connections_items, "update_item", throttle)
        with pytest.raises(ClientError, match="ProvisionedThroughput"):
            table.begin(0, Snapshot(seq=3))
    table.begin(0, Snapshot(seq=3))
    with pytest.raises(Overtaken):
        table.begin(0, Snapshot(seq=3))
