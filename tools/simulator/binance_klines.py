"""Binance spot's `klines`: candles of one minute, one hour and one day.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data
"""

import json
from decimal import Decimal

from multidict import MultiMapping

from tools.simulator.binance import SYMBOL, BadRequest, WeightMeter, check_characters, check_names, refused
from tools.simulator.faults import Fault
from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS, Market, Moment, PastCandle
from tools.simulator.past_candles import read, since, stated, until
from tools.simulator.response import Response

PATH = "/api/v3/klines"
# The real one also has the parameter `timeZone` and more intervals.
PARAMETERS = ("symbol", "interval", "startTime", "endTime", "limit")
INTERVALS = {"1m": MINUTE_MS, "1h": HOUR_MS, "1d": DAY_MS}
NUMBER = "[0-9]{1,20}"
WEIGHT = 2
USUAL, MOST = 500, 1_000


async def answer(
    query: MultiMapping[str], market: Market, moment: Moment, fault: Fault, meter: WeightMeter, now_ms: int
) -> Response:
    """Return the klines from `startTime` on, or without it the newest ones up to `endTime`, oldest first.

    A delisted symbol keeps its klines; a symbol that the fault leaves out has none.
    """
    refusal = meter.refusal(WEIGHT, now_ms)
    used = meter.headers()
    if refusal:
        return refusal.with_headers(used)
    try:
        rows = await _klines(query, market, moment, fault)
    except BadRequest as error:
        return refused(error).with_headers(used)
    return Response(200, json.dumps(rows, separators=(",", ":")), used)


async def _klines(query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> list[list[object]]:
    check_names(query, PARAMETERS)
    for name in ("symbol", "interval"):
        if name not in query:
            message = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
            raise BadRequest(-1102, message)
    check_characters(query, "symbol", SYMBOL)
    for name in ("startTime", "endTime", "limit"):
        check_characters(query, name, NUMBER)
    if query["interval"] not in INTERVALS:
        raise BadRequest(-1120, "Invalid interval.")
    # The real one takes a higher limit for its maximum.
    limit = min(int(query.get("limit", USUAL)), MOST)
    if not limit:
        raise BadRequest(-1130, "Data sent for parameter 'limit' is not valid.")
    symbol = query["symbol"]
    history = market.candle_history("binance", symbol)
    if history is None:
        raise BadRequest(-1121, "Invalid symbol.")
    if fault.leaves_out(symbol):
        return []
    interval_ms = INTERVALS[query["interval"]]
    opens = history.opens(interval_ms, moment)
    if "endTime" in query:
        opens = until(opens, int(query["endTime"]))
    opens = since(opens, int(query["startTime"]))[:limit] if "startTime" in query else opens[-limit:]
    return [_row(candle, interval_ms, fault, symbol) for candle in await read(history, interval_ms, opens, moment)]


def _row(candle: PastCandle, interval_ms: int, fault: Fault, symbol: str) -> list[object]:
    """Return a row; its volume counts at the close, and all of it as bought at the ask."""
    volume, turnover = f"{candle.volume:.8f}", f"{candle.volume * Decimal(candle.close):.8f}"
    close_ms = candle.open_ms + interval_ms - 1
    prices = stated(candle, fault, symbol)
    return [candle.open_ms, *prices, volume, close_ms, turnover, candle.trades, volume, turnover, "0"]
