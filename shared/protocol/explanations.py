"""The answer to `explain`: every market that the feed looked at for a price, and what became of each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shared.assets import catalogue
from shared.explanation import Candidate, Explanation, Explanations, Verdict
from shared.protocol.errors import Id
from shared.protocol.frames import reply

# Why a market is what it is, by its verdict. The contract and the guide say what each means.
REASONS: Mapping[Verdict, tuple[str, ...]] = MappingProxyType(
    {
        "taken": ("first_in_band", "nearest", "continuous", "alone", "persisted"),
        "passed_over": ("behind", "outside_band", "suspect", "not_fresh"),
        "held": ("jump", "disagreement"),
        "unusable": ("not_positive", "no_trades", "crossed", "wide", "old", "no_rate", "no_answer"),
    }
)


def explain_frame(explanation: Explanation, of: Explanations, message_id: Id) -> bytes:
    """Why one of the catalogue's symbols has its price, as of the tick that `of` was made in. One frame: an asset has
    a handful of markets."""
    return reply(
        {
            "event": "explain",
            "symbol": explanation.symbol,
            "seq": of.seq,
            "ts": of.ts_ms,
            "reference": explanation.reference,
            "dispersion": explanation.dispersion,
            "band": catalogue()[explanation.symbol].band,
            "sources": explanation.sources,
            "candidates": [_fields(candidate) for candidate in explanation.candidates],
        },
        message_id,
    )


def _fields(candidate: Candidate) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "source": candidate.source,
        "market": candidate.market,
        "currency": candidate.currency,
        "price": candidate.price,
        "rate": candidate.rate,
        "rate_source": candidate.rate_source,
        "price_cad": candidate.price_cad,
        "age_ms": candidate.age_ms,
        "vote": candidate.vote,
        "verdict": candidate.verdict,
        "reason": candidate.reason,
    }
    if candidate.old_last:
        fields["old_last"] = True
    return fields
