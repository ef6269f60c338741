"""The optional firewall in front of the page and the feed's handshakes.

https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html
"""

import os

from aws_cdk import Stack
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.config import CLOUDFRONT_REGION, WAF_WINDOW_S, FeedConfig


def web_acl_arn(scope: Construct, config: FeedConfig) -> str | None:
    """The web ACL to use: an existing one, a new one with a rate rule, or `None`.

    Raises:
        ValueError: the stack's Region cannot have a web ACL for CloudFront.
    """
    if not config.waf_rate_limit:
        return config.web_acl_arn or None
    check_region("waf_rate_limit", f"create the web ACL in {CLOUDFRONT_REGION} and set web_acl_arn")
    name = Stack.of(scope).stack_name
    acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        scope="CLOUDFRONT",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=_metrics(name),
        rules=[
            wafv2.CfnWebACL.RuleProperty(
                name="rate",
                priority=0,
                action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                statement=wafv2.CfnWebACL.StatementProperty(
                    rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                        aggregate_key_type="IP", limit=config.waf_rate_limit, evaluation_window_sec=WAF_WINDOW_S
                    )
                ),
                visibility_config=_metrics(f"{name}-rate"),
            )
        ],
    )
    return acl.attr_arn


def check_region(setting: str, instead: str) -> None:
    """Check that the stack is where CloudFormation can make what belongs to CloudFront.

    Raises:
        ValueError: it is in another Region. The text names the setting and what to do `instead`.
    """
    region = os.environ.get("CDK_DEFAULT_REGION", CLOUDFRONT_REGION)  # the Region that the CDK CLI will deploy to
    if region != CLOUDFRONT_REGION:
        raise ValueError(f"{setting} needs a stack in {CLOUDFRONT_REGION}, but this one is for {region}: {instead}")


def _metrics(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
