"""The rules that make a ticker invalid at any source, and the last trade outside its book."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from shared.pricing.rules import CLOCK_SKEW_MS, judged
from tests.samples import NOW_MS, prices, ticker

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, ""),
        ({"bid": Decimal(0)}, "not_positive"),
        ({"ask": Decimal(0)}, "not_positive"),
        ({"last": Decimal(-1)}, "not_positive"),
        ({"last": Decimal(0), "bid": Decimal(99), "ask": Decimal(101)}, "not_positive"),
        ({"activity_24h": Decimal(0)}, "no_trades"),
        ({"activity_24h": Decimal(1)}, ""),
        ({"bid": Decimal(101), "ask": Decimal(100)}, "crossed"),
        ({"bid": Decimal(100), "ask": Decimal(100)}, ""),
        ({"bid": Decimal(90), "ask": Decimal(110)}, ""),
        ({"bid": Decimal(90), "ask": Decimal("110.01")}, "wide"),
        ({"ts_ms": NOW_MS - DAY_MS}, ""),
        ({"ts_ms": NOW_MS - DAY_MS - 1}, "old"),
        ({"ts_ms": NOW_MS + CLOCK_SKEW_MS}, ""),
        ({"ts_ms": NOW_MS + CLOCK_SKEW_MS + 1}, "old"),
    ],
)
def test_a_ticker_is_a_price_unless_it_breaks_a_rule(changes: dict[str, Any], rule: str) -> None:
    assert judged(ticker(**{"last": "100"} | changes), NOW_MS, DAY_MS).refused == rule


@given(bid=prices, ask=prices, last=prices)
def test_a_price_has_its_spot_inside_its_book(bid: Decimal, ask: Decimal, last: Decimal) -> None:
    made = judged(ticker(last=last, bid=bid, ask=ask), NOW_MS, DAY_MS)
    if not made.refused:
        assert made.bid <= made.last <= made.ask
        assert made.old_last is (not bid <= last <= ask)
