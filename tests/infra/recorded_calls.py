"""The calls of AWS that a Lambda really makes, as IAM sees them: action, resource and partition keys."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient


@dataclass(frozen=True, slots=True)
class Call:
    """`function`: the Lambda that makes it. `key`: the partition of the item, empty where there is none."""

    function: str
    action: str
    resource: str
    key: str = ""


@dataclass
class Recorder:
    """Records calls while a Lambda runs."""

    calls: set[Call] = field(default_factory=set)
    _function: str = ""

    @contextmanager
    def running(self, function: str) -> Iterator[None]:
        self._function = function
        try:
            yield
        finally:
            self._function = ""

    def note(self, action: str, resource: str, key: str = "") -> None:
        if self._function:
            self.calls.add(Call(self._function, action, resource, key))

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """See every request of every boto3 client, as it goes out."""
        send = BaseClient._make_request  # type: ignore[attr-defined]

        def watched(client: Any, operation: Any, request: Any, context: Any) -> Any:
            if operation.service_model.service_name == "dynamodb":
                for action, table, key in touched(operation.name, json.loads(request["body"])):
                    self.note(f"dynamodb:{action}", table, key)
            return send(client, operation, request, context)

        monkeypatch.setattr(BaseClient, "_make_request", watched)


def touched(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The action, the table and the partition of each item that a request of DynamoDB touches.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """
    if operation == "TransactWriteItems":
        for item in request["TransactItems"]:
            ((what, one),) = item.items()
            yield f"{what}Item", one["TableName"], (one.get("Key") or one.get("Item"))["pk"]["S"]
    elif operation == "BatchWriteItem":
        for table, writes in request["RequestItems"].items():
            for write in writes:
                yield operation, table, write["PutRequest"]["Item"]["pk"]["S"]
    elif operation == "BatchGetItem":
        for table, asked in request["RequestItems"].items():
            for key in asked["Keys"]:
                yield operation, table, key["pk"]["S"]
    elif operation == "Query":
        yield operation, request["TableName"], _queried(request)
    else:
        yield operation, request["TableName"], (request.get("Key") or request["Item"])["pk"]["S"]


def _queried(request: dict[str, Any]) -> str:
    names = request["ExpressionAttributeNames"]
    for name, value in re.findall(r"(#\w+) = (:\w+)", request["KeyConditionExpression"]):
        if names[name] == "pk":
            return str(request["ExpressionAttributeValues"][value]["S"])
    raise AssertionError(f"no partition in {request['KeyConditionExpression']}")
