"""Why a price is what it is: the feed's answer to `explain`, read from its frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from .quote import integer, price_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A market that the feed looked at.

    `price` is in `currency`, `rate` is what one unit of that costs in CAD by `rate_source`, and `price_cad` is the
    price of one unit of the asset in CAD. What the feed does not know is `None`. `vote`: it counted for the reference.
    `verdict` is `taken`, `passed_over`, `held` or `unusable`, and `reason` says why, as a code. `old_last`: its last
    trade lies outside its book.
    """

    source: str
    market: str
    currency: str
    price: Decimal | None
    rate: Decimal | None
    rate_source: str
    price_cad: Decimal | None
    age_ms: int | None
    vote: bool
    verdict: str
    reason: str
    old_last: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """The markets behind a symbol's price in tick `seq`, in the feed's order of preference.

    `reference` is the median of their votes, `dispersion` the median distance from it as a fraction, `band` how far
    from it a price may lie and still be taken. `sources`: how many independent sources agree with the quote.
    `change_at_current_rate`: the quote's `change` lacks the currency's own move, which the feed does not know yet.
    """

    symbol: str
    seq: int
    ts_ms: int
    reference: Decimal | None
    dispersion: Decimal | None
    band: Decimal
    sources: int
    candidates: tuple[Candidate, ...]
    change_at_current_rate: bool = False


def explanation_of(frame: Mapping[str, object]) -> Explanation:
    """The explanation that a frame carries.

    Raises:
        ValueError: a field is missing or is not what the protocol says.
    """
    candidates = frame.get("candidates")
    if not isinstance(candidates, list):
        raise ValueError("an explanation without candidates")
    return Explanation(
        _text(frame, "symbol"),
        integer(frame.get("seq"), "seq"),
        integer(frame.get("ts"), "ts"),
        _number(frame, "reference"),
        _number(frame, "dispersion"),
        price_of(frame.get("band")),
        integer(frame.get("sources"), "sources"),
        tuple(_candidate(each) for each in candidates),
        frame.get("change_at_current_rate") is True,
    )


def _candidate(fields: object) -> Candidate:
    if not isinstance(fields, Mapping):
        raise ValueError("a candidate without fields")
    age_ms = fields.get("age_ms")
    return Candidate(
        _text(fields, "source"),
        _text(fields, "market"),
        _text(fields, "currency"),
        _number(fields, "price"),
        _number(fields, "rate"),
        _text(fields, "rate_source"),
        _number(fields, "price_cad"),
        None if age_ms is None else integer(age_ms, "age_ms"),
        fields.get("vote") is True,
        _text(fields, "verdict"),
        _text(fields, "reason"),
        fields.get("old_last") is True,
    )


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a string: {value!r:.40}")
    return value


def _number(fields: Mapping[str, object], name: str) -> Decimal | None:
    value = fields.get(name)
    return None if value is None else price_of(value)
