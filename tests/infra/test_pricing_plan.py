"""CloudFront's flat-rate plan: what it is for, and that every plan takes the distribution.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/flat-rate-pricing-plan.html
"""

from pathlib import Path

import pytest

from infra.config import PLANS
from tests.infra.synthesis import Synthesised, in_words, synthesise
from tests.infra.test_site import distribution

ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/0a1b2c3d"
FREE_BEHAVIORS = 5
OWN_POLICIES = ("CachePolicy", "OriginRequestPolicy", "ResponseHeadersPolicy")


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_covers_the_distribution_and_its_web_acl(tmp_path: Path, plan: str) -> None:
    stack = synthesise(tmp_path, site=True, waf_rate_limit=1000, cloudfront_plan=plan)
    (subscription,) = stack.properties("AWS::PricingPlanManager::Subscription").values()
    distribution_arn, acl_arn = map(in_words, subscription.pop("ResourceArns"))
    assert subscription == {"PlanFamily": "CloudFront", "PlanTier": plan.upper(), "UsageLevel": "DEFAULT"}
    assert distribution_arn == "arn:<AWS::Partition>:cloudfront::<AWS::AccountId>:distribution/<SiteDistribution>"
    assert acl_arn == in_words(distribution(stack)["WebACLId"]) == "<SiteWebAcl.Arn>"
    assert in_words(stack.template.find_outputs("PricingPlan")["PricingPlan"]["Value"]) == "<SitePlan.Arn>"


def test_a_plan_covers_an_existing_web_acl(tmp_path: Path) -> None:
    stack = synthesise(tmp_path, site=True, web_acl_arn=ACL, cloudfront_plan="pro")
    (subscription,) = stack.properties("AWS::PricingPlanManager::Subscription").values()
    assert subscription["ResourceArns"][1] == ACL


def test_there_is_no_plan_unless_one_is_chosen(with_own_domain: Synthesised) -> None:
    with_own_domain.template.resource_count_is("AWS::PricingPlanManager::Subscription", 0)


def test_every_plan_takes_the_distribution(with_site: Synthesised) -> None:
    """The free one has five behaviours, and policies of AWS's own only."""
    assert 1 + len(distribution(with_site)["CacheBehaviors"]) <= FREE_BEHAVIORS
    for policy in OWN_POLICIES:
        with_site.template.resource_count_is(f"AWS::CloudFront::{policy}", 0)
    assert "ForwardedValues" not in str(distribution(with_site))


def test_a_plan_in_the_wrong_region_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "ca-central-1")
    with pytest.raises(ValueError, match=r"is for ca-central-1: deploy without it and choose the plan in CloudFront's"):
        synthesise(tmp_path, site=True, web_acl_arn=ACL, cloudfront_plan="pro")
