"""CoinGecko's simple prices in CAD and USD and its list of coins.

https://docs.coingecko.com/reference/simple-price
https://docs.coingecko.com/reference/coins-list
"""

import json
import re
from decimal import Decimal

from multidict import MultiMapping

from shared.model.assets import catalogue
from tools.simulator.dead_markets import COINGECKO_UNPRICED
from tools.simulator.faults import Fault
from tools.simulator.market import CoinPrice, Market, Moment
from tools.simulator.request_limit import RequestLimit
from tools.simulator.response import Response

PRICE_PATH = "/api/v3/simple/price"
LIST_PATH = "/api/v3/coins/list"

LIMIT_PER_MINUTE = 30
CURRENCIES = ("cad", "usd")
FULL_DIGITS = 15
PRECISION = r"(full|\d|1[0-8])?"


def refusal(limit: RequestLimit, now_ms: int) -> Response | None:
    """Return the refusal of a request above the limit. https://docs.coingecko.com/docs/common-errors-rate-limit"""
    wait_ms = limit.wait_ms(now_ms)
    headers = {"Retry-After": str(-(-wait_ms // 1000))}
    return Response(429, error_of_status(429), headers, over_limit=True) if wait_ms else None


def price_answer(query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Response:
    """Return the known coins of `ids` in the known currencies of `vs_currencies`, which are CAD and USD.

    A coin without a price is an empty object. A key in any header is accepted and changes nothing.

    Without `precision` prices have two decimals from 1 on and six significant digits below; `full` gives 15 digits.
    """
    for name in ("ids", "vs_currencies"):
        if not query.get(name):
            return Response(422, _json({"error": f"Missing parameter {name}"}))
    if not re.fullmatch(PRECISION, query.get("precision", "")):
        return Response(400, _json({"error": "invalid precision"}))
    coins, times = market.coingecko_coins(moment), market.coingecko_coins(moment.clock)
    asked = query["vs_currencies"].lower().split(",")
    currencies = [currency for currency in dict.fromkeys(asked) if currency in CURRENCIES]
    return Response(
        200,
        _json(
            {
                coin: _row(query, currencies, coin, coins[coin], times[coin], fault) if coin in coins else {}
                for coin in dict.fromkeys(query["ids"].lower().split(","))
                if (coin in coins or (coins and coin in COINGECKO_UNPRICED)) and not fault.leaves_out(coin)
            }
        ),
    )


def list_answer(market: Market, moment: Moment, fault: Fault) -> Response:
    """Return every coin's ID, symbol and name."""
    coins = market.coingecko_coins(moment)
    return Response(
        200,
        _json(
            [
                {"id": market.name, "symbol": (asset.renamed_to or asset.code).lower(), "name": asset.name}
                for asset in catalogue().values()
                for market in asset.markets
                if market.source == "coingecko" and market.name in coins and not fault.leaves_out(market.name)
            ]
        ),
    )


def error_of_status(status: int) -> str:
    """Return the body for a status."""
    known = {
        403: "This request is not allowed.",
        429: "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing to subscribe to "
        "our API plans for higher rate limits.",
        451: "Unavailable for legal reasons.",
        503: "Service unavailable.",
    }
    message = known.get(status, "Internal server error.")
    return _json({"status": {"error_code": status, "error_message": message}})


def _row(
    query: MultiMapping[str], currencies: list[str], coin: str, price: CoinPrice, times: CoinPrice, fault: Fault
) -> dict[str, object]:
    if not currencies:
        return {}
    now_and_before = {"cad": (price.cad, price.cad_24h_ago), "usd": (price.usd, price.usd_24h_ago)}
    true = {of: rounded(now_and_before[of][0], query.get("precision", "")) for of in currencies}
    said = fault.stated(coin, **true)
    row: dict[str, object] = {}
    for currency, text in said.items():
        now, before = now_and_before[currency]
        row[currency] = text if fault.rule(coin) == "text" else printed(text)
        if text != true[currency] and fault.rule(coin) is None:
            # A different price comes with the change that belongs to it.
            now = Decimal(text)
        if query.get("include_24hr_change") == "true":
            row[f"{currency}_24h_change"] = printed(f"{(now / before - 1) * 100:.15f}")
    if query.get("include_last_updated_at") == "true":
        row["last_updated_at"] = times.updated_ms // 1000
    return row


def rounded(price: Decimal, precision: str) -> str:
    """Return a price with the decimals that a `precision` asks for: a number, `full`, or none."""
    if precision == "full":
        places = FULL_DIGITS - 1 - price.adjusted()
    elif precision:
        places = int(precision)
    else:
        places = 2 if price >= 1 else 5 - price.adjusted()
    return f"{price:.{places}f}"


def printed(text: str) -> float:
    """Return a number as a server of doubles prints it: 1.23e-05 if small. Nothing is computed with it."""
    return float(text)


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"))
