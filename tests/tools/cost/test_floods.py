"""Floods of requests: what AWS bills for each of them, with and without a web ACL, and on a flat-rate plan."""

from decimal import Decimal

import pytest

from infra.config import FeedConfig
from tools.cost.floods import PACED, WAF_LIMIT, Flood, floods, table
from tools.cost.hostile import GOAL
from tools.cost.of_a_request import at_the_edge, of_a_reconnect, of_a_refusal

DAY_S = 86_400


def test_a_refusal_costs_less_than_half_a_connection() -> None:
    assert at_the_edge(0) + of_a_refusal() < of_a_reconnect() / 2


def test_a_flood_costs_what_its_requests_do() -> None:
    """By hand: a request and a function at CloudFront, what goes out, and the HTTP API where no cache answers."""
    refused, candles, kept = (flood.a_day for flood in floods(FeedConfig()))
    assert refused == DAY_S * (1_000 * Decimal("1.1e-6") + 400 * of_a_refusal())
    assert kept == pytest.approx(1_000 * DAY_S * (Decimal("1.1e-6") + Decimal("0.0165e-6") * 85), rel=Decimal("0.02"))
    assert DAY_S * (1_000 * Decimal("1.1e-6") + 100 * Decimal("1e-6")) < candles < 250


def test_a_web_acl_bills_each_request_that_it_looks_at() -> None:
    """20 cents a day for the web ACL with its rule, and 60 for a million requests; 100 of five minutes get through."""
    fast = Flood("", Decimal(1_000), Decimal(1_000), Decimal(0), Decimal("1.9e-6"))
    steady = DAY_S * (Decimal("1e-6") + 1_000 * Decimal("0.6e-6"))
    assert fast.a_day_with_waf(100) == pytest.approx(Decimal("0.1973") + steady, rel=Decimal("0.001"))


def test_dear_requests_are_worth_more_in_bursts() -> None:
    """30 seconds pass before the rule begins to block, and then it has to forget for five minutes."""
    dear = Flood("", Decimal(110), Decimal(110), Decimal("1e-6"), Decimal("9e-6"))
    in_bursts = Decimal(100 + 30 * 110) / 330
    expected = Decimal("0.1973") + DAY_S * in_bursts * Decimal("11.7e-6")
    assert dear.a_day_with_waf(100) == pytest.approx(expected, rel=Decimal("0.001"))
    assert dear.a_day_on_plan(100) == pytest.approx(DAY_S * in_bursts * Decimal("9e-6"))


def test_cloudfront_alone_bills_what_the_stage_throttles() -> None:
    """Each request at the edge, and the dollars of an answer for those that the throttle lets through."""
    paced = Flood("", Decimal(1_000), Decimal(10), Decimal("2e-6"), Decimal("3e-6"))
    assert paced.a_day == DAY_S * (1_000 * Decimal("1.1e-6") + 10 * Decimal("5e-6"))
    assert paced.a_day_on_plan(100) == pytest.approx(DAY_S * Decimal(100 + 30 * 10) / 330 * Decimal("3e-6"))


def test_with_every_setting_no_flood_is_over_the_goal() -> None:
    assert all(flood.a_day_on_plan(WAF_LIMIT) <= GOAL for flood in floods(PACED))


def test_nothing_is_blocked_below_the_limit() -> None:
    for flood in floods(FeedConfig()):
        assert flood.a_day_with_waf(2_000_000_000) > flood.a_day
        assert flood.a_day_on_plan(2_000_000_000) == DAY_S * flood.answered_per_s * flood.behind


def test_a_plan_leaves_what_is_behind_cloudfront() -> None:
    for flood in floods(FeedConfig()):
        assert flood.a_day_on_plan(100) < flood.a_day_with_waf(100) / 2
        assert flood.a_day_with_waf(100) < flood.a_day / 3


def test_the_table_has_a_row_for_each_flood() -> None:
    assert table().count("\n") == 1 + len(floods(PACED))
