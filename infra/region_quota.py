"""How many posts a Region's default quota allows.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html#apigateway-account-level-limits-table
"""

import os
from typing import NamedTuple

from aws_cdk import Annotations
from constructs import Construct

from infra.config import CLOUDFRONT_REGION, FeedConfig
from shared.model.assets import catalogue


class Pace(NamedTuple):
    """Requests per second, and at the same time."""

    rate: int
    burst: int


# 70 % of the quota. The clients' messages have 5 %, their long answers 5 %, and their short answers up to 15 %: three
# posts each. New connections have 4 %, documents 1 %.
LARGE = Pace(7_000, 3_500)  # of 10,000 and 5,000
SMALL = Pace(1_750, 875)  # of 2,500 and 1,250
WITH_LARGE_QUOTA = {
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-1", "eu-west-2",
    "eu-west-3", "eu-central-1", "eu-north-1", "me-south-1", "ap-south-1", "ap-east-1", "ap-northeast-1",
    "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2",
}  # fmt: skip
# Cape Town, Milan, Jakarta, UAE, Hyderabad, Melbourne, Spain, Zurich, Tel Aviv, Calgary, Malaysia, Thailand, Mexico
WITH_SMALL_QUOTA = {
    "af-south-1", "eu-south-1", "ap-southeast-3", "me-central-1", "ap-south-2", "ap-southeast-4", "eu-south-2",
    "eu-central-2", "il-central-1", "ca-west-1", "ap-southeast-5", "ap-southeast-7", "mx-central-1",
}  # fmt: skip


PERCENT_OF_POSTS, PERCENT_OF_MESSAGES, PERCENT_OF_ANSWERS, PERCENT_OF_CONNECTS, PERCENT_OF_DOCUMENTS = 70, 5, 5, 4, 1
POSTS_OF_A_MESSAGE = 4  # itself, and three of a short answer


def default_pace(config: FeedConfig) -> Pace:
    """The pace of posts: what the settings say, or else what the Region's default quota allows."""
    region = os.environ.get("CDK_DEFAULT_REGION", CLOUDFRONT_REGION)  # the Region that the CDK CLI will deploy to
    default = LARGE if region in WITH_LARGE_QUOTA else SMALL
    return Pace(config.post_rate or default.rate, config.post_burst or default.burst)


def message_pace(config: FeedConfig) -> Pace:
    """The pace of all clients' messages together: what the settings say, or else a twentieth of the quota."""
    share = _share(config, PERCENT_OF_MESSAGES)
    return Pace(config.throttle_rate or share.rate, config.throttle_burst or share.burst)


def document_pace(config: FeedConfig) -> Pace:
    """The pace of requests for documents that no cache answers: what the settings say, or else a hundredth of the
    quota."""
    return _evenly(config.document_rate) if config.document_rate else _share(config, PERCENT_OF_DOCUMENTS)


def connect_pace(config: FeedConfig) -> Pace:
    """The pace of new connections: what the settings say, or else 4 % of the quota."""
    return _evenly(config.connect_rate) if config.connect_rate else _share(config, PERCENT_OF_CONNECTS)


def _share(config: FeedConfig, percent: int) -> Pace:
    """So much of the quota, which follows from the pace of posts."""
    rate, burst = (max(1, percent * posts // PERCENT_OF_POSTS) for posts in default_pace(config))
    return Pace(rate, burst)


def _evenly(rate: int) -> Pace:
    """A pace with as many at once as come in half a second, as in the quotas."""
    return Pace(rate, max(1, rate // 2))


def answer_rate(config: FeedConfig) -> int:
    """The posts per second of all long answers: what the settings say, or else a twentieth of the quota."""
    return config.answer_rate or _share(config, PERCENT_OF_ANSWERS).rate


def rates_places(config: FeedConfig) -> int:
    """The connections that may be subscribed to `rates`: what the settings say, but no more than take half of the posts
    of a tick, since each takes one per symbol. 0 for no limit."""
    half = default_pace(config).rate * config.tick_seconds // 2
    return config.max_rates_connections and max(1, min(config.max_rates_connections, half // len(catalogue())))


def posting_pace(scope: Construct, config: FeedConfig) -> Pace:
    """The pace of posts: what the settings say, or else what the Region's default quota allows. An unknown Region has
    the smaller quota, and a warning says so. So does one if the settings share out more than the quota."""
    region = os.environ.get("CDK_DEFAULT_REGION", CLOUDFRONT_REGION)
    if region not in WITH_LARGE_QUOTA | WITH_SMALL_QUOTA and not (config.post_rate and config.post_burst):
        Annotations.of(scope).add_warning_v2(
            "cadfeed:RegionQuota",
            f"the quota of API Gateway in {region} is not known here, so clients get at most {SMALL.rate} posts a "
            f"second, {SMALL.burst} at once: look up its throttle rate and burst in the Service Quotas of {region}, "
            "and set post_rate and post_burst to 70 % of them",
        )
    shared, quota = shared_out(config), quota_of(config)
    if shared > quota:
        Annotations.of(scope).add_warning_v2(
            "cadfeed:SharedQuota",
            f"the settings let clients use {shared:,} requests a second of API Gateway, whose quota in {region} is "
            f"{quota:,} by default, so others can take ticks from clients: lower post_rate, throttle_rate, "
            "answer_rate, connect_rate or document_rate, or set post_rate to 70 % of a quota that is larger",
        )
    return default_pace(config)


def shared_out(config: FeedConfig) -> int:
    """The requests per second that all settings together allow."""
    messages = message_pace(config).rate * POSTS_OF_A_MESSAGE
    documents = document_pace(config).rate if config.documents and not config.needs_token else 0
    return default_pace(config).rate + messages + answer_rate(config) + connect_pace(config).rate + documents


def quota_of(config: FeedConfig) -> int:
    """The quota of requests per second: the Region's default one, or a larger one of which `post_rate` is 70 %."""
    return max(default_pace(FeedConfig()).rate, config.post_rate) * 100 // PERCENT_OF_POSTS
