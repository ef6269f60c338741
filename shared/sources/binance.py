"""Binance spot: all markets of the catalogue with one request.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#24hr-ticker-price-change-statistics
`data-api.binance.vision` serves market data only and, unlike `api.binance.com`, to every region.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.model.wire import dumps
from shared.sources.clock import SteadyClock
from shared.sources.listing import Listing
from shared.sources.market_row import number, optional, whole
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "binance"
BASE_URL = "https://data-api.binance.vision"
PATH = "/api/v3/ticker/24hr"
DAY_MS = 86_400_000
INVALID_SYMBOL = -1121
MAX_BODY_BYTES = 2_000_000  # all markets take 1.5 MB
NEWEST_WITHIN_MS = 60_000  # something trades every second


def source(clock_ms: Callable[[], int] | None = None) -> Source:
    """Binance, asked every tick. The first request gets all markets (weight 80), from which the feed learns which of
    the catalogue's markets exist: one unknown name in `symbols` fails a whole request. Later requests name only those
    (weight 40)."""
    listing = Listing(lambda: market_names(NAME), clock_ms or SteadyClock())

    def params() -> Mapping[str, str]:
        # All markets include those that are not trading now, since they may trade again. By name: only trading ones.
        names = listing.names_to_ask()
        query = {"type": "FULL"}
        return query | {"symbolStatus": "TRADING", "symbols": dumps(names)} if names else query

    def parse_and_learn(answer: Answer) -> list[Ticker]:
        tickers = parse(answer)
        listing.learn(str(row["symbol"]) for row in _rows(answer.payload))
        return tickers

    def failed(status: int | None, payload: object) -> None:
        if is_unknown(status, payload):
            listing.is_wrong()
        else:
            listing.refused()

    return Source(
        NAME,
        BASE_URL,
        PATH,
        params,
        parse_and_learn,
        max_age_ms=DAY_MS,
        newest_within_ms=NEWEST_WITHIN_MS,
        on_failure=failed,
        max_body_bytes=MAX_BODY_BYTES,
    )


def is_unknown(status: int | None, payload: object) -> bool:
    """Whether an error answer means that Binance has no market of a name in the request."""
    return status == 400 and isinstance(payload, dict) and payload.get("code") == INVALID_SYMBOL


def parse(answer: Answer) -> list[Ticker]:
    """The catalogue's markets among the rows.

    Raises:
        SourceUnavailable: the answer is not a list of tickers.
    """
    if not isinstance(answer.payload, list):
        raise SourceUnavailable("not a list of tickers")
    wanted = set(market_names(NAME))
    rows = (row for row in _rows(answer.payload) if row["symbol"] in wanted)
    return [ticker for row in rows if (ticker := _ticker(row, answer))]


def _rows(payload: object) -> Iterable[Mapping[str, object]]:
    rows = payload if isinstance(payload, list) else []
    return (row for row in rows if isinstance(row, dict) and isinstance(row.get("symbol"), str))


def _ticker(row: Mapping[str, object], answer: Answer) -> Ticker | None:
    try:
        return Ticker(
            source=NAME,
            market=str(row["symbol"]),
            bid=number(row, "bidPrice"),
            ask=number(row, "askPrice"),
            last=number(row, "lastPrice"),
            open_24h=optional(row, "openPrice"),
            ts_ms=whole(row, "closeTime"),
            answered_ms=answer.received_ms,
            simulated=answer.simulated,
            activity_24h=Decimal(whole(row, "count")),
        )
    except ValueError:
        return None
