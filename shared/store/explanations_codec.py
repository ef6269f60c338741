"""What explains the prices of a tick as one attribute of a DynamoDB item: compressed JSON with exact decimals.

Of 75 assets with five candidates each it is below 7 KB, whatever digits they have; DynamoDB bills a write per KB. So
values of a kind stand together in columns, rates and outcomes once in a table, and what the reader can work out is left
away: a candidate's market is the catalogue's at its place, its price in CAD is price x rate, the reference the median
of the votes. Where that is not so, the value itself is stored.

What another version wrote, with another catalogue, is not read: the next tick writes it anew.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any, cast, get_args

from shared.assets import catalogue
from shared.explanation import Candidate, Explanation, Explanations, Verdict
from shared.wire import EXACT

# In the place of a number: it can be worked out; there is none.
WORKED_OUT, NONE = "=", "-"
VERDICTS = get_args(Verdict)


def pack_explanations(explanations: Explanations) -> bytes:
    """The explanations as bytes for `unpack_explanations`."""
    rates: dict[tuple[str, str], int] = {}
    outcomes: dict[tuple[object, ...], int] = {}
    assets, candidates = [], []
    for explanation in explanations.by_symbol.values():
        reference = _text(explanation.reference, _median(explanation.candidates))
        dispersion, length = _text(explanation.dispersion), len(explanation.candidates)
        assets.append((explanation.symbol, reference, dispersion, explanation.sources, length))
        for each in explanation.candidates:
            rate = rates.setdefault((_text(each.rate), each.rate_source), len(rates))
            outcome = outcomes.setdefault((each.vote, each.verdict, each.reason, each.old_last), len(outcomes))
            in_cad = _text(each.price_cad, _product(each.price, each.rate))
            place = _place(explanation.symbol, each)
            candidates.append((place, _text(each.price), rate, in_cad, each.age_ms, outcome))
    stored = {
        "catalogue": _catalogue_sum(),
        "seq": explanations.seq,
        "ts_ms": explanations.ts_ms,
        "rates": list(rates),
        "outcomes": list(outcomes),
        "assets": _columns(assets),
        "candidates": _columns(candidates),
    }
    return zlib.compress(json.dumps(stored, separators=(",", ":")).encode(), level=6)


def unpack_explanations(packed: bytes) -> Explanations:
    """The explanations that `pack_explanations` packed.

    Raises:
        ValueError: not such bytes, or of another version or catalogue.
    """
    try:
        stored = json.loads(zlib.decompress(packed))
        if stored["catalogue"] != _catalogue_sum():
            raise ValueError("of another catalogue")
        candidates = iter(_rows(stored["candidates"]))
        found = [_explanation(row, candidates, stored) for row in _rows(stored["assets"])]
        if next(candidates, None) is not None:
            raise ValueError("candidates of no asset")
        return Explanations(stored["seq"], stored["ts_ms"], {each.symbol: each for each in found})
    except (zlib.error, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise ValueError("no packed explanations") from error


def _explanation(row: Sequence[Any], candidates: Iterator[Sequence[Any]], stored: dict[str, Any]) -> Explanation:
    symbol, reference, dispersion, sources, length = row
    found = tuple(_candidate(symbol, each, stored) for each in islice(candidates, length))
    if len(found) != length:
        raise ValueError("an asset without candidates")
    return Explanation(symbol, _number(reference, _median(found)), _number(dispersion), sources, found)


def _candidate(symbol: str, row: Sequence[Any], stored: dict[str, Any]) -> Candidate:
    place, price, rate_at, in_cad, age_ms, outcome_at = row
    rate, rate_source = stored["rates"][rate_at]
    vote, verdict, reason, old_last = stored["outcomes"][outcome_at]
    if verdict not in VERDICTS:
        raise ValueError(f"no verdict: {verdict!r:.20}")
    source, market, currency = _market(symbol, place)
    price, rate = _number(price), _number(rate)
    price_cad = _number(in_cad, _product(price, rate))
    return Candidate(
        source=source,
        market=market,
        currency=currency,
        price=price,
        rate=rate,
        rate_source=rate_source,
        price_cad=price_cad,
        age_ms=age_ms,
        vote=vote,
        verdict=cast("Verdict", verdict),
        reason=reason,
        old_last=old_last,
    )


def _place(symbol: str, candidate: Candidate) -> int | list[str]:
    """Which of the asset's markets it is; its names where the catalogue has no such market."""
    names = (candidate.source, candidate.market, candidate.currency)
    known = _markets().get(symbol, ())
    return known.index(names) if names in known else list(names)


def _market(symbol: str, place: int | list[str]) -> Sequence[str]:
    return _markets()[symbol][place] if isinstance(place, int) else place


@cache
def _markets() -> dict[str, tuple[tuple[str, str, str], ...]]:
    return {
        symbol: tuple((market.source, market.name, market.quote) for market in asset.markets)
        for symbol, asset in catalogue().items()
    }


@cache
def _catalogue_sum() -> int:
    return zlib.crc32(repr(_markets()).encode())


def _columns(rows: Iterable[Sequence[Any]]) -> list[Any]:
    """Values of a kind together; texts, which are numbers and symbols, as one text."""
    columns = zip(*rows, strict=True)
    return [" ".join(each) if all(isinstance(value, str) for value in each) else each for each in columns]


def _rows(columns: Iterable[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*(each.split(" ") if isinstance(each, str) else each for each in columns), strict=True))


def _product(price: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return None if price is None or rate is None else EXACT.multiply(price, rate)


def _median(candidates: Iterable[Candidate]) -> Decimal | None:
    """That of the votes; of an even number the mean of the middle two."""
    ordered = sorted(each.price_cad for each in candidates if each.vote and each.price_cad is not None)
    if not ordered:
        return None
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return EXACT.divide(EXACT.add(ordered[middle - 1], ordered[middle]), Decimal(2))


def _text(number: Decimal | None, expected: Decimal | None = None) -> str:
    if number is None:
        return NONE
    return WORKED_OUT if number == expected else str(number)


def _number(text: str, expected: Decimal | None = None) -> Decimal | None:
    if text == NONE:
        return None
    return expected if text == WORKED_OUT else Decimal(text)
