"""Kraken spot's `Ticker` and `AssetPairs`.

https://docs.kraken.com/api/docs/rest-api/get-ticker-information
https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
"""

import json
from collections.abc import Mapping
from decimal import Decimal

from multidict import MultiMapping

from tools.simulator.faults import Fault
from tools.simulator.kraken_pairs import Pair, asset_pair, pair
from tools.simulator.market import Market, Moment, PairTicker
from tools.simulator.response import Response

TICKER_PATH = "/0/public/Ticker"
PAIRS_PATH = "/0/public/AssetPairs"
LOT_PLACES = 8
# Prices have at least this many decimals, whatever the pair's own.
LEAST_PLACES = 5


class UnknownPair(Exception):
    """The request names an unknown pair, so it fails as a whole."""


def ticker_answer(query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Response:
    """Return the tickers of the pairs in `pair`, separated by commas, or of all. Errors come with status 200."""
    try:
        pairs = _asked(query, market.pairs("kraken", moment), fault)
    except UnknownPair:
        return Response(200, errors("EQuery:Unknown asset pair"))
    return result({of.key: _ticker(ticker, of, fault) for of, ticker in pairs.items()})


def pairs_answer(query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Response:
    """Return the descriptions of the pairs in `pair`, or of all."""
    try:
        pairs = _asked(query, market.pairs("kraken", moment), fault)
    except UnknownPair:
        return Response(200, errors("EQuery:Unknown asset pair"))
    return result({of.key: asset_pair(of, ticker) for of, ticker in pairs.items()})


def error_of_status(status: int) -> str:
    """Return the body for a status. https://docs.kraken.com/exchange/guides/general/errors"""
    known = {
        403: "EGeneral:Permission denied",
        418: "EGeneral:Temporary lockout",
        429: "EGeneral:Too many requests",
        451: "EService:Unavailable",
        500: "EGeneral:Internal error",
    }
    return errors(known.get(status, "EService:Unavailable"))


def _asked(query: MultiMapping[str], tickers: Mapping[str, PairTicker], fault: Fault) -> dict[Pair, PairTicker]:
    listed = {pair(altname): ticker for altname, ticker in tickers.items()}
    by_name = {name: of for of in listed for name in of.names}
    names = query.get("pair", "").split(",") if query.get("pair") else list(tickers)
    if not all(name in by_name for name in names):
        raise UnknownPair
    wanted = {by_name[name] for name in names}
    return {of: ticker for of, ticker in listed.items() if of in wanted and not fault.leaves_out(*of.names)}


def _ticker(ticker: PairTicker, of: Pair, fault: Fault) -> dict[str, object]:
    """Return a row: the price is first in `a`, `b` and `c`; the others have today's figure, then that of 24 h."""
    places = max(LEAST_PLACES, ticker.price_places)

    def price(value: Decimal) -> str:
        return f"{value:.{places}f}"

    said = fault.stated(*of.names, bid=price(ticker.bid), ask=price(ticker.ask), last=price(ticker.last))
    volume = f"{ticker.volume:.{LOT_PLACES}f}"
    lot = f"{1:.{LOT_PLACES}f}"
    average = price((ticker.low + ticker.high) / 2)
    return {
        "a": [said["ask"], "1", "1.000"],
        "b": [said["bid"], "1", "1.000"],
        "c": [said["last"], lot],
        "v": [volume, volume],
        "p": [average, average],
        "t": [ticker.trades, ticker.trades],
        "l": [price(ticker.low)] * 2,
        "h": [price(ticker.high)] * 2,
        # Not the price 24 h ago, but the one at 00:00 UTC.
        "o": price(ticker.open_today),
    }


def result(body: Mapping[str, object]) -> Response:
    """Return an answer without errors."""
    return Response(200, json.dumps({"error": [], "result": body}, separators=(",", ":")))


def errors(*messages: str) -> str:
    """Return the body of an answer with these errors."""
    return json.dumps({"error": messages}, separators=(",", ":"))
