"""Why prices are so is stored and read back with every digit; what another version wrote is not there."""

import zlib
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.model.explanation import Explanations
from shared.store.explanations_codec import pack_explanations, unpack_explanations
from shared.store.quotes_table import EXPLAIN_KEY, QuotesTable
from tests.unit.samples import explanations


def test_what_is_packed_is_unpacked_with_every_digit() -> None:
    made = explanations()
    assert unpack_explanations(pack_explanations(made)) == made


def test_a_price_in_cad_is_that_of_a_unit_of_the_asset_at_the_time_of_the_tick() -> None:
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


@pytest.mark.parametrize("packed", [b"", b"x", zlib.compress(b"[]"), zlib.compress(b'{"seq":1}')])
def test_what_is_no_explanation_is_a_value_error(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not packed explanations"):
        unpack_explanations(packed)


def test_the_table_has_what_was_written_last_and_nothing_of_another_version(quotes_table: QuotesTable) -> None:
    assert quotes_table.explanations() == Explanations()
    quotes_table.write_explanations(explanations())
    assert quotes_table.explanations() == explanations()
    quotes_table._table.put_item(Item={**EXPLAIN_KEY, "seq": 1, "packed": b"of another version"})
    assert quotes_table.explanations() == Explanations()
