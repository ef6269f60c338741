"""`subscribe` and `unsubscribe`: acknowledge, snapshot, and from then on every tick."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import gateway as door
from shared.model.message_limit import MessageLimit
from shared.requests.routes import Admission, route
from shared.requests.subscriptions import Subscriptions
from shared.settings import SubscribeSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = Logger()
settings = read(SubscribeSettings, os.environ)
gateway = door.connect(settings.connections_url)


@cache
def functions() -> "LambdaClient":
    """Made when it is first needed, and once: most subscribers find an ingest running."""
    return boto3.client("lambda")


def wake_ingest() -> None:
    functions().invoke(FunctionName=settings.ingest_function, InvocationType="Event")


connections = ConnectionsTable(table(settings.connections_table), settings.connection_shards)
admission = Admission(connections, MessageLimit(settings.messages_per_second, settings.message_burst))
subscriptions = Subscriptions(
    QuotesTable(table(settings.quotes_table)), connections, gateway, wake_ingest, settings.ages
)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Two routes, told apart by the message's event."""
    return route(event, gateway, admission, subscriptions.act)
