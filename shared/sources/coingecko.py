"""CoinGecko: the whole catalogue straight in CAD, averaged over many exchanges. Data provided by CoinGecko.

https://docs.coingecko.com/reference/simple-price
"""

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.model.wire import EXACT, decimal_of
from shared.sources.market_row import number, whole
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "coingecko"
BASE_URL = "https://api.coingecko.com"
PATH = "/api/v3/simple/price"
POLL_EVERY_MS = 60_000  # as often as its answers change
HOLD_MS = 120_000
USD = "/usd"  # behind an ID: the coin's price in US dollars, from which the feed takes a rate
MAX_AGE_MS = 900_000  # a coin that nobody trades keeps its last price
NEWEST_WITHIN_MS = 180_000  # its own page: refreshed once a minute
OPEN_DIGITS = Context(prec=12)  # the change it is made of is a float of theirs


def source() -> Source:
    """CoinGecko, asked every minute. It leaves ids out that it does not know."""
    return Source(
        NAME,
        BASE_URL,
        PATH,
        _params,
        parse,
        POLL_EVERY_MS,
        HOLD_MS,
        max_age_ms=MAX_AGE_MS,
        newest_within_ms=NEWEST_WITHIN_MS,
    )


def key_header(key: str, base_url: str) -> dict[str, str]:
    """The key's header, by the plan whose host is asked. https://docs.coingecko.com/reference/authentication"""
    return {"x-cg-pro-api-key" if "pro-api" in base_url else "x-cg-demo-api-key": key}


def _params() -> Mapping[str, str]:
    return {
        "ids": ",".join(market_names(NAME)),
        "vs_currencies": "cad,usd",
        "include_24hr_change": "true",
        "include_last_updated_at": "true",
        "precision": "full",
    }


def parse(answer: Answer) -> list[Ticker]:
    """The catalogue's coins in CAD (`bitcoin`) and, where it is told, in US dollars (`bitcoin/usd`), without a book.

    Raises:
        SourceUnavailable: not an object of coins.
    """
    if not isinstance(answer.payload, dict):
        raise SourceUnavailable("not an object of coins")
    rows = [(name, answer.payload.get(name)) for name in market_names(NAME)]
    in_cad = [ticker for name, row in rows if (ticker := _ticker(name, row, "cad", answer))]
    return in_cad + [ticker for name, row in rows if (ticker := _ticker(name + USD, row, "usd", answer))]


def _ticker(market: str, row: object, currency: str, answer: Answer) -> Ticker | None:
    if not isinstance(row, dict):
        return None
    try:
        last = number(row, currency)
        return Ticker(
            source=NAME,
            market=market,
            bid=last,
            ask=last,
            last=last,
            open_24h=_open_24h(last, row, currency),
            ts_ms=whole(row, "last_updated_at") * 1000,
            answered_ms=answer.received_ms,
            simulated=answer.simulated,
            has_book=False,
        )
    except ValueError:
        return None


def _open_24h(last: Decimal, row: Mapping[str, object], currency: str) -> Decimal | None:
    """The price of 24 h ago, from the change in percent since then."""
    try:
        change_pct = decimal_of(row.get(f"{currency}_24h_change"))
        if change_pct <= -100 or last <= 0:
            return None
        with localcontext(EXACT):
            opened = last * 100 / (100 + change_pct)
        return decimal_of(OPEN_DIGITS.plus(opened))
    except ValueError:
        return None
