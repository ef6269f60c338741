"""A stored number is believed if it is one."""

from decimal import Decimal

import pytest

from shared.store.stored_number import LARGEST, believed


@pytest.mark.parametrize("value", [None, "5", [5], True, Decimal(-1), Decimal(LARGEST) + 1, Decimal("1E+125")])
def test_other_than_0_to_the_largest_is_0(value: object) -> None:
    assert believed(value) == 0


@pytest.mark.parametrize(("value", "number"), [(Decimal(LARGEST), LARGEST), (Decimal("1.5"), 1), (Decimal(0), 0)])
def test_a_number_is_whole(value: Decimal, number: int) -> None:
    assert believed(value) == number
