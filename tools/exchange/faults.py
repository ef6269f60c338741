"""Faults that an upstream can be told to have: slow, failing, cut off, frozen, with rows missing or absurd."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal, InvalidOperation
from enum import StrEnum


class Upstream(StrEnum):
    """The APIs spoken here, by the names that the feed has for them."""

    BINANCE = "binance"
    KRAKEN = "kraken"
    NDAX = "ndax"
    COINBASE = "coinbase"
    COINGECKO = "coingecko"
    BANK_OF_CANADA = "bank_of_canada"
    ER_API = "er_api"


# Instead of a market's name: all of them.
ALL = "*"


class BadFault(ValueError):
    """A description of faults that cannot be meant, with what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one upstream; all of it at once where several are set.

    Args:
        latency_ms: how long an answer takes to begin, milliseconds.
        status: HTTP status of every answer, with the body that this upstream sends with it.
        retry_after: seconds in the header of that name, only with `status`.
        cut: the connection closes in the middle of the body.
        garbage: an HTML page with status 200.
        empty: `[]` from Binance, `{}` from the others, with status 200.
        bad_json: the body ends in the middle, as if complete.
        frozen: prices and times stay what they were when the fault was set.
        clock_frozen: times stay what they were when the fault was set, and prices go on.
        hang: no answer until the client gives up.
        missing: markets left out of answers, by the upstream's own names: `BTCUSDT`, `XBTUSD` or `XXBTZUSD`, `BTC_CAD`, `BTC-USD`,
            `bitcoin`, `FXUSDCAD`, `CAD`; `*` for all of them.
        absurd: by such a name: `x1000` (any factor), `crossed` (bid above ask), `negative`, or `text` for a price.
            A market's own rule comes before that of `*`. Where no bid and ask are stated, `crossed` changes nothing.
    """

    latency_ms: int = 0
    status: int | None = None
    retry_after: int | None = None
    cut: bool = False
    garbage: bool = False
    empty: bool = False
    bad_json: bool = False
    frozen: bool = False
    clock_frozen: bool = False
    hang: bool = False
    missing: tuple[str, ...] = ()
    absurd: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Only what is set, in the form in which it is set."""
        return {key: value for key, value in asdict(self).items() if value not in (0, None, False, (), {})}

    def leaves_out(self, *names: str) -> bool:
        """Whether `missing` names a market that goes by these names."""
        return any(name in self.missing for name in (*names, ALL))

    def rule(self, *names: str) -> str | None:
        """The rule of `absurd` for a market that goes by these names."""
        return next((self.absurd[name] for name in (*names, ALL) if name in self.absurd), None)


HEALTHY = Fault()


def parse_faults(described: object) -> dict[Upstream, Fault]:
    """The faults by upstream of e.g. `{"binance": {"status": 429, "retry_after": 5}, "kraken": {}}`.

    Raises:
        BadFault: an unknown upstream or key, or a value of the wrong kind.
    """
    if not isinstance(described, dict):
        raise BadFault('faults are an object by upstream, e.g. {"binance": {"latency_ms": 500}}')
    unknown = described.keys() - set(Upstream)
    if unknown:
        raise BadFault(f"no such upstream: {', '.join(sorted(unknown))} (there are {', '.join(Upstream)})")
    return {Upstream(name): _fault(name, value) for name, value in described.items()}


def _fault(upstream: str, described: object) -> Fault:
    if not isinstance(described, dict):
        raise BadFault(f"{upstream}: a fault is an object, e.g. {{}} for none")
    names = [f.name for f in fields(Fault)]
    unknown = described.keys() - set(names)
    if unknown:
        raise BadFault(f"{upstream}: no such fault: {', '.join(sorted(unknown))} (there are {', '.join(names)})")
    for key, value in described.items():
        _check(f"{upstream}.{key}", key, value)
    if "retry_after" in described and "status" not in described:
        raise BadFault(f"{upstream}.retry_after goes with a status")
    return Fault(**(described | {"missing": tuple(described.get("missing", ()))}))


def _check(where: str, key: str, value: object) -> None:
    match key:
        case "latency_ms" | "retry_after":
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 3_600_000:
                raise BadFault(f"{where}: a whole number from 0 to 3600000, not {value!r:.40}")
        case "status":
            if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:
                raise BadFault(f"{where}: an HTTP status from 400 to 599, not {value!r:.40}")
        case "missing":
            if not isinstance(value, list) or not all(isinstance(symbol, str) for symbol in value):
                raise BadFault(f'{where}: a list of symbols, e.g. ["BTCUSDT"]')
        case "absurd":
            if not isinstance(value, dict) or not all(map(_is_rule, value.values())):
                raise BadFault(f'{where}: by symbol x and a factor, crossed, negative or text: {{"BTCUSDT": "x1000"}}')
        case _:
            if not isinstance(value, bool):
                raise BadFault(f"{where}: true or false, not {value!r:.40}")


def _is_rule(rule: object) -> bool:
    if rule in ("crossed", "negative", "text"):
        return True
    if not isinstance(rule, str) or not re.fullmatch(r"x\d{1,12}(\.\d{1,12})?", rule):
        return False
    return Decimal(rule[1:]) > 0


def distorted(rule: str, bid: str, ask: str, last: str) -> Sequence[str]:
    """Bid, ask and last as that rule of `Fault.absurd` has them, with as many decimals as they came with."""
    if rule == "text":
        return ("n/a",) * 3
    before = [_number(text) for text in (bid, ask, last)]
    if rule == "crossed":
        after = [before[1] * Decimal("1.01"), before[0], before[2]]
    else:
        factor = Decimal(-1) if rule == "negative" else Decimal(rule[1:])
        after = [price * factor for price in before]
    return [f"{price.quantize(Decimal(1).scaleb(_exponent(old)))}" for price, old in zip(after, before, strict=True)]


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise BadFault(f"not a price: {text!r:.40}") from None


def _exponent(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
