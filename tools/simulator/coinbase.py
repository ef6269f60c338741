"""Coinbase Exchange's products, their tickers and statistics.

https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-all-known-trading-pairs
https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-stats
https://docs.cdp.coinbase.com/exchange/rest-api/rate-limits
"""

import json
from datetime import UTC, datetime
from decimal import Decimal

from tools.simulator.faults import Fault
from tools.simulator.market import Market, Moment, PairTicker
from tools.simulator.request_limit import RequestLimit
from tools.simulator.response import Response

PRODUCTS_PATH = "/products"
ALL_STATS_PATH = "/products/stats"
TICKER_PATH = "/products/{product}/ticker"
STATS_PATH = "/products/{product}/stats"

LIMIT_PER_S = 10
DAYS_OF_VOLUME = 30


def refusal(user_agent: str | None, limit: RequestLimit, now_ms: int) -> Response | None:
    """Return the refusal of a request without a user agent or above the limit. It does not say how long to wait."""
    if not user_agent:
        return Response(400, message("User-Agent header is required."))
    return Response(429, error_of_status(429), over_limit=True) if limit.wait_ms(now_ms) else None


def products_answer(market: Market, moment: Moment, fault: Fault) -> Response:
    """Return every product."""
    products = market.pairs("coinbase", moment).items()
    return _json([_product(name, ticker) for name, ticker in products if not fault.leaves_out(name)])


def all_stats_answer(market: Market, moment: Moment, fault: Fault) -> Response:
    """Return every product's statistics of 24 hours and its volume of 30 days."""
    return _json(
        {
            name: {
                "stats_30day": {"volume": _size(ticker.volume * DAYS_OF_VOLUME)},
                "stats_24hour": _stats(ticker, name, fault),
            }
            for name, ticker in market.pairs("coinbase", moment).items()
            if not fault.leaves_out(name)
        }
    )


def stats_answer(name: str, market: Market, moment: Moment, fault: Fault) -> Response:
    """Return the statistics of one product."""
    ticker = _known(name, market, moment, fault)
    if ticker is None:
        return Response(404, error_of_status(404))
    return _json({**_stats(ticker, name, fault), "volume_30day": _size(ticker.volume * DAYS_OF_VOLUME)})


def ticker_answer(name: str, market: Market, moment: Moment, fault: Fault) -> Response:
    """Return one product's last trade, best bid and ask, and volume of 24 hours."""
    ticker, clock = _known(name, market, moment, fault), _known(name, market, moment.clock, fault)
    if ticker is None or clock is None:
        return Response(404, error_of_status(404))
    bid, ask, last = (_price(value, ticker) for value in (ticker.bid, ticker.ask, ticker.last))
    said = fault.stated(name, bid=bid, ask=ask, last=last)
    traded = datetime.fromtimestamp(clock.traded_ms // 1000, UTC).replace(microsecond=clock.traded_ms % 1000 * 1000)
    return _json(
        {
            "trade_id": ticker.trade_id,
            "price": said["last"],
            "size": "0.01000000",
            "bid": said["bid"],
            "ask": said["ask"],
            "volume": _size(ticker.volume),
            "time": f"{traded:%Y-%m-%dT%H:%M:%S.%f}Z",
        }
    )


def error_of_status(status: int) -> str:
    """Return the body for a status."""
    known = {
        403: "Forbidden",
        404: "NotFound",
        429: "Public rate limit exceeded",
        451: "Unavailable For Legal Reasons",
        500: "Internal server error",
        503: "Service unavailable",
    }
    return message(known.get(status, "Internal server error"))


def _known(name: str, market: Market, moment: Moment, fault: Fault) -> PairTicker | None:
    return None if fault.leaves_out(name) else market.pairs("coinbase", moment).get(name)


def _product(name: str, ticker: PairTicker) -> dict[str, object]:
    base, _, quote = name.partition("-")
    tick = f"{Decimal(1).scaleb(-ticker.price_places):f}"
    return {
        "id": name,
        "base_currency": base,
        "quote_currency": quote,
        "base_min_size": "0.00000001",
        "base_max_size": "1000000",
        "quote_increment": tick,
        "base_increment": "0.00000001",
        "display_name": f"{base}/{quote}",
        "min_market_funds": "1",
        "max_market_funds": "100000",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "trading_disabled": False,
        "status": "online",
        "status_message": "",
    }


def _stats(ticker: PairTicker, name: str, fault: Fault) -> dict[str, object]:
    return {
        "open": _price(ticker.open_24h, ticker),
        "high": _price(ticker.high, ticker),
        "low": _price(ticker.low, ticker),
        "last": fault.stated(name, last=_price(ticker.last, ticker))["last"],
        "volume": _size(ticker.volume),
    }


def _price(value: Decimal, ticker: PairTicker) -> str:
    return f"{value:.{ticker.price_places}f}"


def _size(value: Decimal) -> str:
    return f"{value:.8f}"


def message(text: str) -> str:
    """Return the body of an error."""
    return json.dumps({"message": text}, separators=(",", ":"))


def _json(body: object) -> Response:
    return Response(200, json.dumps(body, separators=(",", ":")))
