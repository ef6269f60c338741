"""Explains a decision about an asset, market by market."""

from collections.abc import Sequence

from shared.model.assets import Asset
from shared.model.explanation import Candidate, Explanation, Verdict
from shared.pricing.consensus import SHORT, Decision, within
from shared.pricing.markets import MarketNow

LONGEST_AGE_MS = 2**53 - 1  # limits the age of a nonsensical time; JavaScript has no exact integers above this


def explanation(
    asset: Asset,
    offering: Sequence[MarketNow],
    without_offer: Sequence[MarketNow],
    decision: Decision,
    suspects: Sequence[str],
    now_ms: int,
) -> Explanation:
    """The asset's markets: first those with an offer, in order of preference, then the others."""
    candidates = [
        _candidate(now, index in decision.votes, *_verdict(asset, now, index, offering, decision, suspects), now_ms)
        for index, now in enumerate(offering)
    ]
    candidates += [_candidate(now, False, "unusable", now.refused, now_ms) for now in without_offer]
    return Explanation(
        symbol=asset.symbol,
        reference=None if decision.reference is None else SHORT.plus(decision.reference),
        dispersion=None if decision.dispersion is None else decision.dispersion.quantize(SHORT.create_decimal("1e-6")),
        sources=decision.sources,
        candidates=tuple(candidates),
    )


def _verdict(
    asset: Asset,
    now: MarketNow,
    index: int,
    offering: Sequence[MarketNow],
    decision: Decision,
    suspects: Sequence[str],
) -> tuple[Verdict, str]:
    if index == decision.taken:
        return "taken", decision.reason
    if now.market.source in suspects:
        return "passed_over", "suspect"
    voting = {offering[vote].market.source for vote in decision.votes}
    if now.market.source not in voting:
        return "passed_over", "not_fresh"
    if decision.is_held:
        return "held", decision.reason
    if decision.reason == "first_in_band" and decision.taken is not None and index < decision.taken:
        return "passed_over", "outside_band"
    taken = offering[decision.taken].offer if decision.taken is not None else None
    reference = taken.mid if taken and decision.reason not in ("first_in_band", "nearest") else decision.reference
    is_near = now.offer is not None and reference is not None and within(now.offer, reference, asset.band)
    return "passed_over", "behind" if is_near else "outside_band"


def _candidate(now: MarketNow, vote: bool, verdict: Verdict, reason: str, now_ms: int) -> Candidate:
    ticker, currency = now.ticker, now.currency
    price = None
    if ticker is not None:
        price = (ticker.bid + ticker.ask) / 2 if ticker.has_book else ticker.last
    since_ms = 0 if ticker is None else ticker.answered_ms if ticker.has_book else ticker.ts_ms
    return Candidate(
        source=now.market.source,
        market=now.market.name,
        currency=now.market.quote,
        price=price,
        rate=currency.rate.mid if currency else None,
        rate_source=currency.rate.source if currency else "",
        price_cad=now.offer.mid if now.offer else None,
        age_ms=None if ticker is None else min(max(0, now_ms - since_ms), LONGEST_AGE_MS),
        vote=vote,
        verdict=verdict,
        reason=reason,
        old_last=ticker.old_last if ticker else False,
    )
