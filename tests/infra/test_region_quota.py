"""The pace of posts follows the quota of the Region, and an unknown Region is named."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match

from infra.config import FeedConfig
from infra.region_quota import (
    LARGE,
    SMALL,
    WITH_LARGE_QUOTA,
    WITH_SMALL_QUOTA,
    Pace,
    answer_rate,
    connect_pace,
    default_pace,
    document_pace,
    message_pace,
    posting_pace,
    quota_of,
    rates_places,
)
from shared.gateway.gateway import ANSWER_IN_FLIGHT, BURST, RATE
from shared.model.assets import catalogue
from shared.requests.prices import kinds
from shared.store.answer_pace import FEW


def paced(**chosen: int) -> tuple[Pace, list[str]]:
    """Return the pace in the Region of the environment, and the warnings."""
    stack = Stack(App(), "Cadfeed")
    pace = posting_pace(stack, FeedConfig(**chosen))  # type: ignore[arg-type]  # only numbers are chosen
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return pace, [str(each.entry.data) for each in found]


def test_the_default_is_seven_tenths_of_the_quota() -> None:
    assert LARGE == (10_000 * 0.7, 5_000 * 0.7) == (RATE, BURST)
    assert SMALL == (2_500 * 0.7, 1_250 * 0.7)


@pytest.mark.parametrize(
    ("region", "pace"), [("us-east-1", LARGE), ("ca-central-1", LARGE), ("ca-west-1", SMALL), ("eu-south-1", SMALL)]
)
def test_a_known_region_has_its_own_pace(monkeypatch: pytest.MonkeyPatch, region: str, pace: Pace) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", region)
    assert paced() == (pace, [])


def test_without_a_region_the_cli_means_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDK_DEFAULT_REGION", raising=False)
    assert paced() == (LARGE, [])


@pytest.mark.parametrize("chosen", [{}, {"post_rate": 100}, {"post_burst": 50}])
def test_an_unknown_region_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, chosen: dict[str, int]) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "aq-south-1")
    pace, (warning,) = paced(**chosen)
    assert pace == (chosen.get("post_rate", SMALL.rate), chosen.get("post_burst", SMALL.burst))
    assert "in aq-south-1 is not known" in warning
    assert "set post_rate and post_burst" in warning


def test_who_sets_both_needs_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "aq-south-1")
    assert paced(post_rate=100, post_burst=50) == ((100, 50), [])


def test_no_region_has_two_quotas() -> None:
    assert not WITH_LARGE_QUOTA & WITH_SMALL_QUOTA
    assert len(WITH_SMALL_QUOTA) == 13


@pytest.mark.parametrize(("region", "quota"), [("us-east-1", Pace(10_000, 5_000)), ("eu-south-1", Pace(2_500, 1_250))])
def test_all_that_clients_may_do_fits_into_the_quota(monkeypatch: pytest.MonkeyPatch, region: str, quota: Pace) -> None:
    """Every message may be one with as many posts as a short answer has."""
    monkeypatch.setenv("CDK_DEFAULT_REGION", region)
    posts, config = paced()[0], FeedConfig()
    paces = message_pace(config), document_pace(config), connect_pace(config)
    short = max(work.posts for work in kinds().values() if work.posts <= FEW)
    messages, documents, connects = (pace.rate for pace in paces)
    assert posts.rate + answer_rate(config) + messages * (1 + short) + documents + connects <= quota.rate
    messages, documents, connects = (pace.burst for pace in paces)
    assert posts.burst + messages * (1 + short) + ANSWER_IN_FLIGHT + documents + connects <= quota.burst
    assert quota_of(config) == quota.rate


@pytest.mark.parametrize(
    ("chosen", "is_warned"),
    [
        ({"document_rate": 100_000}, True),
        ({"connect_rate": 401}, True),
        ({"connect_rate": 400, "document_rate": 100}, False),
        ({"post_rate": 60, "answer_rate": 20}, False),
        ({"post_rate": 14_000}, False),
        ({"post_rate": 14_000, "document_rate": 300}, True),
        ({"document_rate": 100_000, "documents": False}, False),
    ],
)
def test_who_shares_out_more_than_the_quota_is_warned(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, int], is_warned: bool
) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "ca-central-1")
    warnings = paced(**chosen)[1]
    assert [("whose quota in ca-central-1 is" in warning) for warning in warnings] == [True] * is_warned


@pytest.mark.parametrize(
    ("region", "tick_seconds", "places"), [("us-east-1", 5, 200), ("us-east-1", 1, 46), ("eu-south-1", 5, 58)]
)
def test_rates_takes_at_most_half_of_a_tick(
    monkeypatch: pytest.MonkeyPatch, region: str, tick_seconds: int, places: int
) -> None:
    """Also in a Region with the smaller quota, and with shorter ticks."""
    monkeypatch.setenv("CDK_DEFAULT_REGION", region)
    config = FeedConfig(tick_seconds=tick_seconds)
    assert rates_places(config) == places
    assert places * len(catalogue()) <= default_pace(config).rate * tick_seconds / 2


def test_rates_keeps_a_place_and_may_have_no_limit() -> None:
    assert rates_places(FeedConfig(post_rate=1)) == 1
    assert rates_places(FeedConfig(max_rates_connections=3)) == 3
    assert rates_places(FeedConfig(max_rates_connections=0)) == 0


def test_who_chooses_the_pace_of_posts_chooses_the_others() -> None:
    config = FeedConfig(post_rate=1_400, post_burst=280)
    assert (message_pace(config), answer_rate(config)) == ((100, 20), 100)
    config = FeedConfig(post_rate=5, throttle_rate=3, throttle_burst=4)
    assert (message_pace(config), answer_rate(config)) == ((3, 4), 1)


def test_documents_and_connections_have_a_pace_of_their_own() -> None:
    assert document_pace(FeedConfig(post_rate=1_400, post_burst=280)) == (20, 4)
    assert document_pace(FeedConfig(post_rate=1_400, post_burst=280, document_rate=9)) == (9, 4)
    assert connect_pace(FeedConfig()) == (400, 200)
    assert connect_pace(FeedConfig(post_rate=1_400, post_burst=280)) == (80, 16)
    assert connect_pace(FeedConfig(connect_rate=50)) == (50, 25)
    assert connect_pace(FeedConfig(connect_rate=1)) == (1, 1)
