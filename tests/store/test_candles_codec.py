"""Open candles are stored with every digit, and an older version's without their ticks."""

from decimal import Decimal

import pytest

from shared.model.candles import INTERVAL_MS, Candle
from shared.store.candles_codec import pack_open, pack_ticks, unpack_open

LONG = Decimal("12345.678901234567890123456789012345678901234567890123456789")


def candle(number: int, interval: str, price: Decimal, ticks: int | None) -> Candle:
    return Candle(number * INTERVAL_MS[interval], price, price + 2, price - 1, price + 1, ticks)


OPEN = {
    "BTC_CAD": {"1m": candle(9_000, "1m", LONG, 4), "1h": candle(150, "1h", LONG, 200)},
    "SHIB_CAD": {"1d": candle(6, "1d", Decimal("0.00001234"), 7)},
}


def test_open_candles_are_read_as_they_were_written() -> None:
    assert unpack_open(pack_open(OPEN), pack_ticks(OPEN)) == OPEN


@pytest.mark.parametrize("ticks", [[], [[4]], [[4, 200]], [[], [7]]])
def test_candles_whose_ticks_were_not_stored_have_none(ticks: list[list[int]]) -> None:
    of_symbols = [*ticks, [], []]
    found = unpack_open(pack_open(OPEN), ticks)
    assert [[each.ticks for each in candles.values()] for candles in found.values()] == [
        [*counts, None, None][: len(candles)] for counts, candles in zip(of_symbols, OPEN.values(), strict=False)
    ]
    assert found.keys() == OPEN.keys()


def test_a_newer_versions_interval_is_left_out() -> None:
    rows = [["BTC_CAD", 0, ["2h", 3, 5, 0, 0, 0], ["1h", 3, 6, 0, 0, 0]]]
    five, eleven = Decimal(5), Decimal(11)  # all numbers but the first differ from the first
    left = Candle(3 * INTERVAL_MS["1h"], five, five, five, eleven, 2)
    assert unpack_open(rows, [[1, 2]]) == {"BTC_CAD": {"1h": left}}


@pytest.mark.parametrize("rows", [[None], [["BTC_CAD", "x", ["1h", 3, 5, 0, 0, 0]]], [["BTC_CAD", 0, 7]]])
def test_anything_but_candles_is_an_error(rows: list[object]) -> None:
    with pytest.raises(ValueError, match="not packed candles"):
        unpack_open(rows)
