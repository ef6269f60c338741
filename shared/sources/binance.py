"""Binance spot: all markets of the catalogue with one request.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#24hr-ticker-price-change-statistics
`data-api.binance.vision` serves market data only and, unlike `api.binance.com`, to every region.
"""

from collections.abc import Mapping
from itertools import count

from shared.assets import market_names
from shared.sources.market_row import positive, uncrossed
from shared.sources.upstream import Answer, Source, SourceUnavailable
from shared.values import Ticker
from shared.wire import dumps

NAME = "binance"
BASE_URL = "https://data-api.binance.vision"
PATH = "/api/v3/ticker/24hr"
DAY_MS = 86_400_000
INVALID_SYMBOL = -1121
LIST_EVERY = 720  # requests, an hour at a tick of 5 s: a market that was halted or is new is found again
CLOCK_SKEW_MS = 300_000
FROZEN_AFTER_MS = 60_000  # something trades every second: an answer with no newer time is an old one


def source() -> Source:
    """Binance, asked every tick. The first request is for all markets (weight 80) and tells which of the catalogue's
    exist there: one unknown name in `symbols` fails a whole request. The following ones name just those (weight 40)."""
    listed: set[str] = set()
    requests = count(1)

    def params() -> Mapping[str, str]:
        query = {"type": "FULL", "symbolStatus": "TRADING"}
        if next(requests) % LIST_EVERY == 0:
            listed.clear()
        return query | {"symbols": dumps(sorted(listed))} if listed else query

    def parse_and_learn(answer: Answer) -> list[Ticker]:
        tickers = parse(answer)
        listed.update(ticker.market for ticker in tickers)
        return tickers

    def forget(status: int, payload: object) -> None:
        if status == 400 and isinstance(payload, dict) and payload.get("code") == INVALID_SYMBOL:
            listed.clear()

    return Source(NAME, BASE_URL, PATH, params, parse_and_learn, on_error=forget)


def parse(answer: Answer) -> list[Ticker]:
    """The live markets of the catalogue among the rows. Dead pairs are left out: a zero price, no trade in 24 h.

    Raises:
        SourceUnavailable: not a list of rows, or none of them usable.
    """
    if not isinstance(answer.payload, list):
        raise SourceUnavailable("not a list of tickers")
    newest_ms = max((row["closeTime"] for row in answer.payload if _has_time(row)), default=0)
    if newest_ms < answer.received_ms - FROZEN_AFTER_MS:
        raise SourceUnavailable("its clock stands still")
    wanted = set(market_names(NAME))
    rows = (row for row in answer.payload if isinstance(row, dict) and isinstance(row.get("symbol"), str))
    tickers = [ticker for row in rows if row["symbol"] in wanted and (ticker := _ticker(row, answer))]
    if not tickers:
        raise SourceUnavailable("no live market among the tickers")
    return tickers


def _has_time(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("closeTime"), int)


def _ticker(row: Mapping[str, object], answer: Answer) -> Ticker | None:
    close_ms, trades = row.get("closeTime"), row.get("count")
    if not isinstance(close_ms, int) or not isinstance(trades, int):
        return None
    if trades <= 0 or not answer.received_ms - DAY_MS < close_ms < answer.received_ms + CLOCK_SKEW_MS:
        return None
    try:
        return uncrossed(
            Ticker(
                source=NAME,
                market=str(row["symbol"]),
                bid=positive(row, "bidPrice"),
                ask=positive(row, "askPrice"),
                last=positive(row, "lastPrice"),
                open_24h=positive(row, "openPrice"),
                ts_ms=close_ms,
                answered_ms=answer.received_ms,
                simulated=answer.simulated,
            )
        )
    except ValueError:
        return None
