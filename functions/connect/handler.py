"""`$connect`: remember the connection. Nothing can be posted to it before this has returned."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.data_classes import APIGatewayWebSocketEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.settings import ConnectionSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table

logger, tracer = Logger(), Tracer()
settings = read(ConnectionSettings, os.environ)
connections = ConnectionsTable(table(settings.connections_table), settings.connection_shards)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@event_source(data_class=APIGatewayWebSocketEvent)
def handler(event: APIGatewayWebSocketEvent, _context: LambdaContext) -> dict[str, Any]:
    """An error here refuses the connection: better than one that could never be told anything."""
    connections.add(event.request_context.connection_id, int(time.time()))
    return {"statusCode": 200}
