"""CoinGecko: the whole catalogue straight in CAD, averaged over many exchanges. Data provided by CoinGecko.

https://docs.coingecko.com/reference/simple-price
"""

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext

from shared.assets import market_names
from shared.sources.market_row import positive
from shared.sources.upstream import Answer, Source, SourceUnavailable
from shared.values import Ticker
from shared.wire import EXACT, decimal_of

NAME = "coingecko"
BASE_URL = "https://api.coingecko.com"
PATH = "/api/v3/simple/price"
POLL_EVERY_MS = 60_000  # as often as its answers change
HOLD_MS = 120_000
MAX_AGE_MS = 900_000  # a coin that nobody trades keeps its last price
CLOCK_SKEW_MS = 300_000
OPEN_DIGITS = Context(prec=12)  # the change it is made of is a float of theirs


def source() -> Source:
    """CoinGecko, asked every minute. It leaves ids out that it does not know."""
    return Source(NAME, BASE_URL, PATH, _params, parse, POLL_EVERY_MS, HOLD_MS)


def _params() -> Mapping[str, str]:
    return {
        "ids": ",".join(market_names(NAME)),
        "vs_currencies": "cad",
        "include_24hr_change": "true",
        "include_last_updated_at": "true",
        "precision": "full",
    }


def parse(answer: Answer) -> list[Ticker]:
    """The coins of the catalogue whose price is of the last 15 minutes, without a spread.

    Raises:
        SourceUnavailable: not an object of coins, or none of them usable.
    """
    if not isinstance(answer.payload, dict):
        raise SourceUnavailable("not an object of coins")
    rows = ((name, answer.payload.get(name)) for name in market_names(NAME))
    tickers = [ticker for name, row in rows if (ticker := _ticker(name, row, answer))]
    if not tickers:
        raise SourceUnavailable("no live price among the coins")
    return tickers


def _ticker(market: str, row: object, answer: Answer) -> Ticker | None:
    updated_s = row.get("last_updated_at") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(updated_s, int):
        return None
    ts_ms = updated_s * 1000
    if not -CLOCK_SKEW_MS < answer.received_ms - ts_ms <= MAX_AGE_MS:
        return None
    try:
        last = positive(row, "cad")
    except ValueError:
        return None
    return Ticker(
        NAME,
        market,
        last,
        last,
        last,
        _open_24h(last, row),
        ts_ms,
        answer.received_ms,
        answer.simulated,
        has_book=False,
    )


def _open_24h(last: Decimal, row: Mapping[str, object]) -> Decimal | None:
    """The price of 24 h ago, from the change in percent since then."""
    try:
        change_pct = decimal_of(row.get("cad_24h_change"))
        if change_pct <= -100:
            return None
        with localcontext(EXACT):
            opened = last * 100 / (100 + change_pct)
        return decimal_of(OPEN_DIGITS.plus(opened))
    except ValueError:
        return None
