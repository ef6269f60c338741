"""Exact numbers and JSON: a price is a `Decimal` from the payload's text to the frame's text, never a float."""

import json
import re
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from json.encoder import encode_basestring_ascii as _string
from typing import Any

# Wide enough for every digit of products, sums and differences of a price and two rates that `decimal_of` accepts.
EXACT = Context(prec=300, rounding=ROUND_HALF_EVEN)
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")  # `Decimal` takes "1_000" too
MIN_SIGNIFICANT_DIGITS = 6


def decimal_of(value: object) -> Decimal:
    """The exact number that a source sent as text or as a JSON number.

    Raises:
        ValueError: it is not a finite decimal number, longer than 40 characters, or beyond 10^30.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"not a decimal number: {value!r:.60}")
    if len(str(value)) > 40:
        raise ValueError(f"a number with {len(str(value))} characters")
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        raise ValueError(f"not a decimal number: {value!r:.60}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"not a decimal number: {value!r:.60}") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValueError(f"not a price: {value!r:.60}")
    return number


def number_text(value: Decimal) -> str:
    """A decimal as a JSON number (RFC 8259): every digit, no exponent, at least 6 significant digits.

    >>> number_text(Decimal("0.000012439404")), number_text(Decimal("1.0E+1")), number_text(Decimal("0E-8"))
    ('0.000012439404', '10.0000', '0')
    """
    if not value:
        return "0"
    shortest = value.normalize(EXACT)
    lacking = MIN_SIGNIFICANT_DIGITS - len(shortest.as_tuple().digits)
    if lacking > 0:
        places = max(0, MIN_SIGNIFICANT_DIGITS - 1 - shortest.adjusted())
        shortest = shortest.quantize(Decimal((0, (1,), -places)), context=EXACT)
    return format(shortest, "f")


class Encoded(str):
    """A JSON text that `dumps` inserts unchanged."""

    __slots__ = ()


def dumps(value: object) -> str:
    """Compact JSON. A `Decimal` becomes a number with all its digits.

    Raises:
        TypeError: the value holds a float, which is not exact, or another type without a JSON form.
    """
    encode = _ENCODERS.get(type(value)) or next((by for kind, by in _ENCODERS.items() if isinstance(value, kind)), None)
    if encode is None:
        raise TypeError(f"{type(value).__name__} has no exact JSON form")
    return encode(value)


def _object(value: dict[object, object]) -> str:
    return "{" + ",".join([f"{_string(str(key))}:{dumps(item)}" for key, item in value.items()]) + "}"


def _array(value: Iterable[object]) -> str:
    return "[" + ",".join([dumps(item) for item in value]) + "]"


# By type, since a tick encodes some ten thousand values. Subtypes of a type come before it.
_ENCODERS: dict[type, Callable[[Any], str]] = {
    Encoded: str,
    str: _string,
    Decimal: number_text,
    bool: {True: "true", False: "false"}.__getitem__,
    int: int.__repr__,
    dict: _object,
    list: _array,
    tuple: _array,
    type(None): lambda _: "null",
}


def loads(text: str | bytes) -> Any:
    """Parsed JSON. Every number with a fraction or an exponent is a `Decimal`.

    Raises:
        ValueError: not JSON by RFC 8259, which has no NaN or Infinity, or a number too large for `Decimal`.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except InvalidOperation:
        raise ValueError("a number with an exponent out of range") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
