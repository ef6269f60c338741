"""What an asset's price was 24 h ago: by the relative move of a market that states it, so that a premium which does not
move is no change."""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal

from shared.model.assets import Asset
from shared.pricing.consensus import near
from shared.pricing.markets import Currency, MarketNow

PERCENT_STEP = Decimal("0.000001")
OPENED_DIGITS = Context(prec=15)  # a quotient: more digits would say nothing


def opened(
    asset: Asset, taken: MarketNow, offering: Iterable[MarketNow], currencies: Mapping[str, Currency]
) -> Decimal | None:
    """The asset's price in CAD 24 h ago, `None` where nobody tells.

    The market that was taken states it best; else the first in order that does and is within the band of it. The price
    of 24 h ago is `spot x (its open / its last)`, each side at the exchange rate of its time.
    """
    if taken.ticker is None or taken.offer is None:
        return None
    spot = taken.offer.spot
    stating = [now for now in (taken, *offering) if now.ticker and now.ticker.open_24h]
    for now in stating:
        if now.ticker and now.ticker.open_24h and now.offer and near(now.offer.mid, taken.offer.mid, asset.band):
            before = now.ticker.open_24h * now.per_unit * _rate_24h_ago(now)
            return before if now is taken else OPENED_DIGITS.divide(spot * before, now.offer.spot)
    currency = currencies.get(asset.code)
    if currency and currency.mid_24h_ago:  # USDT: its change is that of the rate itself
        return OPENED_DIGITS.divide(spot * currency.mid_24h_ago, currency.rate.mid)
    return None


def change_since(spot: Decimal, before: Decimal | None) -> tuple[Decimal, Decimal]:
    """The change in CAD, exactly, and in percent to six decimal places; nothing where there is no price to compare."""
    if not before:
        return Decimal(0), Decimal(0)
    change = spot - before
    return change, (change * 100 / before).quantize(PERCENT_STEP)


def _rate_24h_ago(now: MarketNow) -> Decimal:
    """The feed's own record, or the rate of now until that reaches back a day."""
    if now.currency is None:
        return Decimal(1)
    return now.currency.mid_24h_ago or now.currency.rate.mid
