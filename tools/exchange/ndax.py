"""NDAX's tickers as the exchange speaks them: its markets in CAD, one that is frozen and one with an empty book.

The fields are those of `GET https://core.ndax.io/v1/ticker`.
"""

import json

from tools.exchange.answer import Answer
from tools.exchange.faults import Fault, distorted
from tools.exchange.market import Market, Moment, PairTicker

TICKER_PATH = "/v1/ticker"
FROZEN, EMPTY = "TRUMP_CAD", "DGB_CAD"  # no asset of the feed's: a market that stands still and one without orders


def ticker_answer(market: Market, moment: Moment, fault: Fault) -> Answer:
    """Every market by its name, e.g. `BTC_CAD`."""
    markets = market.ndax_markets(moment)
    rows: dict[str, object] = {
        name: _row(number, ticker, fault.rule(name))
        for number, (name, ticker) in enumerate(markets.items(), 1)
        if not fault.leaves_out(name)
    }
    if markets:
        first = next(iter(markets.values()))
        rows[FROZEN] = _row(900, first, None) | {"isFrozen": 1}
        rows[EMPTY] = _row(901, first, None) | {"highestBid": 0, "lowestAsk": 0, "baseVolume": 0}
    return Answer(200, json.dumps(rows, separators=(",", ":")))


def error_of_status(status: int) -> str:
    """The body that comes with a status."""
    return json.dumps({"result": False, "errormsg": "Operation Failed", "errorcode": status, "detail": None})


def _row(number: int, ticker: PairTicker, rule: str | None) -> dict[str, object]:
    bid, ask, last = (f"{price:.{ticker.price_places}f}" for price in (ticker.bid, ticker.ask, ticker.last))
    if rule is not None:
        bid, ask, last = distorted(rule, bid, ask, last)
    change = (ticker.last / ticker.open_24h - 1) * 100
    return {
        "id": number,
        "last": _printed(last),
        "lowestAsk": _printed(ask),
        "highestBid": _printed(bid),
        "percentChange": float(round(change, 4)),
        "baseVolume": float(ticker.volume),
        "quoteVolume": float(round(ticker.volume * ticker.last, 2)),
        "isFrozen": 0,
        "high24hr": float(ticker.high),
        "low24hr": float(ticker.low),
    }


def _printed(text: str) -> object:
    """A JSON number as a server of doubles prints it; a text stays one."""
    try:
        return float(text)
    except ValueError:
        return text
