"""Answers requests for documents, over HTTP."""

import os
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import invoke
from shared.documents.documents import Documents, Request
from shared.documents.readers import Readers
from shared.settings import DocumentSettings, read
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable
from shared.store.whole_history import WholeHistory

logger = Logger()
settings = read(DocumentSettings, os.environ)
items = table(settings.quotes_table)
quotes = QuotesTable(items)


def failed() -> None:
    with single_metric(name="RequestsFailed", unit=MetricUnit.Count, value=1):
        pass


documents = Documents(
    quotes,
    WholeHistory(CandlesTable(items), CandleBlocksTable(items)),
    Readers(quotes, partial(invoke, settings.ingest_function), settings.ages.late_ms),
    settings.ages,
    tick_seconds=settings.tick_seconds,
    failed=failed,
)


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer an event of an HTTP API, in payload format 2.0.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    answer = documents.answer(
        Request(
            event["requestContext"]["http"]["method"],
            event["rawPath"],
            event.get("rawQueryString", ""),
            {name.lower(): value for name, value in (event.get("headers") or {}).items()},
        )
    )
    return {
        "statusCode": answer.status.value,
        "headers": dict(answer.headers),
        "body": answer.body.decode(),
        "isBase64Encoded": False,
    }
