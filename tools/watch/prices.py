"""Numbers for people: grouped, signed, without an exponent, and without rounding small prices to zero."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from shared.model.wire import EXACT, MIN_SIGNIFICANT_DIGITS

CENTS = 2


def places(price: Decimal) -> int:
    """Return how many decimals show a price's cents and at least 6 significant digits."""
    return CENTS if price.is_zero() else max(CENTS, MIN_SIGNIFICANT_DIGITS - 1 - price.adjusted())


def price_text(price: Decimal) -> str:
    """Return a price with thousands separators.

    >>> price_text(Decimal("136542.1834")), price_text(Decimal("0.0000124394041"))
    ('136,542.18', '0.0000124394')
    """
    return _grouped(price, places(price))


def change_text(change: Decimal, price: Decimal) -> str:
    """Return a change with sign and arrow, with its price's decimals or more if it would read as zero.

    >>> change_text(Decimal("-1024.5"), Decimal("136542.18")), change_text(Decimal("0"), Decimal("1"))
    ('▼ -1,024.50', '= 0.00000')
    """
    decimals = places(price)
    if not change.is_zero():
        decimals = max(decimals, -change.adjusted())
    return f"{arrow(change)} {_signed(change, decimals)}"


def percent_text(percent: Decimal) -> str:
    """Return a percentage with its sign and two decimals, or more if it would read as zero."""
    decimals = CENTS if percent.is_zero() else max(CENTS, -percent.adjusted())
    return f"{_signed(percent, decimals)}%"


def arrow(change: Decimal) -> str:
    """Return the direction of a change, for readers who see no colour."""
    return "=" if change.is_zero() else "▲" if change > 0 else "▼"


def age_text(age_ms: int) -> str:
    """Return an age in one unit, and 0 s if this clock is behind the server's.

    >>> age_text(-5), age_text(59_999), age_text(7_200_000)
    ('0s', '59s', '2h')
    """
    seconds = max(0, age_ms // 1000)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _signed(number: Decimal, decimals: int) -> str:
    return ("+" if number > 0 else "") + _grouped(number, decimals)


def _grouped(number: Decimal, decimals: int) -> str:
    with localcontext(EXACT):
        return f"{number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN):,f}"
