"""`$disconnect`: delete the connection. API Gateway's call is best effort."""

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.settings import ConnectionSettings, read
from shared.store.clients_table import ClientsTable, client_of
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table

logger = Logger()
settings = read(ConnectionSettings, os.environ)
items = table(settings.connections_table)
connections, clients = ConnectionsTable(items, settings.connection_shards), ClientsTable(items)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Deleting twice is not an error: a post that found the connection gone may have deleted it."""
    context = event["requestContext"]
    if context["eventType"] == "MESSAGE":  # a message with this route as its event must not run the route
        return {"statusCode": 400}
    connections.remove(context["connectionId"])
    if settings.max_connections_per_client:
        clients.remove(client_of(context), context["connectionId"])
    return {"statusCode": 200}
