"""`documents`, imported as deployed, answers events of an HTTP API."""

import json
import time

import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb.service_resource import Table

from shared import aws
from shared.model.values import Snapshot
from shared.store.quotes_table import QuotesTable
from tests.lambdas import Context, Load, http_event, metrics
from tests.samples import after, quotes

PATH = "/markets/rates.json"
INVOKED = {"FunctionName": "cadfeed-ingest", "InvocationType": "Event", "Payload": b""}


def test_it_answers_with_the_document_and_wakes_the_ingest(load: Load, quotes_table: QuotesTable) -> None:
    quotes_table.write_snapshot(after(Snapshot(), quotes(), time.time_ns() // 1_000_000), 1)
    module = load("documents")
    with Stubber(aws.functions()) as functions:
        functions.add_response("invoke", {"StatusCode": 202}, INVOKED)
        answer = module.handler(http_event(PATH, "symbols=BTC_CAD"), Context())
        functions.assert_no_pending_responses()
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert [each["symbol"] for each in json.loads(answer["body"])["data"]] == ["BTC_CAD"]
    again = module.handler(http_event(PATH, "symbols=BTC_CAD", If_None_Match=answer["headers"]["ETag"]), Context())
    assert (again["statusCode"], again["body"]) == (304, "")
    assert quotes_table.audience() == 1


def test_an_ingest_that_cannot_be_invoked_costs_no_answer(load: Load, quotes_table: QuotesTable) -> None:
    quotes_table.write_snapshot(after(Snapshot(), quotes(), time.time_ns() // 1_000_000), 1)
    module = load("documents")
    with Stubber(aws.functions()) as functions:
        functions.add_client_error("invoke", "TooManyRequestsException")
        assert module.handler(http_event(PATH), Context())["statusCode"] == 200


def test_an_event_without_headers_or_a_query_is_answered(load: Load, quotes_table: QuotesTable) -> None:
    quotes_table.write_snapshot(after(Snapshot(), quotes(), time.time_ns() // 1_000_000), 1)
    event = http_event("/markets/assets.json")
    del event["headers"], event["rawQueryString"]
    assert load("documents").handler(event, Context())["statusCode"] == 200


def test_a_failing_table_is_a_problem_and_a_metric(
    load: Load, quotes_items: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load("documents")
    quotes_items.delete()
    answer = module.handler(http_event(PATH), Context())
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "unavailable")
    assert metrics(capsys.readouterr().out)["RequestsFailed"] == 1
