"""Everything else that a client may send: `ping`, `subscriptions`, `snapshot`, `assets`, `history`, and errors for
the rest."""

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import gateway as door
from shared.model.message_limit import MessageLimit
from shared.requests.routes import Admission, route
from shared.requests.subscriptions import Requests
from shared.settings import RequestSettings, read
from shared.store.candles_table import CandlesTable
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable

logger = Logger()
settings = read(RequestSettings, os.environ)
gateway = door.connect(settings.connections_url)
admission = Admission(
    ConnectionsTable(table(settings.connections_table), settings.connection_shards),
    MessageLimit(settings.messages_per_second, settings.message_burst),
)
requests = Requests(
    QuotesTable(table(settings.quotes_table)),
    CandlesTable(table(settings.quotes_table)),
    gateway,
    settings.ages,
)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`$default` ends here too."""
    return route(event, gateway, admission, requests.answer)
