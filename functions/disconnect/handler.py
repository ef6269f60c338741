"""`$disconnect`: forget the connection. API Gateway does its best to call this, no more."""

import os
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
    """Forgetting twice is no error: a post that found the connection gone may have been first."""
    connections.remove(event["requestContext"]["connectionId"])
    return {"statusCode": 200}
