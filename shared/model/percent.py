"""A change in percent. Clients of `rates_compact` compute it as the feed does, so it stands beside the values."""

from decimal import Decimal, localcontext

from shared.model.wire import EXACT

PERCENT_STEP = Decimal("0.000001")


def percent_of(change: Decimal, before: Decimal) -> Decimal:
    """`change` in percent of the price `before` it, to six decimal places, half to even; 0 without such a price."""
    if not before:
        return Decimal(0)
    with localcontext(EXACT):
        return (change * 100 / before).quantize(PERCENT_STEP)
