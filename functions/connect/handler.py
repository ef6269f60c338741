"""`$connect`: remember the connection. Nothing can be posted to it before this has returned."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.settings import ConnectionSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table

logger = Logger()
settings = read(ConnectionSettings, os.environ)
connections = ConnectionsTable(table(settings.connections_table), settings.connection_shards)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """An error here refuses the connection: better than one that could never be told anything."""
    connections.add(event["requestContext"]["connectionId"], int(time.time()))
    return {"statusCode": 200}
