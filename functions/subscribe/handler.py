"""`subscribe` and `unsubscribe`: an acknowledgement, a snapshot, then every tick."""

import os
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import invoke
from shared.gateway import open_gateway
from shared.model.message_limit import MessageLimit
from shared.requests.routes import CONNECTION_ID, Admission, route
from shared.requests.subscriptions import Subscriptions
from shared.settings import SubscribeSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable

logger = Logger()
settings = read(SubscribeSettings, os.environ)
gateway = open_gateway(settings.connections_url)
connections = ConnectionsTable(table(settings.connections_table), settings.connection_shards)
admission = Admission(connections, MessageLimit(settings.messages_per_second, settings.message_burst))
subscriptions = Subscriptions(
    QuotesTable(table(settings.quotes_table)),
    connections,
    gateway,
    partial(invoke, settings.ingest_function),
    settings.ages,
)


@logger.inject_lambda_context(correlation_id_path=CONNECTION_ID)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Both routes invoke this function; the message's event says which."""
    return route(event, gateway, admission, subscriptions.act)
