"""Sources that contradict the others in so many markets that none of their prices is believed for a while."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.model.values import Suspicion
from shared.pricing.consensus import ENOUGH_VOTES, MINUTE_MS, Offer, median, near, votes_of

FEWEST_OUTLIERS = 3
SUSPECT_SHARE = 4  # suspect above one quarter of its markets
TICKS_OF_AGREEMENT = 3
OLD_VOTE_PER_S = Decimal("0.001")  # how far the market may move away from an old vote per second


@dataclass(frozen=True, slots=True)
class AssetOffers:
    """The offers for one asset and its band."""

    offers: list[Offer]
    band: Decimal


def suspects(
    before: Mapping[str, Suspicion], offered: Sequence[AssetOffers], fresh_ms: int, now_ms: int
) -> dict[str, Suspicion]:
    """The sources that cast no vote now.

    An outlier is a vote that contradicts at least two others that agree. A source with too many outliers is suspect
    until it has agreed for three ticks. The votes of suspects count here, otherwise they could never agree again. If
    no other source can judge it, a source is trusted again after a minute: continuity still guards each price.
    """
    judged: Counter[str] = Counter()
    outliers: Counter[str] = Counter()
    for asset in offered:
        agreeing, contradicting = _sides(asset, fresh_ms)
        judged.update(agreeing | contradicting)
        outliers.update(contradicting)
    found = {
        source: Suspicion(TICKS_OF_AGREEMENT, now_ms)
        for source, count in sorted(outliers.items())
        if count >= FEWEST_OUTLIERS and count * SUSPECT_SHARE > judged[source]
    }
    answering = {offer.source for asset in offered for offer in asset.offers}
    still: dict[str, Suspicion] = {}
    for source, doubt in before.items():
        ticks = doubt.ticks - (1 if judged[source] else 0)
        is_alone = source in answering and not judged[source] and now_ms - doubt.since_ms >= MINUTE_MS
        if ticks > 0 and not is_alone:
            still[source] = Suspicion(ticks, min(doubt.since_ms, now_ms))
    return still | found


def _sides(asset: AssetOffers, fresh_ms: int) -> tuple[set[str], set[str]]:
    """The sources that agree about an asset, and those that contradict two or more of them. Both are empty if too few
    sources vote: of two that disagree, either may be wrong."""
    votes = votes_of(asset.offers, fresh_ms, ())
    offers = {source: asset.offers[index] for source, index in votes.items()}
    if len(offers) < 2:
        return set(), set()
    reference = median(offer.mid for offer in offers.values())

    def is_near(offer: Offer) -> bool:
        old_s = max(0, offer.age_ms - fresh_ms) // 1000
        return near(offer.mid, reference, asset.band + OLD_VOTE_PER_S * old_s)

    agreeing = {source for source, offer in offers.items() if is_near(offer)}
    if len(offers) < ENOUGH_VOTES:
        one, other = offers.values()
        return (set(offers) if near(one.mid, other.mid, asset.band) else set()), set()
    return (agreeing, set(offers) - agreeing) if len(agreeing) > 1 else (set(), set())
