"""Kraken spot: all markets of the catalogue and what US dollar and Tether cost, with one request.

https://docs.kraken.com/api/docs/rest-api/get-ticker-information
`a`, `b` and `c` are ask, bid and last trade, price first; `t` is the number of trades, today's and that of 24 h.
No time is given: a ticker has the time of its reception.
"""

from collections.abc import Mapping
from decimal import localcontext
from itertools import count

from shared.assets import market_names
from shared.sources.market_row import positive, uncrossed
from shared.sources.upstream import Answer, Source, SourceUnavailable
from shared.values import Ticker
from shared.wire import EXACT

NAME = "kraken"
BASE_URL = "https://api.kraken.com"
PATH = "/0/public/Ticker"
LIST_EVERY = 720  # requests, an hour at a tick of 5 s: a market that is new is found
EXCHANGE_RATES = ("USDCAD", "USDTCAD", "USDTUSD")

# https://docs.kraken.com/exchange/guides/general/errors - they come with status 200; "E" is an error, "W" a warning.
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
RATE_LIMITED = {"EAPI:Rate limit exceeded", "EGeneral:Too many requests"}
RATE_LIMITED_MS = 10_000

# Kraken answers under its own key, whatever name was asked for. It is the altname but for the oldest pairs.
LEGACY_KEYS = {
    "XXBTZCAD": "XBTCAD",
    "XXBTZUSD": "XBTUSD",
    "XETHZCAD": "ETHCAD",
    "XETHZUSD": "ETHUSD",
    "XXRPZCAD": "XRPCAD",
    "XXRPZUSD": "XRPUSD",
    "XLTCZUSD": "LTCUSD",
    "XXMRZUSD": "XMRUSD",
    "XXLMZUSD": "XLMUSD",
    "XETCZUSD": "ETCUSD",
    "XZECZUSD": "ZECUSD",
    "USDTZUSD": "USDTUSD",
    "ZUSDZCAD": "USDCAD",
}


def source() -> Source:
    """Kraken, asked every tick. The first request names no pair and gets all (some 500 KB), which tells which of the
    feed's exist there: one unknown name in `pair` fails a whole request. The following ones name just those."""
    listed: set[str] = set()
    requests = count(1)

    def params() -> Mapping[str, str]:
        if next(requests) % LIST_EVERY == 0:
            listed.clear()
        return {"pair": ",".join(sorted(listed))} if listed else {}

    def parse_and_learn(answer: Answer) -> list[Ticker]:
        if UNKNOWN_PAIR in _errors(answer.payload):
            listed.clear()
        tickers = parse(answer)
        # Those that exist, not only those that are live just now: one may recover before all are listed again.
        listed.update(_rows(answer.payload))
        return tickers

    return Source(NAME, BASE_URL, PATH, params, parse_and_learn)


def parse(answer: Answer) -> list[Ticker]:
    """The live markets that the feed uses, by their altname (`XBTCAD`). Dead ones are left out: no trade in 24 h, a
    zero price, a crossed book, one so wide that it is no market.

    Raises:
        SourceUnavailable: an error in the answer, or no live market.
    """
    errors = [error for error in _errors(answer.payload) if not error.startswith("W")]
    if errors:
        wait_ms = RATE_LIMITED_MS if RATE_LIMITED & set(errors) else None
        raise SourceUnavailable(f"errors in the answer: {', '.join(errors):.80}", retry_after_ms=wait_ms)
    tickers = [ticker for name, row in _rows(answer.payload).items() if (ticker := _ticker(name, row, answer))]
    if not tickers:
        raise SourceUnavailable("no live market in the answer")
    return tickers


def _errors(payload: object) -> list[str]:
    errors = payload.get("error") if isinstance(payload, dict) else None
    return [str(error) for error in errors] if isinstance(errors, list) else []


def _rows(payload: object) -> dict[str, object]:
    """The rows of the markets that the feed uses, by altname."""
    result = payload.get("result") if isinstance(payload, dict) else None
    wanted = {*market_names(NAME), *EXCHANGE_RATES}
    named = {LEGACY_KEYS.get(key, key): row for key, row in result.items()} if isinstance(result, dict) else {}
    return {name: row for name, row in named.items() if name in wanted}


def _ticker(market: str, row: object, answer: Answer) -> Ticker | None:
    if not isinstance(row, dict):
        return None
    first = {key: value[0] for key, value in row.items() if isinstance(value, list) and value}
    try:
        ticker = uncrossed(
            Ticker(
                source=NAME,
                market=market,
                bid=positive(first, "b"),
                ask=positive(first, "a"),
                last=positive(first, "c"),
                open_24h=None,  # `o` is today's open at 00:00 UTC, not the price 24 h ago
                ts_ms=answer.received_ms,
                answered_ms=answer.received_ms,
                simulated=answer.simulated,
            )
        )
    except ValueError:
        return None
    return ticker if _traded(row) and _is_tight(ticker) else None


def _traded(row: Mapping[str, object]) -> bool:
    trades = row.get("t")
    return isinstance(trades, list) and len(trades) == 2 and isinstance(trades[1], int) and trades[1] > 0


def _is_tight(ticker: Ticker) -> bool:
    """Whether the spread is within 20 % of the mid."""
    with localcontext(EXACT):
        return (ticker.ask - ticker.bid) * 10 <= ticker.ask + ticker.bid
