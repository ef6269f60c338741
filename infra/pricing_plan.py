"""The optional flat-rate plan: a fixed price for CloudFront and its web ACL, whatever is asked or sent.

Every plan takes what `Site` makes: AWS's own policies only, and five behaviours.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/flat-rate-pricing-plan.html
"""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_pricingplanmanager as pricingplanmanager
from constructs import Construct

from infra.config import FeedConfig
from infra.web_acl import check_region


def subscribe(scope: Construct, config: FeedConfig, distribution: cloudfront.Distribution, web_acl_arn: str) -> None:
    """Subscribe the distribution and its web ACL to the plan of the settings. A paid one waits for its approval.

    Raises:
        ValueError: the stack's Region cannot have a subscription.
    """
    check_region("cloudfront_plan", "deploy without it and choose the plan in CloudFront's console")
    plan = pricingplanmanager.CfnSubscription(
        scope,
        "Plan",
        plan_family="CloudFront",
        plan_tier=config.cloudfront_plan.upper(),
        usage_level="DEFAULT",
        resource_arns=[distribution.distribution_arn, web_acl_arn],
    )
    CfnOutput(
        Stack.of(scope),
        "PricingPlan",
        value=plan.attr_arn,
        description="CloudFront's flat-rate plan; AWS asks you to approve a paid one",
    )
