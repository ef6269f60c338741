"""`$disconnect`: delete the connection. API Gateway's call is best effort."""

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.requests.misnamed import Misnamed
from shared.requests.routes import CONNECTION_ID
from shared.settings import MisnamedSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table

logger = Logger()
settings = read(MisnamedSettings, os.environ)
connections = ConnectionsTable(table(settings.connections_table), settings.connection_shards)
misnamed = Misnamed(settings, connections)


@logger.inject_lambda_context(correlation_id_path=CONNECTION_ID)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Deleting twice is not an error: a post that found the connection gone may have deleted it."""
    context = event["requestContext"]
    if context["eventType"] == "MESSAGE":
        return misnamed(event)
    connections.remove(context["connectionId"])
    return {"statusCode": 200}
