"""What a deployment may choose: the `context` of cdk.json, or `-c name=value` on the command line."""

import difflib
import re
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from constructs import Node

BOUNDS = {
    "tick_seconds": (1, 60),
    "stale_after_seconds": (1, 3600),
    "connection_shards": (1, 100),
    "connections_per_worker": (1, 1_000_000),
    "post_rate": (1, 1_000_000),
    "post_burst": (1, 1_000_000),
    "throttle_rate": (1, 100_000),
    "throttle_burst": (1, 100_000),
    "messages_per_second": (1, 1_000),
    "message_burst": (1, 10_000),
    "max_connections_per_client": (0, 1_000_000),
    "ndax_poll_seconds": (0, 3600),
    "coinbase_poll_seconds": (0, 3600),
    "coingecko_poll_seconds": (0, 3600),
    "waf_rate_limit": (0, 2_000_000_000),
}
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
# CloudFront takes certificates and web ACLs from this Region only, wherever the stack is.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
CLOUDFRONT_REGION = "us-east-1"
CERTIFICATE = re.compile(rf"arn:aws[a-z-]*:acm:{CLOUDFRONT_REGION}:\d{{12}}:certificate/[\w-]+")
PARAMETER = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
WEB_ACL = re.compile(rf"arn:aws[a-z-]*:wafv2:{CLOUDFRONT_REGION}:\d{{12}}:global/webacl/[\w-]+/[\w-]+")
LEAST_WAF_RATE = 10


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """Every setting of a deployment; cdk.json repeats the defaults of those that an operator may want to change.

    `stale_after_seconds`: a quote whose source has said nothing for so long is marked as stale.
    `connection_shards`: over how many partitions connections are spread. One is enough for the default quota; above
    `connections_per_worker` connections in all, each shard has a worker of its own.
    `post_rate`, `post_burst`: posts to clients per second and at once, of all workers together. The account's quota is
    10,000 and 5,000, and shared with the clients' own messages.
    `throttle_rate`, `throttle_burst`: messages per second from all clients together; posts to them share the account's
    quota of 10,000 and 5,000, so this leaves them the larger part.
    `messages_per_second`, `message_burst`: from one connection, and at once; what is over that is refused.
    `max_connections_per_client`: of one principal of an authorizer, else of one address; 0 for as many as it likes.
    Where something stands in front of the API, the address is that one's, so leave it at 0 there.
    `retain_data`: the tables outlive the stack.
    `alarm_email`: who is told when an alarm goes off or ends; empty for nobody. AWS asks that address to confirm.
    `access_log_role`: set the account's role for API Gateway's logs, in place of the one that it may have already.
    `site`: serve the page, and the feed beside it, with CloudFront.
    `site_domain`, `site_certificate_arn`: a name of your own for it, and its certificate in us-east-1; neither or both.
    `site_access_logs`: keep CloudFront's log of every request, for `log_retention_days`.
    `waf_rate_limit`: requests of one address in five minutes, messages over an open socket not counted, above which a
    web ACL refuses it; 0 for no web ACL. CloudFormation can make one in us-east-1 only.
    `web_acl_arn`: a web ACL for CloudFront that there is already; the way to have one with a stack in another Region.
    `connections_url_base`: where an emulator takes posts to connections; empty for AWS.
    `*_base_url`: where a source is asked; empty for its public address.
    `coingecko_key_parameter`: the name of a SecureString in SSM's Parameter Store that holds a key for CoinGecko; empty
    for none. Its value is in no template.
    `*_poll_seconds`: how often; 0 for as often as it lets everybody ask, every 10 and every 60 seconds.
    `cli_credentials`: deploy with the caller's credentials instead of the bootstrap roles.
    `native_wheels`: carry wheels and byte code for the machine that deploys, for an emulator on it.
    """

    stack_name: str = "Cadfeed"
    stage_name: str = "live"
    tick_seconds: int = 5
    stale_after_seconds: int = 30
    connection_shards: int = 1
    connections_per_worker: int = 25_000
    post_rate: int = 7_000
    post_burst: int = 3_500
    throttle_rate: int = 1000
    throttle_burst: int = 500
    messages_per_second: int = 5
    message_burst: int = 10
    max_connections_per_client: int = 0
    log_retention_days: int = 14
    tracing: bool = True
    retain_data: bool = True
    access_log_role: bool = True
    alarm_email: str = ""
    site: bool = True
    site_domain: str = ""
    site_certificate_arn: str = ""
    site_access_logs: bool = False
    waf_rate_limit: int = 0
    web_acl_arn: str = ""
    connections_url_base: str = ""
    binance_base_url: str = ""
    kraken_base_url: str = ""
    bank_of_canada_base_url: str = ""
    er_api_base_url: str = ""
    ndax_base_url: str = ""
    coinbase_base_url: str = ""
    coingecko_base_url: str = ""
    ndax_poll_seconds: int = 0
    coinbase_poll_seconds: int = 0
    coingecko_poll_seconds: int = 0
    coingecko_key_parameter: str = ""
    cli_credentials: bool = False
    native_wheels: bool = False


def config_from(node: Node) -> FeedConfig:
    """The settings of a construct tree.

    Raises:
        ValueError: a setting is misspelt or has a value that it cannot have; it names the setting.
    """
    hints = get_type_hints(FeedConfig)
    context: dict[str, Any] = {name: value for name, value in node.get_all_context().items() if value is not None}
    for name in context.keys() - hints.keys():
        if meant := difflib.get_close_matches(name, hints, n=1, cutoff=0.8):
            raise ValueError(f"{name} is no setting; {meant[0]} is")
    chosen = {f.name: _typed(f.name, hints[f.name], context[f.name]) for f in fields(FeedConfig) if f.name in context}
    config = FeedConfig(**chosen)
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(config, name) <= most:
            raise ValueError(f"{name} is {getattr(config, name)}; it is {least} to {most}")
    if config.alarm_email and not ADDRESS.fullmatch(config.alarm_email):
        raise ValueError(f"alarm_email is {config.alarm_email!r}; it is an e-mail address")
    if config.coingecko_key_parameter and not PARAMETER.fullmatch(config.coingecko_key_parameter):
        raise ValueError("coingecko_key_parameter is no name of a parameter; it is not the key itself")
    _check_site(config)
    return config


def _check_site(config: FeedConfig) -> None:
    if config.site_domain and not DOMAIN.fullmatch(config.site_domain):
        raise ValueError(f"site_domain is {config.site_domain!r}; it is a domain name in lower case")
    for name, shape in (("site_certificate_arn", CERTIFICATE), ("web_acl_arn", WEB_ACL)):
        arn = getattr(config, name)
        if arn and not shape.fullmatch(arn):
            raise ValueError(f"{name} is {arn!r}; it is the ARN of one for CloudFront, in {CLOUDFRONT_REGION}")
    if bool(config.site_domain) != bool(config.site_certificate_arn):
        raise ValueError("site_domain and site_certificate_arn go together; only one is set")
    if 0 < config.waf_rate_limit < LEAST_WAF_RATE:
        raise ValueError(f"waf_rate_limit is {config.waf_rate_limit}; it is 0 or at least {LEAST_WAF_RATE}")
    if config.waf_rate_limit and config.web_acl_arn:
        raise ValueError("waf_rate_limit makes a web ACL, web_acl_arn takes one that there is; set one of them")


def _typed(name: str, kind: type, value: object) -> Any:
    text = str(value)
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError(f"{name} is {text!r}; it is true or false")
        return text.lower() == "true"
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}; it is a whole number") from None
    return text
