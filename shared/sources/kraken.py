"""Kraken spot: all markets of the catalogue and the rates of US dollar and Tether, with one request.

https://docs.kraken.com/api/docs/rest-api/get-ticker-information
`a`, `b` and `c` are ask, bid and last trade, price first; `t` is the number of trades today and in 24 h.
The answer has no time, so a ticker has the time of reception.
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
MAX_BODY_BYTES = 750_000  # all pairs take 0.5 MB
EXCHANGE_RATES = ("USDCAD", "USDTCAD", "USDTUSD")

# https://docs.kraken.com/exchange/guides/general/errors - they come with status 200; "E" is an error, "W" a warning.
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
RATE_LIMITED = {"EAPI:Rate limit exceeded", "EGeneral:Too many requests"}
RATE_LIMITED_MS = 60_000
LOCKED_OUT = "EGeneral:Temporary lockout"
LOCKED_OUT_MS = 900_000  # the lockout ends only if no request comes

# Kraken answers under its own key, whatever name the request used. The key is the altname, except for the oldest pairs.
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
    """Kraken, asked every tick. The first request names no pair and gets all (about 500 KB), from which the feed learns
    which of its markets exist: one unknown name in `pair` fails a whole request. Later requests name only those."""
    listing = Listing(wanted, clock_ms or SteadyClock())

    def params() -> Mapping[str, str]:
        names = listing.names_to_ask()
        return {"pair": ",".join(names)} if names else {}

    def parse_and_learn(answer: Answer) -> list[Ticker]:
        try:
            tickers = parse(answer)
        except SourceUnavailable:
            if UNKNOWN_PAIR in errors_in(answer.payload):
                listing.is_wrong()
            raise
        listing.learn(_rows(answer.payload))
        return tickers

    return Source(
        NAME,
        BASE_URL,
        PATH,
        params,
        parse_and_learn,
        on_failure=lambda _status, _payload: listing.refused(),
        max_body_bytes=MAX_BODY_BYTES,
    )


def wanted() -> set[str]:
    """The markets that the feed uses, currencies included, by altname."""
    return {*market_names(NAME), *EXCHANGE_RATES}


def parse(answer: Answer) -> list[Ticker]:
    """The markets that the feed uses, by altname (`XBTCAD`).

    Raises:
        SourceUnavailable: the answer has an error.
    """
    if errors := errors_in(answer.payload):
        raise unavailable(errors)
    return [ticker for name, row in _rows(answer.payload).items() if (ticker := _ticker(name, row, answer))]


def errors_in(payload: object) -> set[str]:
    """The errors in an answer, without the warnings."""
    errors = payload.get("error") if isinstance(payload, dict) else None
    said = [str(error) for error in errors] if isinstance(errors, list) else []
    return {error for error in said if not error.startswith("W")}


def unavailable(errors: set[str]) -> SourceUnavailable:
    """What to raise for these errors: it says how long Kraken wants to be left alone."""
    rest_ms = LOCKED_OUT_MS if LOCKED_OUT in errors else RATE_LIMITED_MS if RATE_LIMITED & errors else None
    said = ", ".join(sorted(errors))
    return SourceUnavailable(f"errors in the answer: {said:.80}", retry_after_ms=rest_ms)


def result_in(payload: object) -> dict[str, object]:
    """The result of an answer, by altname; empty if there is none."""
    result = payload.get("result") if isinstance(payload, dict) else None
    return {str(LEGACY_KEYS.get(key, key)): row for key, row in result.items()} if isinstance(result, dict) else {}


def _rows(payload: object) -> dict[str, object]:
    """The rows of the markets that the feed uses, by altname."""
    ours = wanted()
    return {name: row for name, row in result_in(payload).items() if name in ours}


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
    """The number of trades in 24 h. Raises ValueError if the row does not have it."""
    trades = row.get("t")
    if not isinstance(trades, list) or len(trades) != 2:
        raise ValueError(f"t is {trades!r:.40}")
    return Decimal(whole({"24h": trades[1]}, "24h"))
