"""Explanations as one attribute of a DynamoDB item: compressed JSON with exact decimals.

Rows are arrays in the order of the fields of `Candidate`. Rates and texts are stored once, in tables, and referenced by
index. The price in CAD is computed again on reading. All assets together take about 5 KB.
"""

import zlib
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

from shared.model.assets import catalogue
from shared.model.explanation import Candidate, Explanation, Explanations
from shared.model.wire import EXACT, dumps
from shared.store.packed import UNREADABLE, unzipped

_PerUnit = Mapping[tuple[str, str], Decimal]


class _Table:
    """Distinct values, referenced by their index."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._indices: dict[Any, int] = {}

    def index(self, value: Any) -> int:
        if value not in self._indices:
            self._indices[value] = len(self.values)
            self.values.append(value)
        return self._indices[value]


def pack_explanations(explanations: Explanations) -> bytes:
    """The explanations as bytes that `unpack_explanations` reads.

    Raises:
        TypeError: a value has no exact JSON form.
    """
    texts, rates = _Table(), _Table()
    rows = [
        [
            each.symbol,
            each.reference,
            each.dispersion,
            each.sources,
            [_packed(candidate, texts, rates) for candidate in each.candidates],
            int(each.change_at_current_rate),
        ]
        for each in explanations.by_symbol.values()
    ]
    stored = {
        "seq": explanations.seq,
        "ts_ms": explanations.ts_ms,
        "texts": texts.values,
        "rates": [list(rate) for rate in rates.values],
        "rows": rows,
    }
    return zlib.compress(dumps(stored).encode(), level=6)


def unpack_explanations(packed: bytes) -> Explanations:
    """The explanations that `pack_explanations` packed.

    Raises:
        ValueError: the bytes are not packed explanations of this version.
    """
    try:
        stored = unzipped(packed)
        with localcontext(EXACT):
            return _explanations(stored)
    except UNREADABLE as error:
        raise ValueError("not packed explanations") from error


def _explanations(stored: Any) -> Explanations:
    texts = stored["texts"]
    rates = [(_decimal(mid), source) for mid, source in stored["rates"]]
    per_unit = _per_unit_at(stored["ts_ms"])
    made = [
        Explanation(
            symbol,
            _decimal(reference),
            _decimal(dispersion),
            sources,
            tuple(_unpacked(row, texts, rates, per_unit) for row in rows),
            bool(at_current_rate),
        )
        for symbol, reference, dispersion, sources, rows, at_current_rate in stored["rows"]
    ]
    return Explanations(stored["seq"], stored["ts_ms"], {each.symbol: each for each in made})


def _packed(candidate: Candidate, texts: _Table, rates: _Table) -> list[Any]:
    return [
        texts.index(candidate.source),
        candidate.market,
        texts.index(candidate.currency),
        candidate.price,
        rates.index((candidate.rate, candidate.rate_source)),
        candidate.age_ms,
        int(candidate.vote),
        texts.index(candidate.verdict),
        texts.index(candidate.reason),
        int(candidate.old_last),
    ]


def _unpacked(
    row: list[Any], texts: list[Any], rates: list[tuple[Decimal | None, str]], per_unit: _PerUnit
) -> Candidate:
    source, market, currency, stated, rate, age_ms, vote, verdict, reason, old_last = row
    (mid, rate_source), price = rates[rate], _decimal(stated)
    price_cad = None
    if price is not None and mid is not None and texts[verdict] != "unusable":
        price_cad = price * per_unit.get((texts[source], market), Decimal(1)) * mid
    return Candidate(
        source=texts[source],
        market=market,
        currency=texts[currency],
        price=price,
        rate=mid,
        rate_source=rate_source,
        price_cad=price_cad,
        age_ms=age_ms,
        vote=bool(vote),
        verdict=texts[verdict],
        reason=texts[reason],
        old_last=bool(old_last),
    )


def _per_unit_at(now_ms: int) -> _PerUnit:
    """How many of a market's coins one unit of its asset is, by source and market."""
    markets = (market for asset in catalogue().values() for market in asset.markets)
    return {(market.source, market.name): market.per_unit_at(now_ms) for market in markets if market.upgrade}


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)
