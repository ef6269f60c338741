"""What the connections table holds, and what a table is asked, as a test sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mypy_boto3_dynamodb.service_resource import Table

from shared.store.answer_pace import KEY as PACE
from shared.store.client_places import PARTITION as CLIENT
from shared.store.client_places import USED
from shared.store.connection_counts import PARTITION as COUNT
from shared.store.connections_table import LAYOUT
from shared.store.progress_table import PARTITION


def stored(table: Table) -> list[dict[str, Any]]:
    """Return all items but the layouts, which say with how many shards connections are made, how many there were,
    workers' progress, the pace of long answers, and what ended connections left."""
    items = table.scan(ConsistentRead=True)["Items"]
    return [
        item
        for item in items
        if item["pk"] not in {PARTITION, COUNT, PACE["pk"]}
        and not str(item["sk"]).startswith(LAYOUT)
        and not (str(item["pk"]).startswith(CLIENT) and USED in item)
    ]


@contextmanager
def asked_of(table: Table, operation: str) -> Iterator[list[dict[str, Any]]]:
    """The parameters of each such request to DynamoDB during a block."""
    asked: list[dict[str, Any]] = []

    def hear(params: dict[str, Any], **_: object) -> None:
        asked.append(params)

    events, name = table.meta.client.meta.events, f"before-parameter-build.dynamodb.{operation}"
    events.register_first(name, hear)
    try:
        yield asked
    finally:
        events.unregister(name, hear)
