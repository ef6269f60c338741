"""Kraken spot's `Ticker` as the exchange speaks it.

https://docs.kraken.com/api/docs/rest-api/get-ticker-information
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from multidict import MultiMapping

from tools.exchange.answer import Answer
from tools.exchange.faults import Fault, distorted
from tools.exchange.market import Market, Moment, PairTicker

PATH = "/0/public/Ticker"
LOT_PLACES = 8


@dataclass(frozen=True, slots=True)
class Pair:
    """How Kraken knows a pair: the key of its answers, its names in requests, the decimals of its prices."""

    key: str
    names: tuple[str, ...]
    price_places: int


# By the plain name that the market has for it. Another pair is another line here and in the market's `kraken_pairs`.
PAIRS: Mapping[str, Pair] = {"USDCAD": Pair("ZUSDZCAD", ("USDCAD", "USD/CAD", "ZUSDZCAD"), 5)}


def answer(query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Answer:
    """The tickers of the pairs in `pair`, separated by commas; all of them without it. Errors come with status 200."""
    tickers = market.kraken_pairs(moment)
    by_name = {name: plain for plain in tickers for name in PAIRS[plain].names}
    asked = query.get("pair", "").split(",") if query.get("pair") else list(tickers)
    if not all(name in by_name for name in asked):
        return Answer(200, _errors("EQuery:Unknown asset pair"))
    wanted = {by_name[name] for name in asked} - set(fault.missing)
    result = {
        PAIRS[plain].key: _ticker(ticker, PAIRS[plain], fault.absurd.get(plain))
        for plain, ticker in tickers.items()
        if plain in wanted
    }
    return Answer(200, json.dumps({"error": [], "result": result}, separators=(",", ":")))


def error_of_status(status: int) -> str:
    """The body that comes with a status. https://docs.kraken.com/exchange/guides/general/errors"""
    known = {
        403: "EGeneral:Permission denied",
        418: "EGeneral:Temporary lockout",
        429: "EGeneral:Too many requests",
        451: "EService:Unavailable",
        500: "EGeneral:Internal error",
    }
    return _errors(known.get(status, "EService:Unavailable"))


def _ticker(ticker: PairTicker, pair: Pair, absurd: str | None) -> dict[str, object]:
    """Price first in `a`, `b` and `c`; today's figure, then that of 24 h in the others."""

    def price(value: Decimal) -> str:
        return f"{value:.{pair.price_places}f}"

    bid, ask, last = price(ticker.bid), price(ticker.ask), price(ticker.last)
    if absurd is not None:
        bid, ask, last = distorted(absurd, bid, ask, last)
    volume = f"{ticker.volume:.{LOT_PLACES}f}"
    lot = f"{1:.{LOT_PLACES}f}"
    average = price((ticker.low + ticker.high) / 2)
    return {
        "a": [ask, "1", "1.000"],
        "b": [bid, "1", "1.000"],
        "c": [last, lot],
        "v": [volume, volume],
        "p": [average, average],
        "t": [ticker.trades, ticker.trades],
        "l": [price(ticker.low)] * 2,
        "h": [price(ticker.high)] * 2,
        # Not the price 24 h ago, but the one at 00:00 UTC.
        "o": price(ticker.open_today),
    }


def _errors(*errors: str) -> str:
    return json.dumps({"error": errors}, separators=(",", ":"))
