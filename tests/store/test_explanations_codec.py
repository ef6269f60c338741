"""Explanations are stored and read with every digit; those of another version are ignored."""

import zlib
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest

from shared.model.explanation import Explanations
from shared.model.wire import EXACT
from shared.store.explanations_codec import pack_explanations, unpack_explanations
from shared.store.quotes_table import EXPLAIN_KEY, QuotesTable
from tests.samples import explanations


def test_packed_explanations_unpack_with_every_digit() -> None:
    made = explanations()
    assert unpack_explanations(pack_explanations(made)) == made


def test_a_price_in_cad_is_per_unit_at_the_time_of_the_tick() -> None:
    first = explanations(symbols=["MKR_CAD"]).by_symbol["MKR_CAD"]
    sky = replace(
        first.candidates[0],
        source="binance",
        market="SKYUSDT",
        price=Decimal("0.07"),
        price_cad=Decimal("0.07") * 22_800 * Decimal("1.37"),
    )
    at_ms = 1_795_867_200_000  # 2026-11-28
    made = Explanations(1, at_ms, {"MKR_CAD": replace(first, candidates=(sky,))})
    assert unpack_explanations(pack_explanations(made)) == made


def test_a_price_in_cad_has_every_digit() -> None:
    first = explanations(symbols=["BTC_CAD"]).by_symbol["BTC_CAD"]
    price, rate = Decimal("1.234567890123456789012345678901"), Decimal("1.3712345678901234567")
    with localcontext(EXACT):
        long = replace(first.candidates[0], price=price, rate=rate, price_cad=price * rate)
    made = Explanations(1, 2, {"BTC_CAD": replace(first, candidates=(long,))})
    assert unpack_explanations(pack_explanations(made)) == made


def test_a_price_that_cannot_be_used_has_none_in_cad() -> None:
    """However well its rate is known."""
    first = explanations(symbols=["BTC_CAD"]).by_symbol["BTC_CAD"]
    unusable = replace(first.candidates[0], verdict="unusable", price_cad=None)
    assert unusable.price is not None
    assert unusable.rate is not None
    made = Explanations(1, 2, {"BTC_CAD": replace(first, candidates=(unusable,))})
    assert unpack_explanations(pack_explanations(made)) == made


@pytest.mark.parametrize("packed", [b"", b"x", zlib.compress(b"[]"), zlib.compress(b'{"seq":1}')])
def test_invalid_explanations_are_a_value_error(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not packed explanations"):
        unpack_explanations(packed)


def test_the_table_returns_the_last_write_of_this_version(quotes_table: QuotesTable) -> None:
    assert quotes_table.explanations() == Explanations()
    quotes_table.write_explanations(explanations())
    assert quotes_table.explanations() == explanations()
    quotes_table._table.put_item(Item={**EXPLAIN_KEY, "seq": 1, "packed": b"of another version"})
    assert quotes_table.explanations() == Explanations()
