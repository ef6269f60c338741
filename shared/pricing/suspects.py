"""Sources that contradict all others in so many markets that none of their prices is believed for a while."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.pricing.consensus import ENOUGH_VOTES, Offer, median, near, votes_of

FEWEST_OUTLIERS = 3
SUSPECT_SHARE = 4  # more than a quarter of its markets
TICKS_OF_AGREEMENT = 3


@dataclass(frozen=True, slots=True)
class Ballot:
    """The offers for one asset, and its band."""

    offers: list[Offer]
    band: Decimal


def suspects(before: Mapping[str, int], ballots: Iterable[Ballot], fresh_ms: int) -> dict[str, int]:
    """The sources that cast no vote now, with the ticks in which they still have to agree.

    Judged are the votes for assets that have three or more; an outlier is one that at least two others agree against.
    A suspect's own vote counts here, or it could never be seen to agree again.
    """
    judged: Counter[str] = Counter()
    outliers: Counter[str] = Counter()
    for ballot in ballots:
        votes = votes_of(ballot.offers, fresh_ms, ())
        if len(votes) < ENOUGH_VOTES:
            continue
        mids = {source: ballot.offers[index].mid for source, index in votes.items()}
        reference = median(mids.values())
        agreeing = {source for source, mid in mids.items() if near(mid, reference, ballot.band)}
        if len(agreeing) < 2:
            continue
        judged.update(mids.keys())
        outliers.update(mids.keys() - agreeing)
    contradicting = {
        source
        for source, count in outliers.items()
        if count >= FEWEST_OUTLIERS and count * SUSPECT_SHARE > judged[source]
    }
    agreed = {source: ticks - (1 if judged[source] else 0) for source, ticks in before.items()}
    still = {source: ticks for source, ticks in agreed.items() if ticks > 0}
    return still | dict.fromkeys(sorted(contradicting), TICKS_OF_AGREEMENT)
