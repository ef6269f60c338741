"""Coinbase Exchange's candles of one minute, one hour and one day.

https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles
"""

import json
from datetime import UTC, datetime

from multidict import MultiMapping

from tools.simulator.coinbase import error_of_status, message
from tools.simulator.faults import Fault
from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS, Market, Moment, PastCandle
from tools.simulator.past_candles import read, since, stated, until
from tools.simulator.response import Response

PATH = "/products/{product}/candles"
# In seconds. The real one has three more.
GRANULARITIES = {"60": MINUTE_MS, "3600": HOUR_MS, "86400": DAY_MS}
MOST = 300
# As quoted in https://github.com/ccxt/ccxt/issues/9268 and https://github.com/danpaquin/coinbasepro-python/issues/210.
TOO_MANY = f"granularity too small for the requested time range. Count of aggregations requested exceeds {MOST}"
UNSUPPORTED = "Unsupported granularity"


async def answer(name: str, query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Response:
    """Return the candles that opened from `start` to `end`, newest first; without both the newest 300."""
    history = None if fault.leaves_out(name) else market.candle_history("coinbase", name)
    if history is None:
        return Response(404, error_of_status(404))
    granularity = query.get("granularity", "60")
    if granularity not in GRANULARITIES:
        return Response(400, message(UNSUPPORTED))
    interval_ms = GRANULARITIES[granularity]
    opens = history.opens(interval_ms, moment)
    if "start" in query and "end" in query:
        times = [_time_ms(query[name]) for name in ("start", "end")]
        if None in times:
            return Response(400, message("Invalid start or end: ISO 8601 or Unix seconds"))
        start_ms, end_ms = (time_ms or 0 for time_ms in times)
        if (end_ms - start_ms) // interval_ms > MOST:
            return Response(400, message(TOO_MANY))
        opens = until(since(opens, start_ms), end_ms)
    candles = await read(history, interval_ms, opens[-MOST:], moment)
    return Response(200, f"[{','.join(_row(candle, name, fault) for candle in reversed(candles))}]")


def _time_ms(text: str) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text) * 1_000
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()) * 1_000


def _row(candle: PastCandle, name: str, fault: Fault) -> str:
    """Return a row as JSON: its prices are numbers, unless a fault makes them text."""
    opened, high, low, close = stated(candle, fault, name)
    if fault.rule(name) == "text":
        opened, high, low, close = map(json.dumps, (opened, high, low, close))
    return f"[{candle.open_ms // 1_000},{low},{high},{opened},{close},{candle.volume:.8f}]"
