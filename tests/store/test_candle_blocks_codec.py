"""A block of candles is stored with every digit, in differences between neighbours."""

import json
import zlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.candles import INTERVAL_MS, Candle
from shared.store.candle_blocks_codec import pack_block, unpack_block

HOUR_MS = INTERVAL_MS["1h"]


def candle(number: int, *prices: str) -> Candle:
    opened, high, low, close = map(Decimal, prices)
    return Candle(number * HOUR_MS, opened, high, low, close)


BLOCK = [
    candle(480_000, "100.5", "101.25", "99", "101"),
    candle(480_001, "101", "101", "100", "100"),
    candle(480_005, "100.1", "102", "100.1", "102"),
]
# Hundredths: the interval, the open from the close before, the close from the open, above both, below both.
PACKED = [-2, [480_000, 1, 4], [10_050, 0, 10], [50, -100, 190], [25, 0, 0], [150, 0, 0]]


def test_a_block_is_the_differences_between_neighbours() -> None:
    assert json.loads(zlib.decompress(pack_block(BLOCK, HOUR_MS))) == PACKED
    assert unpack_block(zlib.compress(json.dumps(PACKED).encode()), HOUR_MS) == BLOCK


def test_an_empty_block_has_no_candles() -> None:
    assert unpack_block(pack_block([], HOUR_MS), HOUR_MS) == []


prices = st.decimals("1e-30", "1e30", allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.tuples(prices, prices, prices, prices)), max_size=6),
    st.sampled_from(list(INTERVAL_MS.values())),
)
def test_any_block_is_read_as_it_was_written(rows: list[tuple[int, tuple[Decimal, ...]]], length_ms: int) -> None:
    block = [
        Candle(number * length_ms, opened, max(opened, high, low, close), min(opened, high, low, close), close)
        for number, (opened, high, low, close) in rows
    ]
    assert unpack_block(pack_block(block, length_ms), length_ms) == block


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [0],
        ["0", [1], [1], [1], [1], [1]],
        [0, [1], [1], [1], [1]],
        [0, [1, 2], [1], [1], [1], [1]],
        [0, [1.5], [1], [1], [1], [1]],
        [0, ["1"], [1], [1], [1], [1]],
        [0, [1], [None], [1], [1], [1]],
        [10**9, [1], [1], [1], [1], [1]],
        {"0": 1},
    ],
)
def test_anything_but_a_block_is_an_error(broken: Any) -> None:
    with pytest.raises(ValueError, match=r"^not a packed block of candles$"):
        unpack_block(zlib.compress(json.dumps(broken).encode()), HOUR_MS)
