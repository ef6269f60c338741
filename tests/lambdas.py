"""The Lambdas from outside: their environment, their events from AWS, and their logs."""

import base64
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import pytest
from aws_lambda_powertools import Metrics
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.values import Snapshot
from shared.store.codec import pack
from tests.clients import ConnectionsServer

CONNECTION_ID = "L0SM9cOFvHcCIhw="


class Load(Protocol):
    """Starts a Lambda."""

    def __call__(self, name: str) -> ModuleType: ...


@dataclass
class Context:
    """The parts of a Lambda's context that Powertools needs."""

    function_name: str = "cadfeed"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:ca-central-1:123456789012:function:cadfeed"
    aws_request_id: str = "2f3b7b0e-9f1c-4a53-8d5e-3b2e7c1d0a11"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def cold_start(name: str) -> ModuleType:
    """Import `functions/<name>/handler.py` again."""
    sys.modules.pop(f"functions.{name}.handler", None)
    return importlib.import_module(f"functions.{name}.handler")


def websocket_event(route: str, body: object = None, kind: str = "MESSAGE") -> dict[str, Any]:
    """Return an event of API Gateway, without the headers of `$connect`.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
    """
    event: dict[str, Any] = {
        "requestContext": {
            "routeKey": route,
            "messageId": None if kind == "CONNECT" else "Zjz0peLIYosCGYQ=",
            "eventType": kind,
            "extendedRequestId": "Zjz0pHDLIAMFkVA=",
            "requestTime": "18/Jun/2024:10:48:43 +0000",
            "messageDirection": "IN",
            "stage": "live",
            "connectedAt": 1718707723000,
            "requestTimeEpoch": 1718707723456,
            "identity": {"sourceIp": "203.0.113.7"},
            "requestId": "Zjz0pHDLIAMFkVA=",
            "domainName": "a1b2c3d4e5.execute-api.ca-central-1.amazonaws.com",
            "connectionId": CONNECTION_ID,
            "apiId": "a1b2c3d4e5",
        },
        "isBase64Encoded": False,
    }
    return event if body is None else event | {"body": body if isinstance(body, str) else json.dumps(body)}


def http_event(path: str, query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    """Return an event of an HTTP API in payload format 2.0.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"accept": "*/*", **{name.replace("_", "-"): value for name, value in headers.items()}},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "f6g7h8i9j0",
            "domainName": "f6g7h8i9j0.execute-api.ca-central-1.amazonaws.com",
            "domainPrefix": "f6g7h8i9j0",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "Zjz0pHDLIAMFkVA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "18/Jun/2024:10:48:43 +0000",
            "timeEpoch": 1718707723456,
        },
        "isBase64Encoded": False,
    }


def stream_record(old: Snapshot | None, new: Snapshot) -> dict[str, Any]:
    """Return a record of the table's stream for a Lambda, with binary in base64."""

    def image(snapshot: Snapshot) -> dict[str, Any]:
        packed = base64.b64encode(pack(snapshot)).decode()
        return {
            "pk": {"S": "SNAPSHOT"}, "sk": {"S": "CURRENT"}, "seq": {"N": str(snapshot.seq)}, "epoch": {"N": "1"},
            "packed": {"B": packed},
        }  # fmt: skip

    images = {"NewImage": image(new)} if old is None else {"NewImage": image(new), "OldImage": image(old)}
    return {
        "eventID": "c9fbe7d0261a5163fcb6940593e41797",
        "eventName": "INSERT" if old is None else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "ca-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1718707724.0,
            "Keys": {"pk": {"S": "SNAPSHOT"}, "sk": {"S": "CURRENT"}},
            **images,
            "SequenceNumber": "4421584500000000017450439092",
            "SizeBytes": 8_000,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:ca-central-1:123456789012:table/quotes/stream/2024-06-18T00:00:00.000",
    }


def metrics(output: str) -> dict[str, float]:
    """Return the metrics logged in CloudWatch's embedded metric format, by name."""
    found: dict[str, float] = {}
    for line in output.splitlines():
        logged = json.loads(line) if line.startswith("{") else {}
        for directive in logged.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert directive["Namespace"] == "cadfeed"
            found |= {metric["Name"]: sum(logged[metric["Name"]]) for metric in directive["Metrics"]}
    return found


def logged_lines(module: ModuleType, caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return what the Lambda has logged, as its log group gets it."""
    return [json.loads(module.logger.registered_formatter.format(record)) for record in caplog.records]


@pytest.fixture
def api() -> Iterator[ConnectionsServer]:
    """The server to which the Lambdas post."""
    with ConnectionsServer() as running:
        yield running


@pytest.fixture
def load(
    quotes_items: Table, connections_items: Table, api: ConnectionsServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Load]:
    """A function that starts the Lambda of that name as deployed, on this test's tables."""
    environment = {
        "QUOTES_TABLE": quotes_items.name,
        "CONNECTIONS_TABLE": connections_items.name,
        "CONNECTION_SHARDS": "1",
        "CONNECTIONS_URL": api.url,
        "POST_RATE": "7000",
        "POST_BURST": "3500",
        "INGEST_FUNCTION": "cadfeed-ingest",
        "MESSAGES_PER_MINUTE": "5",
        "MESSAGE_BURST": "200",
        "TICK_SECONDS": "2",
        "STALE_AFTER_SECONDS": "30",
        "POWERTOOLS_METRICS_NAMESPACE": "cadfeed",
        "POWERTOOLS_SERVICE_NAME": "test",
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    yield cold_start
    Metrics().clear_metrics()  # Powertools shares them between all instances, so the next test would log what is left
    for name in [
        name for name in sys.modules if name.startswith("functions.") and name.endswith((".handler", ".worker"))
    ]:
        del sys.modules[name]
