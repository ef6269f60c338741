"""Compressed JSON in an item, and its numbers. Another version, or anybody with access to the table, may have written
it."""

import zlib
from decimal import Decimal
from typing import Any

from shared.model.wire import loads

UNREADABLE = (zlib.error, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError)
MOST_BYTES = 2_000_000  # of JSON; a snapshot of all quotes and their candles has about 50,000
MOST_DIGITS = 120  # before and after the point


def unzipped(packed: bytes) -> Any:
    """The JSON value.

    Raises:
        ValueError: it is cut off, too long, or not JSON.
        zlib.error: it is not compressed.
        RecursionError: it is nested too deeply.
    """
    unzip = zlib.decompressobj()
    text = unzip.decompress(packed, MOST_BYTES)
    if not unzip.eof:
        raise ValueError(f"cut off, or over {MOST_BYTES} bytes")
    return loads(text)


def price_of(value: Any) -> Decimal:
    """The price that a stored number or text states.

    Raises:
        ValueError: it is not finite, or has too many digits.
        ArithmeticError: it is not a number.
        TypeError: it is another type.
    """
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        raise ValueError("not a price")
    return number
