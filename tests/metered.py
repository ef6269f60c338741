"""Counts the units that calls to DynamoDB take, by partition, as AWS's rules say."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from boto3.dynamodb.conditions import ConditionBase
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from shared.store.conditional import condition_failed
from tools.bench.read_units import UNIT_BYTES, item_bytes, of_a_query

WRITE_UNIT_BYTES = 1_024
Units = Counter[tuple[str, str]]  # by ("read" or "write", the partition's key)


class Meter:
    """Counts the units of the calls to DynamoDB, by partition. All reads count as consistent ones."""

    def __init__(self) -> None:
        self.units: Units = Counter()

    def of(self, kind: str) -> int:
        """Return the units of all partitions. `kind`: "read" or "write"."""
        return sum(units for (each, _), units in self.units.items() if each == kind)

    def count(self, call: Callable[..., Any], operation: str, request: dict[str, Any]) -> Any:
        try:
            answer = call(operation, request)
        except ClientError as error:
            if condition_failed(error):  # it takes as much as if it had been met
                self.units["write", request["Key"]["pk"] if "Key" in request else request["Item"]["pk"]] += 1
            raise
        match operation:
            case "GetItem":
                size = item_bytes(answer.get("Item", {}))
                self.units["read", request["Key"]["pk"]] += max(1, math.ceil(size / UNIT_BYTES))
            case "Query":
                self.units["read", _partition(request["KeyConditionExpression"])] += max(
                    1, of_a_query(map(item_bytes, answer["Items"]))
                )
            case "PutItem" | "UpdateItem" | "DeleteItem":
                key = request.get("Item") or request["Key"]
                size = item_bytes(request.get("Item") or answer.get("Attributes", {}))
                self.units["write", key["pk"]] += max(1, math.ceil(size / WRITE_UNIT_BYTES))
            case _:
                raise AssertionError(f"{operation} is not counted")
        return answer


def _partition(condition: ConditionBase) -> str:
    """Return the partition of a query: that of `Key("pk").eq(partition)`, alone or with a second condition."""
    first, second = condition.get_expression()["values"][:2]
    return _partition(first) if isinstance(first, ConditionBase) else str(second)


def metered(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Return a meter of all calls from now on."""
    made, call = Meter(), BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(client: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb":
            return call(client, operation, request)
        return made.count(lambda *arguments: call(client, *arguments), operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return made
