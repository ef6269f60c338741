"""What every parser asks of a row before it is a price."""

from collections.abc import Mapping
from decimal import Decimal

from shared.values import Ticker
from shared.wire import decimal_of


def positive(row: Mapping[str, object], key: str) -> Decimal:
    """The price under `key`.

    Raises:
        ValueError: it is missing, no number, zero or negative: a market that shows that is dead.
    """
    price = decimal_of(row.get(key))
    if price <= 0:
        raise ValueError(f"{key} is {price}")
    return price


def uncrossed(ticker: Ticker) -> Ticker:
    """The ticker, unless its bid is above its ask, which no market that matches orders shows.

    Raises:
        ValueError: the book is crossed.
    """
    if ticker.bid > ticker.ask:
        raise ValueError(f"bid {ticker.bid} above ask {ticker.ask}")
    return ticker
