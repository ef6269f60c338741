"""Lies about prices: what a source says instead of what it has seen, on all of its markets or on some."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

NUMBER = r"\d{1,12}(\.\d{1,12})?"
PRICES = ("bid", "ask", "last", "cad", "usd")
KEYS = ("factor", "per_second", "markets", "prices", "inverted")
# However long it drifts, what it says can still be written down.
LARGEST, SMALLEST = Decimal(10) ** 12, Decimal(10) ** -12
ONE = Decimal(1)


class BadLie(ValueError):
    """A description of a lie that cannot be meant, with what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Lie:
    """Every price that a row states, times a factor. What it states of 24 h ago, its high and its low stay true.

    Args:
        factor: from the moment in which the lie is set.
        per_second: by how much the factor grows or falls each second of the exchange's clock, compounding: 1.0004 is
            0.2 % in 5 s.
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
        """Only what is set, in the form in which it is set."""
        said: dict[str, object] = {
            "factor": None if self.factor == ONE else f"{self.factor:f}",
            "per_second": None if self.per_second == ONE else f"{self.per_second:f}",
            "markets": list(self.markets),
            "prices": list(self.prices),
            "inverted": self.inverted,
        }
        return {key: value for key, value in said.items() if value}

    def after(self, elapsed_ms: int) -> "Lie":
        """What it has become by then."""
        if self.per_second == ONE:
            return self
        # By logarithms: the power itself would overflow in a lie of days.
        grown = self.factor.ln() + self.per_second.ln() * max(0, elapsed_ms) / 1000
        return replace(self, factor=max(min(grown, LARGEST.ln()), SMALLEST.ln()).exp(), per_second=ONE)

    def told(self, names: Sequence[str], said: Mapping[str, str]) -> dict[str, str]:
        """A row's prices by their names as a market that goes by these names states them, with as many decimals as
        they came with."""
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
    """The lie of e.g. `{"factor": "1.2", "markets": ["BTCUSDT"]}`.

    Raises:
        BadLie: an unknown key, a value of the wrong kind, or nothing that is untrue.
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
        raise BadLie("nothing in it is untrue: give a factor, per_second or inverted")
    return lie


def distorted(rule: str, bid: str, ask: str, last: str) -> Sequence[str]:
    """Bid, ask and last as that rule of `Fault.absurd` has them, with as many decimals as they came with."""
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
