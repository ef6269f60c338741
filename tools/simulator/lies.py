"""Lies: wrong prices that a source states instead of its true ones, on all of its markets or on some."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

NUMBER = r"\d{1,12}(\.\d{1,12})?"
PRICES = ("bid", "ask", "last", "cad", "usd")
KEYS = ("factor", "per_second", "markets", "prices", "inverted")
# The greatest factor of a drifting lie, so that its prices can still be printed.
LARGEST, SMALLEST = Decimal(10) ** 12, Decimal(10) ** -12
ONE = Decimal(1)


class BadLie(ValueError):
    """An invalid description of a lie; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Lie:
    """A factor on every price of a row. The price of 24 h ago, the high and the low stay true.

    Args:
        factor: applies from the moment in which the lie is set.
        per_second: multiplies the factor each second of the exchange's clock: 1.0004 is 0.2 % in 5 s.
        markets: by the upstream's own names; none for all.
        prices: of `bid`, `ask`, `last`; CoinGecko's are `cad` and `usd`; none for all.
        inverted: one divided by the price, before the factor: a rate stated the wrong way round.
    """

    factor: Decimal = ONE
    per_second: Decimal = ONE
    markets: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    inverted: bool = False

    def as_json(self) -> dict[str, object]:
        """Return only the keys that are set, in the form of the request that sets them."""
        said: dict[str, object] = {
            "factor": None if self.factor == ONE else f"{self.factor:f}",
            "per_second": None if self.per_second == ONE else f"{self.per_second:f}",
            "markets": list(self.markets),
            "prices": list(self.prices),
            "inverted": self.inverted,
        }
        return {key: value for key, value in said.items() if value}

    def after(self, elapsed_ms: int) -> "Lie":
        """Return the lie after that time."""
        if self.per_second == ONE:
            return self
        # Use logarithms: the power itself would overflow in a lie of days.
        grown = self.factor.ln() + self.per_second.ln() * max(0, elapsed_ms) / 1000
        return replace(self, factor=max(min(grown, LARGEST.ln()), SMALLEST.ln()).exp(), per_second=ONE)

    def told(self, names: Sequence[str], said: Mapping[str, str]) -> dict[str, str]:
        """Return a row's prices as a market with any of these names states them; each keeps its decimals."""
        if self.markets and not any(name in self.markets for name in names):
            return dict(said)
        prices = {name: Decimal(text) for name, text in said.items()}
        if self.inverted:
            prices = _inverted(prices)
        return {
            name: _in_places(price * self.factor, said[name]) if not self.prices or name in self.prices else said[name]
            for name, price in prices.items()
        }


def parse_lie(described: object) -> Lie:
    """Parse a lie, e.g. `{"factor": "1.2", "markets": ["BTCUSDT"]}`.

    Raises:
        BadLie: an unknown key, a value of the wrong kind, or a lie that changes no price.
    """
    if not isinstance(described, dict) or not described.keys() <= set(KEYS):
        raise BadLie(f'an object of {", ".join(KEYS)}, e.g. {{"factor": "1.2"}}')
    numbers = {name: _positive(name, described.get(name, "1")) for name in ("factor", "per_second")}
    markets, prices = (_texts(name, described.get(name, [])) for name in ("markets", "prices"))
    if not set(prices) <= set(PRICES):
        raise BadLie(f"prices: some of {', '.join(PRICES)}")
    inverted = described.get("inverted", False)
    if not isinstance(inverted, bool):
        raise BadLie(f"inverted: true or false, not {inverted!r:.40}")
    lie = Lie(**numbers, markets=markets, prices=prices, inverted=inverted)
    if numbers == {"factor": ONE, "per_second": ONE} and not inverted:
        raise BadLie("the lie changes no price: give a factor, per_second or inverted")
    return lie


def distorted(rule: str, bid: str, ask: str, last: str) -> Sequence[str]:
    """Return bid, ask and last distorted by that rule of `Fault.absurd`, each with its own number of decimals."""
    if rule == "text":
        return ("n/a",) * 3
    before = [Decimal(text) for text in (bid, ask, last)]
    if rule == "crossed":
        after = [before[1] * Decimal("1.01"), before[0], before[2]]
    else:
        factor = Decimal(-1) if rule == "negative" else Decimal(rule[1:])
        after = [price * factor for price in before]
    return [_in_places(price, old) for price, old in zip(after, (bid, ask, last), strict=True)]


def _inverted(prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    other_side = {"bid": "ask", "ask": "bid"}
    turned = {name: prices[other_side.get(name, name)] for name in prices}
    return {name: 1 / price if price else price for name, price in turned.items()}


def _in_places(price: Decimal, like: str) -> str:
    exponent = Decimal(like).as_tuple().exponent
    return f"{price.quantize(Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)):f}"


def _positive(name: str, value: object) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) and re.fullmatch(NUMBER, value) else Decimal(0)
    except InvalidOperation:
        number = Decimal(0)
    if not number:
        raise BadLie(f'{name}: a positive number as text, e.g. "1.2", not {value!r:.40}')
    return number


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadLie(f'{name}: a list of names, e.g. ["BTCUSDT"]')
    return tuple(value)
