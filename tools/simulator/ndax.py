"""NDAX's `ticker`: every market, numbers as JSON numbers, no time.

https://ndax.io/api
"""

from decimal import Decimal

from shared.model.wire import dumps
from tools.simulator.faults import Fault
from tools.simulator.market import Market, Moment, PairTicker
from tools.simulator.response import Response

PATH = "/v1/ticker"


def ticker_answer(market: Market, moment: Moment, fault: Fault) -> Response:
    """Return every market by its name, frozen ones included. A side of a book without an order is 0."""
    rows = market.pairs("ndax", moment).items()
    return Response(
        200,
        dumps(
            {
                name: _row(number, name, ticker, fault)
                for number, (name, ticker) in enumerate(rows, 1)
                if not fault.leaves_out(name)
            }
        ),
    )


def error_of_status(status: int) -> str:
    """Return the body for a status."""
    known = {401: "Not Authorized", 404: "Resource Not Found", 429: "Too many requests"}
    message = known.get(status, "Server Error")
    return dumps({"result": False, "errormsg": message, "errorcode": status, "detail": None})


def _row(number: int, name: str, ticker: PairTicker, fault: Fault) -> dict[str, object]:
    places = ticker.price_places
    bid, ask, last = (f"{price:.{places}f}" for price in (ticker.bid, ticker.ask, ticker.last))
    said = fault.stated(name, bid=bid, ask=ask, last=last)
    numbers = said if fault.rule(name) == "text" else {side: Decimal(text) for side, text in said.items()}
    # A different price comes with the change that belongs to it.
    now = ticker.last if fault.rule(name) else Decimal(said["last"])
    return {
        "id": number,
        "last": numbers["last"],
        "lowestAsk": numbers["ask"],
        "highestBid": numbers["bid"],
        "percentChange": ((now / ticker.open_24h - 1) * 100).quantize(Decimal("0.01")),
        "baseVolume": ticker.volume,
        "quoteVolume": (ticker.volume * ticker.last).quantize(Decimal("0.01")),
        "isFrozen": 0 if ticker.online else 1,
        "high24hr": ticker.high,
        "low24hr": ticker.low,
    }
