"""The pace of posts follows the quota of the Region, and an unknown Region is named."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match

from infra.config import FeedConfig
from infra.region_quota import LARGE, SMALL, WITH_LARGE_QUOTA, WITH_SMALL_QUOTA, Pace, posting_pace
from shared.gateway.gateway import BURST, RATE


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
