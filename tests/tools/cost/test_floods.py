"""Floods of requests: what AWS bills for each of them, with and without a web ACL."""

from decimal import Decimal

import pytest

from tools.cost.floods import floods, table
from tools.cost.of_a_request import of_a_reconnect, of_a_refusal

DAY_S = 86_400


def test_a_refusal_costs_less_than_half_a_connection() -> None:
    assert of_a_refusal() < of_a_reconnect() / 2


def test_a_flood_costs_what_its_requests_do() -> None:
    """By hand: a request and a function at CloudFront, what goes out, and the HTTP API where no cache answers."""
    refused, candles, kept = (flood.a_day for flood in floods())
    assert refused == 500 * DAY_S * of_a_refusal()
    assert kept == pytest.approx(1_000 * DAY_S * (Decimal("1.1e-6") + Decimal("0.0165e-6") * 85), rel=Decimal("0.02"))
    assert 100 * DAY_S * Decimal("2.1e-6") < candles < 150


def test_a_web_acl_bills_each_request_that_it_looks_at() -> None:
    """20 cents a day for the web ACL with its rule, and 60 for a million requests; 100 of five minutes get through."""
    for flood in floods():
        passed = DAY_S * flood.dollars / 3
        expected = Decimal("0.1973") + flood.per_s * DAY_S * Decimal("0.6e-6") + passed
        assert flood.a_day_with_waf(100) == pytest.approx(expected, rel=Decimal("0.001"))
        assert flood.a_day_with_waf(100) < flood.a_day / 4


def test_nothing_is_blocked_below_the_limit() -> None:
    for flood in floods():
        assert flood.a_day_with_waf(2_000_000_000) > flood.a_day


def test_the_table_has_a_row_for_each_flood() -> None:
    assert table().count("\n") == 1 + len(floods())
