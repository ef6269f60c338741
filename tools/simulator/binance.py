"""Binance spot's `ticker/24hr`, and what its endpoints share: parameters, errors, request weights and bans.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#24hr-ticker-price-change-statistics
https://developers.binance.com/docs/binance-spot-api-docs/errors
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence

from multidict import MultiMapping

from tools.simulator.faults import Fault
from tools.simulator.market import MINUTE_MS, BinanceRow, Market, Moment
from tools.simulator.response import Response

PATH = "/api/v3/ticker/24hr"
PARAMETERS = ("symbol", "symbols", "type", "symbolStatus")
SYMBOL = r"[A-Z0-9-_.]{1,20}"
SYMBOLS = rf'\["{SYMBOL}"(,"{SYMBOL}"){{0,}}\]'
MINI_FIELDS = (
    "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
    "firstId", "lastId", "count",
)  # fmt: skip

WEIGHT_LIMIT = 6_000
# The real one bans a client that keeps asking for 2 minutes to 3 days, and does not say after how many requests.
REFUSALS_BEFORE_BAN = 5
BAN_S = 120


class BadRequest(Exception):
    """A request that Binance refuses, with its code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class WeightMeter:
    """The request weight of the running minute. Above the limit it refuses requests, then it bans the client."""

    def __init__(self, limit: int = WEIGHT_LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self._minute = -1
        self._refusals = 0
        self._banned_until_ms = 0

    def refusal(self, weight: int, now_ms: int) -> Response | None:
        """Count a request; return the refusal if it may not pass.

        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
        """
        if now_ms // MINUTE_MS != self._minute:
            self._minute = now_ms // MINUTE_MS
            self.used = 0
            self._refusals = 0
        if now_ms < self._banned_until_ms:
            return _limited(418, self._ban_message(), _seconds(self._banned_until_ms - now_ms))
        self.used += weight
        if self.used <= self.limit:
            return None
        self._refusals += 1
        if self._refusals > REFUSALS_BEFORE_BAN:
            self._banned_until_ms = now_ms + BAN_S * 1000
            return _limited(418, self._ban_message(), BAN_S)
        message = (
            f"Too much request weight used; current limit is {self.limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return _limited(429, message, _seconds(MINUTE_MS - now_ms % MINUTE_MS))

    def headers(self) -> dict[str, str]:
        """Return the headers that tell the weight used so far."""
        return {"X-MBX-USED-WEIGHT": str(self.used), "X-MBX-USED-WEIGHT-1M": str(self.used)}

    def _ban_message(self) -> str:
        return (
            f"Way too much request weight used; IP banned until {self._banned_until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )


def answer(
    query: MultiMapping[str], market: Market, moment: Moment, fault: Fault, meter: WeightMeter, now_ms: int
) -> Response:
    """Return Binance's answer to that query: one ticker for `symbol`, otherwise a list in the exchange's own order."""
    refusal = meter.refusal(weight(query), now_ms)
    used = meter.headers()
    if refusal:
        return refusal.with_headers(used)
    try:
        rows = _tickers(query, market, moment, fault)
    except BadRequest as error:
        return refused(error).with_headers(used)
    body = rows[0] if "symbol" in query and rows else rows
    return Response(200, json.dumps(body, separators=(",", ":"), ensure_ascii=False), used)


def weight(query: MultiMapping[str]) -> int:
    """Return the request's weight: 2 up to 20 symbols, 40 up to 100, 80 above and for all of them."""
    if "symbol" in query:
        return 2
    asked = query.get("symbols", "").count(",") + 1 if "symbols" in query else 101
    return 2 if asked <= 20 else 40 if asked <= 100 else 80


def error_of_status(status: int) -> str:
    """Return the body for a status that the request did not cause."""
    known = {
        418: (-1003, "Way too much request weight used; IP banned. Please use WebSocket Streams to avoid bans."),
        429: (-1003, "Too much request weight used. Please use WebSocket Streams to avoid polling the API."),
        451: (0, "Service unavailable from a restricted location according to 'b. Eligibility' in its terms."),
        503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    }
    code, message = known.get(status, (-1000, "An unknown error occurred while processing the request."))
    return _body(code, message)


def _tickers(query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Sequence[Mapping[str, object]]:
    check_names(query, PARAMETERS)
    _check(query)
    rows = market.binance_rows(moment)
    if moment.stopped:
        times = {row["symbol"]: row for row in market.binance_rows(moment.clock)}
        rows = [row | {name: times[row["symbol"]][name] for name in ("openTime", "closeTime")} for row in rows]
    asked = _asked(query)
    if asked is not None:
        listed = {str(row["symbol"]) for row in rows}
        if not asked <= listed:
            raise BadRequest(-1121, "Invalid symbol.")
        rows = [row for row in rows if row["symbol"] in asked]
    status = query.get("symbolStatus")
    if status is not None:
        # Without known statuses, as in a recording, nothing can be filtered.
        rows = [row for row in rows if market.trading_status(str(row["symbol"])) in (None, status)]
        if "symbol" in query and not rows:
            raise BadRequest(-1220, "The symbol's status does not match the requested symbolStatus.")
    rows = [_as_stated(row, fault) for row in rows if not fault.leaves_out(str(row["symbol"]))]
    if query.get("type") == "MINI":
        return [{name: row[name] for name in MINI_FIELDS} for row in rows]
    return rows


def check_names(query: MultiMapping[str], parameters: Collection[str]) -> None:
    """Check that a request sends only parameters of its endpoint, each once and with a value.

    Raises:
        BadRequest: it does not.
    """
    # Not keys(): it would hide a parameter sent twice.
    names = [name for name, _ in query.items()]
    if len(names) != len(set(names)):
        raise BadRequest(-1101, "Duplicate values for a parameter detected.")
    known = [name for name in names if name in parameters]
    if len(known) < len(names):
        message = f"Not all sent parameters were read; read '{len(known)}' parameter(s) but was sent '{len(names)}'."
        raise BadRequest(-1104, message)
    for name in names:
        if not query[name]:
            raise BadRequest(-1105, f"Parameter '{name}' was empty.")


def check_characters(query: MultiMapping[str], name: str, legal: str) -> None:
    """Check a parameter, if it was sent, by the regular expression of its legal values.

    Raises:
        BadRequest: it is not legal.
    """
    if name in query and not re.fullmatch(legal, query[name]):
        raise BadRequest(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^{legal}$'.")


def _check(query: MultiMapping[str]) -> None:
    if "symbol" in query and "symbols" in query:
        raise BadRequest(-1128, "Combination of optional parameters invalid.")
    if query.get("type", "FULL") not in ("FULL", "MINI"):
        raise BadRequest(-1139, "Invalid ticker type.")
    if query.get("symbolStatus", "TRADING") not in ("TRADING", "HALT", "BREAK"):
        raise BadRequest(-1122, "Invalid symbolStatus.")


def _asked(query: MultiMapping[str]) -> set[str] | None:
    """Return the requested symbols; `None` for all of them."""
    check_characters(query, "symbol", SYMBOL)
    check_characters(query, "symbols", SYMBOLS)
    if "symbol" in query:
        return {query["symbol"]}
    if "symbols" not in query:
        return None
    symbols = json.loads(query["symbols"])
    if len(symbols) != len(set(symbols)):
        raise BadRequest(-1151, "Symbol is present multiple times in the list.")
    return set(symbols)


def _as_stated(row: BinanceRow, fault: Fault) -> BinanceRow:
    bid, ask, last = (str(row[name]) for name in ("bidPrice", "askPrice", "lastPrice"))
    said = fault.stated(str(row["symbol"]), bid=bid, ask=ask, last=last)
    return row | {"bidPrice": said["bid"], "askPrice": said["ask"], "lastPrice": said["last"]}


def refused(error: BadRequest) -> Response:
    """Return the answer to a request that Binance refuses."""
    return Response(400, _body(error.code, str(error)))


def _limited(status: int, message: str, retry_after_s: int) -> Response:
    return Response(status, _body(-1003, message), {"Retry-After": str(retry_after_s)}, over_limit=True)


def _body(code: int, message: str) -> str:
    return json.dumps({"code": code, "msg": message}, separators=(",", ":"))


def _seconds(ms: int) -> int:
    return max(1, -(-ms // 1000))
