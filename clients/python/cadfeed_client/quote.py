"""A quote, and how to read one from a frame: prices are exact, and nothing but a number is a price."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any


@dataclass(frozen=True, slots=True)
class Quote:
    """The whole state of one symbol in CAD.

    `spot` is the last price, `change` and `change_pct` are against 24 h before. `ts_ms` is when the price was made
    (Unix milliseconds), `seq` the tick in which the state last changed (0 from servers that do not count), `source`
    where it comes from. `stale`: nobody has confirmed it for a while; `simulated`: not a real market's;
    `renamed_to`: the symbol that continues this one; `sources`: how many independent sources agree with the price, its
    own included (1 from servers that do not say). At 1 nobody confirms it.
    """

    symbol: str
    bid: Decimal
    ask: Decimal
    spot: Decimal
    change: Decimal
    change_pct: Decimal
    ts_ms: int
    seq: int = 0
    source: str = ""
    stale: bool = False
    simulated: bool = False
    renamed_to: str = ""
    sources: int = 1


def quote_of(data: object, now_ms: int) -> Quote:
    """The quote that a frame carries. A server of the plain `rates` channel may leave out all but the prices.

    Raises:
        ValueError: a field is missing or is not what the protocol says.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("symbol"), str):
        raise ValueError("a quote without a symbol")
    ts_ms = data.get("ts")
    if ts_ms is None:
        ts_ms = integer(data.get("timestamp", now_ms // 1000), "timestamp") * 1000
    return Quote(
        data["symbol"],
        price_of(data.get("bid")),
        price_of(data.get("ask")),
        price_of(data.get("spot")),
        price_of(data.get("change")),
        price_of(data.get("change_pct", 0)),
        integer(ts_ms, "ts"),
        integer(data.get("seq", 0), "seq"),
        str(data.get("source", "")),
        data.get("stale") is True,
        data.get("simulated") is True,
        str(data.get("renamed_to", "")),
        integer(data.get("sources", 1), "sources"),
    )


def price_of(value: object) -> Decimal:
    """The number as a `Decimal`.

    Raises:
        ValueError: it is not a number.
    """
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"not a price: {value!r:.40}")
    return Decimal(value)


def integer(value: object, name: str) -> int:
    """The whole number. `name` is that of its field, for the error.

    Raises:
        ValueError: it is not a whole number.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} is not a whole number: {value!r:.40}")
    return value


def symbols_in(value: object) -> tuple[str, ...]:
    """The symbols of a list.

    Raises:
        ValueError: it is not a list of names.
    """
    if not isinstance(value, list) or not all(isinstance(symbol, str) for symbol in value):
        raise ValueError("not a list of symbols")
    return tuple(value)


def loads(text: str | bytes) -> Any:
    """JSON with every fraction as a `Decimal`, however many digits it has.

    Raises:
        ValueError: not JSON, or with the NaN and Infinity that RFC 8259 does not allow, or a number beyond `Decimal`.
    """
    # As `shared.model.wire` does; this folder needs nothing outside of it.
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except InvalidOperation:
        raise ValueError("a number with an exponent out of range") from None
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
