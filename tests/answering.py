"""The requests of clients, answered from tables in moto."""

from collections.abc import Callable

from mypy_boto3_dynamodb.service_resource import Table

from shared.gateway import Gateway
from shared.model.staleness import Ages
from shared.requests.minutes import MinutesBackfill
from shared.requests.subscriptions import Requests
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.quotes_table import QuotesTable
from shared.store.trends_table import TrendsTable
from shared.store.whole_history import WholeHistory


def requests_on(
    items: Table,
    gateway: Gateway,
    limits: Ages,
    fetch_minutes: Callable[[str], None] | None = None,
    quotes: QuotesTable | None = None,
) -> Requests:
    """Return what answers, on one quotes table. `quotes` stands in for that table's snapshot."""
    return Requests(
        quotes or QuotesTable(items),
        WholeHistory(CandlesTable(items), CandleBlocksTable(items)),
        MinutesBackfill(fetch_minutes),
        TrendsTable(items),
        gateway,
        limits,
    )
