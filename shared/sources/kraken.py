"""Kraken spot: all markets of the catalogue and what US dollar and Tether cost, with one request.

https://docs.kraken.com/api/docs/rest-api/get-ticker-information
`a`, `b` and `c` are ask, bid and last trade, price first; `t` is the number of trades, today's and that of 24 h.
No time is given: a ticker has the time of its reception.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.sources.clock import SteadyClock
from shared.sources.listing import Listing
from shared.sources.market_row import number, whole
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "kraken"
BASE_URL = "https://api.kraken.com"
PATH = "/0/public/Ticker"
EXCHANGE_RATES = ("USDCAD", "USDTCAD", "USDTUSD")

# https://docs.kraken.com/exchange/guides/general/errors - they come with status 200; "E" is an error, "W" a warning.
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
RATE_LIMITED = {"EAPI:Rate limit exceeded", "EGeneral:Too many requests"}
RATE_LIMITED_MS = 60_000
LOCKED_OUT = "EGeneral:Temporary lockout"
LOCKED_OUT_MS = 900_000  # it ends only for who leaves it alone

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


def source(clock_ms: Callable[[], int] | None = None) -> Source:
    """Kraken, asked every tick. The first request names no pair and gets all (some 500 KB), which tells which of the
    feed's exist there: one unknown name in `pair` fails a whole request. The following ones name just those."""
    listing = Listing(wanted, clock_ms or SteadyClock())

    def params() -> Mapping[str, str]:
        names = listing.names_to_ask()
        return {"pair": ",".join(names)} if names else {}

    def parse_and_learn(answer: Answer) -> list[Ticker]:
        try:
            tickers = parse(answer)
        except SourceUnavailable:
            if UNKNOWN_PAIR in _errors(answer.payload):
                listing.is_wrong()
            raise
        listing.learn(_rows(answer.payload))
        return tickers

    return Source(NAME, BASE_URL, PATH, params, parse_and_learn, on_failure=lambda _status, _payload: listing.refused())


def wanted() -> set[str]:
    """The feed's markets there, currencies included, by altname."""
    return {*market_names(NAME), *EXCHANGE_RATES}


def parse(answer: Answer) -> list[Ticker]:
    """The markets that the feed uses, by their altname (`XBTCAD`).

    Raises:
        SourceUnavailable: an error in the answer, or no markets.
    """
    errors = {error for error in _errors(answer.payload) if not error.startswith("W")}
    if errors:
        rest_ms = LOCKED_OUT_MS if LOCKED_OUT in errors else RATE_LIMITED_MS if RATE_LIMITED & errors else None
        said = ", ".join(sorted(errors))
        raise SourceUnavailable(f"errors in the answer: {said:.80}", retry_after_ms=rest_ms)
    return [ticker for name, row in _rows(answer.payload).items() if (ticker := _ticker(name, row, answer))]


def _errors(payload: object) -> list[str]:
    errors = payload.get("error") if isinstance(payload, dict) else None
    return [str(error) for error in errors] if isinstance(errors, list) else []


def _rows(payload: object) -> dict[str, object]:
    """The rows of the markets that the feed uses, by altname."""
    result = payload.get("result") if isinstance(payload, dict) else None
    named = {LEGACY_KEYS.get(key, key): row for key, row in result.items()} if isinstance(result, dict) else {}
    ours = wanted()
    return {name: row for name, row in named.items() if name in ours}


def _ticker(market: str, row: object, answer: Answer) -> Ticker | None:
    if not isinstance(row, dict):
        return None
    first = {key: value[0] for key, value in row.items() if isinstance(value, list) and value}
    try:
        return Ticker(
            source=NAME,
            market=market,
            bid=number(first, "b"),
            ask=number(first, "a"),
            last=number(first, "c"),
            open_24h=None,  # `o` is today's open at 00:00 UTC, not the price 24 h ago
            ts_ms=answer.received_ms,
            answered_ms=answer.received_ms,
            simulated=answer.simulated,
            activity_24h=_trades_24h(row),
        )
    except ValueError:
        return None


def _trades_24h(row: Mapping[str, object]) -> Decimal:
    """Raises: ValueError, where the row does not say."""
    trades = row.get("t")
    if not isinstance(trades, list) or len(trades) != 2:
        raise ValueError(f"t is {trades!r:.40}")
    return Decimal(whole({"24h": trades[1]}, "24h"))
