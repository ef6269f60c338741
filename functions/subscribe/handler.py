"""`subscribe` and `unsubscribe`: an acknowledgement, a snapshot, then every tick."""

import os
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import invoke
from shared.gateway import open_answers
from shared.model.message_limit import MessageLimit
from shared.requests.long_answers import LongAnswers
from shared.requests.rates_cap import RatesCap
from shared.requests.routes import CONNECTION_ID, Admission, route
from shared.requests.subscriptions import Subscriptions
from shared.settings import SubscribeSettings, read
from shared.store.answer_pace import AnswerPace
from shared.store.client_places import Limits
from shared.store.client_rates import ClientRates
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable
from shared.store.rates_places import RatesPlaces

logger = Logger()
settings = read(SubscribeSettings, os.environ)
gateway = open_answers(settings.connections_url, settings.answer_rate)
connections_items = table(settings.connections_table)
connections = ConnectionsTable(connections_items, settings.connection_shards)
subscriptions = Subscriptions(
    QuotesTable(table(settings.quotes_table)),
    connections,
    gateway,
    partial(invoke, settings.ingest_function),
    settings.ages,
    RatesCap(
        settings.rates,
        RatesPlaces(table(settings.quotes_table)),
        settings.max_rates_connections,
        ClientRates(
            connections_items,
            Limits(settings.max_rates_connections_per_client, settings.max_rates_connections_per_block),
        ),
    ),
    LongAnswers(AnswerPace(connections_items, settings.answer_rate)),
    settings.tick_seconds,
    settings.rates_every_seconds,
    settings.rates_change,
)
admission = Admission(
    connections, MessageLimit(settings.messages_per_minute, settings.message_burst), subscriptions.opening
)


@logger.inject_lambda_context(correlation_id_path=CONNECTION_ID)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Both routes invoke this function; the message's event says which."""
    return route(event, gateway, admission, subscriptions.act)
