"""The answer to `explain`: why an asset has its price."""

from typing import Any

from shared.model.assets import catalogue
from shared.model.explanation import Candidate, Explanation, Explanations
from shared.protocol.errors import BadRequest, Id, unknown_symbol
from shared.protocol.frames import reply
from shared.protocol.messages_in import Message


def parse_explain(message: Message) -> str:
    """The symbol in an `explain` request.

    Raises:
        BadRequest: its code is `bad_request` or `unknown_symbol`.
    """
    symbol = message.body.get("symbol")
    if not isinstance(symbol, str):
        raise BadRequest("bad_request", '"symbol" is a text such as "BTC_CAD"', message.message_id)
    if symbol not in catalogue():
        raise unknown_symbol([symbol], message.message_id)
    return symbol


def explain_frame(explanation: Explanation, explanations: Explanations, message_id: Id) -> bytes:
    """An asset's candidates, with the `seq` and time of the tick that considered them."""
    fields = {
        "event": "explain",
        "symbol": explanation.symbol,
        "seq": explanations.seq,
        "ts": explanations.ts_ms,
        "reference": explanation.reference,
        "dispersion": explanation.dispersion,
        "band": catalogue()[explanation.symbol].band,
        "sources": explanation.sources,
        "candidates": [_candidate(candidate) for candidate in explanation.candidates],
    }
    if explanation.change_at_current_rate:
        fields["change_at_current_rate"] = True
    return reply(fields, message_id)


def _candidate(candidate: Candidate) -> dict[str, Any]:
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
    return fields | ({"old_last": True} if candidate.old_last else {})
