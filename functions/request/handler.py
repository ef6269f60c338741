"""Answers `ping`, `subscriptions`, `snapshot`, `assets`, `explain`, `history` and `trends`, and errors for all other
messages."""

import json
import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import invoke
from shared.gateway import open_answers
from shared.model.message_limit import MessageLimit
from shared.requests.long_answers import LongAnswers
from shared.requests.minutes import MinutesBackfill
from shared.requests.rates_cap import RatesCap
from shared.requests.routes import CONNECTION_ID, Admission, route
from shared.requests.subscriptions import Requests
from shared.settings import RequestSettings, read
from shared.store.answer_pace import AnswerPace
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable
from shared.store.trends_table import TrendsTable
from shared.store.whole_history import WholeHistory

logger = Logger()
settings = read(RequestSettings, os.environ)
gateway = open_answers(settings.connections_url, settings.answer_rate)
connections_items = table(settings.connections_table)
admission = Admission(
    ConnectionsTable(connections_items, settings.connection_shards),
    MessageLimit(settings.messages_per_minute, settings.message_burst),
)


def fetch_minutes(symbol: str) -> None:
    invoke(settings.backfill_function, json.dumps({"minutes_of": symbol}).encode())


requests = Requests(
    QuotesTable(table(settings.quotes_table)),
    WholeHistory(CandlesTable(table(settings.quotes_table)), CandleBlocksTable(table(settings.quotes_table))),
    MinutesBackfill(fetch_minutes if settings.backfill_function else None),
    TrendsTable(table(settings.quotes_table)),
    gateway,
    settings.ages,
    RatesCap(settings.rates),
    LongAnswers(AnswerPace(connections_items, settings.answer_rate)),
    settings.rates_change,
)


@logger.inject_lambda_context(correlation_id_path=CONNECTION_ID)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer a request. The route `$default` also invokes this function."""
    return route(event, gateway, admission, requests.answer)
