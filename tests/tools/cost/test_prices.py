"""The price of a month's quantity: tiers and free shares; every price names its page."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.cost import prices
from tools.cost.prices import BILLION, MILLION, Price

PRICES = {name: price for name, price in vars(prices).items() if isinstance(price, Price)}
quantities = st.integers(0, 10**14).map(Decimal)
any_price = st.sampled_from(sorted(PRICES))


@pytest.mark.parametrize(
    ("name", "quantity", "dollars"),
    [
        ("API_GATEWAY_MESSAGE", 0, "0"),
        ("API_GATEWAY_MESSAGE", 10**9, "1000"),
        ("API_GATEWAY_MESSAGE", 10**9 + 1, "1000.0000008"),
        ("API_GATEWAY_MESSAGE", 5 * 10**9, "4200"),
        ("API_GATEWAY_MINUTE", 43_800, "0.01095"),
        ("IOT_MESSAGE", 5 * 10**9, "4200"),
        ("IOT_MESSAGE", 6 * 10**9, "4900"),
        ("TRANSFER_OUT_GB", 10_240, "921.6"),
        ("TRANSFER_OUT_GB", 10_241, "921.685"),
        ("TRANSFER_OUT_GB", 51_200, "4403.2"),
        ("TRANSFER_OUT_GB", 153_600, "11571.2"),
        ("TRANSFER_OUT_GB", 153_700, "11576.2"),
        ("CLOUDFRONT_OUT_GB", 10_240, "870.4"),
        ("CLOUDFRONT_OUT_GB", 51_200, "4147.2"),
        ("CLOUDFRONT_OUT_GB", 153_600, "10291.2"),
        ("CLOUDFRONT_OUT_GB", 512_000, "24627.2"),
        ("CLOUDFRONT_REQUEST", 10_000, "0.01"),
        ("CLOUDFRONT_FUNCTION", 10**6, "0.1"),
        ("CLOUDWATCH_METRIC", 10_000, "3000"),
        ("CLOUDWATCH_METRIC", 10_010, "3001"),
        ("CLOUDWATCH_LOGS_GB", 10_241, "5120.25"),
        ("LAMBDA_GB_SECOND", 7_500_000_000, "100000.5"),
        ("LAMBDA_GB_SECOND", 7_500_000_001, "100000.5000120001"),
        ("DYNAMODB_WRITE", 10**6, "0.625"),
    ],
)
def test_each_part_of_a_quantity_costs_what_its_tier_says(name: str, quantity: int, dollars: str) -> None:
    assert PRICES[name].of(Decimal(quantity)) == Decimal(dollars)


def test_the_free_tier_is_subtracted_only_when_asked_for() -> None:
    requests = prices.LAMBDA_REQUEST
    assert requests.of(MILLION) == Decimal("0.2")
    assert requests.of(MILLION, free_tier=True) == 0
    assert requests.of(3 * MILLION, free_tier=True) == Decimal("0.4")


def test_a_free_share_moves_the_tiers_up() -> None:
    assert prices.TRANSFER_OUT_GB.of(Decimal(10_340), free_tier=True) == prices.TRANSFER_OUT_GB.of(Decimal(10_240))


def test_a_negative_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        prices.SCHEDULER_INVOCATION.of(Decimal(-1))


@given(any_price, quantities, quantities)
def test_more_never_costs_less_nor_more_than_the_first_price(name: str, some: Decimal, more: Decimal) -> None:
    price = PRICES[name]
    assert price.of(some) <= price.of(some + more) <= price.of(some) + more * price.tiers[0][1]


@given(any_price, quantities)
def test_a_free_share_never_makes_it_dearer(name: str, quantity: Decimal) -> None:
    assert PRICES[name].of(quantity, free_tier=True) <= PRICES[name].of(quantity)


@pytest.mark.parametrize("name", sorted(PRICES))
def test_a_price_names_its_page_and_its_tiers_have_no_gap(name: str) -> None:
    price = PRICES[name]
    assert price.page.startswith("https://aws.amazon.com/")
    assert "pricing" in price.page
    assert price.tiers[-1][0] == prices.BEYOND
    for (upto, dollars), (further, less) in pairwise(price.tiers):
        assert upto < further
        assert 0 < less < dollars


def test_a_price_is_a_price_and_not_a_price_of_a_million() -> None:
    assert prices.API_GATEWAY_MESSAGE.tiers == ((BILLION, Decimal("0.000001")), (prices.BEYOND, Decimal("0.0000008")))


@pytest.mark.parametrize(
    ("requests", "gigabytes", "dollars"),
    [
        (0, 0, 0),
        (10**6, 100, 0),
        (10**6 + 1, 100, 15),
        (1, 101, 15),
        (10**7, 50 * 1024, 15),
        (10**7 + 1, 1, 200),
        (1, 50 * 1024 + 1, 1_450),
        (6 * 10**9, 600 * 1024, 10_000),
        (6 * 10**9 + 1, 1, None),
        (1, 600 * 1024 + 1, None),
    ],
)
def test_the_cheapest_plan_that_is_made_for_so_much(requests: int, gigabytes: int, dollars: int | None) -> None:
    plan = prices.plan_for(Decimal(requests), Decimal(gigabytes))
    assert (plan.dollars if plan else None) == dollars
