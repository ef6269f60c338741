"""Why an asset has its price: every market that the feed considered, and the verdict on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Verdict = Literal["taken", "passed_over", "held", "unusable"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One market of an asset in a tick.

    `price` is in `currency`: the mid of the market's book, or its last trade if it has no book. `rate` is the price of
    the currency in CAD by `rate_source` (1 and empty for CAD), `price_cad` the product. Each of the three is `None` if
    it is unknown. `age_ms` is the price's age at the tick. `vote` says whether it counted for the reference. `reason`
    is the code for the verdict; docs/prices.md lists the codes. `old_last`: the last trade lay outside the book.
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
    verdict: Verdict
    reason: str
    old_last: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """An asset's candidates in order of preference. `reference` is the median of the votes and `dispersion` their
    median distance from it, as a fraction; both are `None` without a vote. `sources` is how many sources agree with the
    quote, 0 without a quote. `change_at_current_rate`: what the currency was worth 24 h ago is not known yet, so the
    quote's `change` lacks the currency's own move."""

    symbol: str
    reference: Decimal | None
    dispersion: Decimal | None
    sources: int
    candidates: tuple[Candidate, ...]
    change_at_current_rate: bool = False


@dataclass(frozen=True, slots=True)
class Explanations:
    """The explanations of all assets in one tick."""

    seq: int = 0
    ts_ms: int = 0
    by_symbol: Mapping[str, Explanation] = field(default_factory=dict)
