"""`$connect`: store the connection. Nothing can be posted to it before this function returns."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.model.logged_address import logged_address
from shared.settings import ConnectionSettings, read
from shared.store.clients_table import ClientsTable, client_of
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table

CONNECTION_ID = "requestContext.connectionId"  # under which every log line of a connection is found
logger = Logger()
settings = read(ConnectionSettings, os.environ)
items = table(settings.connections_table)
connections, clients = ConnectionsTable(items, settings.connection_shards), ClientsTable(items)


@logger.inject_lambda_context(correlation_id_path=CONNECTION_ID)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """An error refuses the connection. That is better than a connection that can never get a frame."""
    context = event["requestContext"]
    if context["eventType"] == "MESSAGE":  # a message with this route as its event must not run the route
        return {"statusCode": 400}
    connection_id, now_s = context["connectionId"], int(time.time())
    most = settings.max_connections_per_client
    if most and not clients.admit(client_of(context), connection_id, most, now_s):
        logger.info("connection refused: the client has too many")
        return {"statusCode": 429}
    connections.add(connection_id, now_s)
    logger.info("connected", address=logged_address(context["identity"]["sourceIp"], settings.address_key))
    return {"statusCode": 200}
