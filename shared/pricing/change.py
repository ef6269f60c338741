"""An asset's price 24 h ago. It follows the relative move of a market that states it, so a constant premium between two
markets does not count as a change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from shared.model.assets import Asset
from shared.model.percent import percent_of
from shared.pricing.consensus import near
from shared.pricing.markets import Currency, MarketNow

OPENED_DIGITS = Context(prec=15)  # a quotient: more digits would mean nothing


@dataclass(frozen=True, slots=True)
class Opened:
    """A price in CAD 24 h ago, `None` if nothing states it. `at_current_rate`: it counts the currency at its rate of
    now, because that of 24 h ago is not known."""

    price: Decimal | None = None
    at_current_rate: bool = False


def opened(asset: Asset, taken: MarketNow, offering: Iterable[MarketNow], currencies: Mapping[str, Currency]) -> Opened:
    """The asset's price in CAD 24 h ago.

    The market that was taken comes first, then the first in order that states it and is within the band of the taken
    one. The price is `spot x (its open / its last)`, each at the rate of its own time.
    """
    if taken.ticker is None or taken.offer is None:
        return Opened()
    spot = taken.offer.spot
    stating = [now for now in (taken, *offering) if now.ticker and now.ticker.open_24h]
    for now in stating:
        if now.ticker and now.ticker.open_24h and now.offer and near(now.offer.mid, taken.offer.mid, asset.band):
            before = now.ticker.open_24h * now.per_unit * _rate_24h_ago(now)
            price = before if now is taken else OPENED_DIGITS.divide(spot * before, now.offer.spot)
            return Opened(price, now.currency is not None and not now.currency.mid_24h_ago)
    currency = currencies.get(asset.code)
    if currency is None:
        return Opened()
    if not currency.mid_24h_ago:
        return Opened(at_current_rate=True)
    # USDT: its change is the change of the rate
    return Opened(OPENED_DIGITS.divide(spot * currency.mid_24h_ago, currency.rate.mid))


def change_since(spot: Decimal, before: Decimal | None) -> tuple[Decimal, Decimal]:
    """The exact change in CAD, and the change in percent to six decimal places; both 0 without a price to compare."""
    if not before:
        return Decimal(0), Decimal(0)
    change = spot - before
    return change, percent_of(change, before)


def _rate_24h_ago(now: MarketNow) -> Decimal:
    """The rate 24 h ago by the feed's own history, or the current rate until the history is a day long."""
    if now.currency is None:
        return Decimal(1)
    return now.currency.mid_24h_ago or now.currency.rate.mid
