"""Why an asset has the price that it has: every market that the feed looked at, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Verdict = Literal["taken", "passed_over", "held", "unusable"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One market of an asset in a tick.

    `price` is its own, in `currency`: the mid of its book where it states one, else its last trade. `rate` is what the
    currency costs in CAD by `rate_source` (1 and empty for CAD), `price_cad` the product. All three are `None` where
    they are not known. `age_ms` is the age of the price in that tick. `vote` says whether it counted for the
    reference. `reason` says why it was taken, passed over, held or unusable, as a code (docs/prices.md lists them).
    `old_last` says that its last trade lay outside its book.
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
    """An asset's candidates in the catalogue's order, the median of their votes and the median distance from it as a
    fraction; both `None` without a vote. `sources` is how many sources agree with the quote, 0 without one."""

    symbol: str
    reference: Decimal | None
    dispersion: Decimal | None
    sources: int
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Explanations:
    """Those of all assets, of one tick."""

    seq: int = 0
    ts_ms: int = 0
    by_symbol: Mapping[str, Explanation] = field(default_factory=dict)
