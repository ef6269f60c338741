"""CoinGecko's chart of one coin: its past prices in CAD or USD.

https://docs.coingecko.com/reference/coins-id-market-chart
"""

import asyncio
import json
import re
from datetime import UTC, datetime
from decimal import Decimal

from multidict import MultiMapping

from tools.simulator.coingecko import CURRENCIES, PRECISION, printed, rounded
from tools.simulator.dead_markets import COINGECKO_UNPRICED
from tools.simulator.faults import Fault
from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS, CoinHistory, Market, Moment
from tools.simulator.past_candles import A_PART
from tools.simulator.random_walk import draw
from tools.simulator.response import Response

PATH = "/api/v3/coins/{coin}/market_chart"
# Without a paid key. https://github.com/SixPM-Software/waxtax/pull/8 quotes the answer beyond it.
MOST_DAYS = 365
TOO_FAR = (
    "Your request exceeds the allowed time range. Public API users are limited to querying historical data within the "
    "past 365 days. Upgrade to a paid plan to enjoy full historical data access: "
    "https://www.coingecko.com/en/api/pricing. "
)


async def answer(coin: str, query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Response:
    """Return points of time and price, oldest first: every 5 minutes for one day, hourly up to 90, else daily.

    The days are at 00:00 UTC; the others a little after the full minute or hour. The last point is the present price.
    A key in any header is accepted and changes nothing. The coins' market capitalisation is 0, as CoinGecko states it
    without a verified supply, and so is their volume.
    """
    for name in ("vs_currency", "days"):
        if not query.get(name):
            return Response(422, _json({"error": f"Missing parameter {name}"}))
    currency = query["vs_currency"].lower()
    if currency not in CURRENCIES:
        return Response(422, _json({"error": "invalid vs_currency"}))
    if not re.fullmatch(PRECISION, query.get("precision", "")):
        return Response(400, _json({"error": "invalid precision"}))
    if not re.fullmatch(r"max|[1-9]\d{0,4}", query["days"]):
        return Response(422, _json({"error": "invalid days"}))
    days = MOST_DAYS + 1 if query["days"] == "max" else int(query["days"])
    if days > MOST_DAYS:
        return Response(401, _too_far(moment.now_ms))
    history = None if fault.leaves_out(coin) else market.coin_history(coin)
    if history is None:
        if coin in COINGECKO_UNPRICED and market.coingecko_coins(moment):
            return Response(200, _json({"prices": [], "market_caps": [], "total_volumes": []}))
        return Response(404, _json({"error": "coin not found"}))
    daily = query.get("interval") == "daily" or days > 90
    times = _times(coin, days, DAY_MS if daily else HOUR_MS if days > 1 else 5 * MINUTE_MS, moment)
    prices = await _prices(history, currency, [of for of, _ in times], moment)
    points: list[list[object]] = []
    for (_, stated_ms), price in zip(times, prices, strict=True):
        text = fault.stated(coin, **{currency: rounded(price, query.get("precision", ""))})[currency]
        points.append([stated_ms, text if fault.rule(coin) == "text" else printed(text)])
    zeros = [[stated_ms, 0.0] for _, stated_ms in times]
    return Response(200, _json({"prices": points, "market_caps": zeros, "total_volumes": zeros}))


def _times(coin: str, days: int, every_ms: int, moment: Moment) -> list[tuple[int, int]]:
    """Return the times of the points: that of the price, and the one that is stated."""
    now_ms = moment.clock.now_ms
    first_ms = -(-(now_ms - days * DAY_MS) // every_ms) * every_ms
    grid = range(first_ms, now_ms, every_ms)
    late = [0 if every_ms == DAY_MS else draw("late", coin, at) % MINUTE_MS for at in grid]
    return [*((at, min(at + by, now_ms)) for at, by in zip(grid, late, strict=True)), (now_ms, now_ms)]


async def _prices(history: CoinHistory, currency: str, times: list[int], moment: Moment) -> list[Decimal]:
    found: list[Decimal] = []
    for at in range(0, len(times), A_PART):
        found += history.prices(currency, times[at : at + A_PART], moment)
        await asyncio.sleep(0)
    return found


def _too_far(now_ms: int) -> str:
    when = datetime.fromtimestamp(now_ms // 1_000, UTC)
    status = {"timestamp": f"{when:%Y-%m-%dT%H:%M:%S.000+00:00}", "error_code": 10_012, "error_message": TOO_FAR}
    return _json({"error": {"status": status}})


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"))
