"""CoinGecko: the whole catalogue directly in CAD, averaged over many exchanges. Data provided by CoinGecko.

https://docs.coingecko.com/reference/simple-price
"""

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.model.wire import EXACT, decimal_of
from shared.sources.market_row import number, whole
from shared.sources.upstream import Answer, Plan, Source, SourceUnavailable

NAME = "coingecko"
BASE_URL = "https://api.coingecko.com"
PATH = "/api/v3/simple/price"
POLL_EVERY_MS = 60_000  # as often as its answers change
# With a key, by plan. Demo: 10,000 calls a month. Paid: its answers change every 20 s, and it recommends 30 s; the
# smallest plan has 100,000 calls. https://docs.coingecko.com/docs/common-errors-rate-limit
# https://docs.coingecko.com/changelog/improved-update-frequency-for-selected-pro-api-endpoints
DEMO = Plan("x-cg-demo-api-key", 270_000)
PAID = Plan("x-cg-pro-api-key", 30_000)
PAID_HOST = "pro-api"
HOLD_MS = 120_000
MAX_BODY_BYTES = 100_000  # the catalogue takes 15 KB
USD = "/usd"  # suffix of an ID for the coin's price in US dollars, from which the feed derives a rate
MAX_AGE_MS = 900_000  # a coin that nobody trades keeps its last price
NEWEST_WITHIN_MS = 180_000  # its own page: refreshed once a minute
OPEN_DIGITS = Context(prec=12)  # derived from a change that CoinGecko states as a float


def source() -> Source:
    """CoinGecko, asked every minute without a key. Its answers leave out unknown IDs."""
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
        plan=plan_at,
        max_body_bytes=MAX_BODY_BYTES,
    )


def plan_at(base_url: str) -> Plan:
    """The plan that a base URL belongs to. https://docs.coingecko.com/reference/authentication"""
    return PAID if PAID_HOST in base_url else DEMO


def _params() -> Mapping[str, str]:
    return {
        "ids": ",".join(market_names(NAME)),
        "vs_currencies": "cad,usd",
        "include_24hr_change": "true",
        "include_last_updated_at": "true",
        "precision": "full",
    }


def parse(answer: Answer) -> list[Ticker]:
    """The catalogue's coins in CAD (`bitcoin`) and, if stated, in US dollars (`bitcoin/usd`), without a book.

    Raises:
        SourceUnavailable: the answer is not an object of coins.
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
    """The price 24 h ago, derived from the change in percent."""
    try:
        change_pct = decimal_of(row.get(f"{currency}_24h_change"))
        if change_pct <= -100 or last <= 0:
            return None
        with localcontext(EXACT):
            opened = last * 100 / (100 + change_pct)
        return decimal_of(OPEN_DIGITS.plus(opened))
    except ValueError:
        return None
