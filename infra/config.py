"""A deployment's settings, from the `context` of cdk.json or from `-c name=value` on the command line."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from constructs import Node

from shared.model.channels import AMOUNT, PERCENT
from shared.model.pace import LONGEST_S
from shared.requests.prices import DEAREST
from shared.sources.settings import KEY_PARAMETER, POLL_SECONDS, SourceSetting, source_settings
from shared.store.connections_table import MOST_SHARDS

BOUNDS = {
    "tick_seconds": (1, 60),
    "stale_after_seconds": (1, 3600),
    "connection_shards": (1, MOST_SHARDS),
    "connections_per_worker": (1, 1_000_000),
    "post_rate": (0, 1_000_000),
    "post_burst": (0, 1_000_000),
    "throttle_rate": (0, 100_000),
    "throttle_burst": (0, 100_000),
    "connect_rate": (0, 100_000),
    "document_rate": (0, 100_000),
    "answer_rate": (0, 1_000_000),
    "messages_per_minute": (1, 60_000),
    "message_burst": (DEAREST, 10_000),
    "max_connections_per_client": (0, 1_000_000),
    "max_connections_per_block": (0, 1_000_000),
    "max_connections": (0, 1_000_000),
    "rates_seconds": (0, LONGEST_S),
    "max_rates_connections": (0, 1_000_000),
    "max_rates_connections_per_client": (0, 1_000_000),
    "max_rates_connections_per_block": (0, 1_000_000),
    "waf_rate_limit": (0, 2_000_000_000),
    "daily_budget_usd": (0, 1_000_000),
}
POLL_SECONDS_BOUNDS = (0, 3600)
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
# CloudFront uses certificates and web ACLs from this Region only.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
CLOUDFRONT_REGION = "us-east-1"
CERTIFICATE = re.compile(rf"arn:aws[a-z-]*:acm:{CLOUDFRONT_REGION}:\d{{12}}:certificate/[\w-]+")
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
PARAMETER = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
WEB_ACL = re.compile(rf"arn:aws[a-z-]*:wafv2:{CLOUDFRONT_REGION}:\d{{12}}:global/webacl/[\w-]+/[\w-]+")
LEAST_WAF_RATE = 10
WAF_WINDOW_S = 300
NO_AUTH, TOKEN = "none", "token"  # the values of `auth`
FREE_PLAN = "free"
PLANS = (FREE_PLAN, "pro", "business", "premium")  # of CloudFront
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """Every setting of a deployment. cdk.json repeats the defaults of those that an operator may want to change.

    `stale_after_seconds`: a quote without confirmation for this long is marked as stale.
    `standby`: an ingest whose successor has taken over watches it for the rest of its run, at least 130 s in all, and
    replaces it within two ticks if it fails. Without it a run ends when its successor takes over.
    `connection_shards`: the parts into which connections are divided. One is enough for the default quota. Above
    `connections_per_worker` connections in all, each shard has its own worker.
    `backfill`: fetch the candles of the past from the exchanges when the feed starts, and after an outage.
    `post_rate`, `post_burst`: posts to clients per second, and at the same time, by all workers together; 0 for 70 % of
    the Region's default quota (`region_quota`). The quota is shared with the clients' messages.
    `throttle_rate`, `throttle_burst`: messages per second, and at the same time, from all clients together.
    `connect_rate`: new connections per second of all clients together; more get 429. 0 for 4 % of the quota.
    `document_rate`: requests for documents per second that no cache answers. 0 for 1 % of the quota. The quota is the
    Region's default one, or follows from `post_rate`, which is 70 % of it.
    `answer_rate`: posts per second of their long answers, those of `rates`. 0 for a twentieth of the quota, which is a
    14th of `post_rate`.
    `messages_per_minute`, `message_burst`: plain messages of one connection per minute, and at the same time; others
    count as several (`shared/requests/prices.py`).
    `max_connections_per_client`: of one viewer, an IPv4 address or an IPv6 /64; `max_connections_per_block`: of a /24
    or a /48; `max_connections`: of all, for each of the `connection_shards`. 0 for no limit.
    `auth`: `none`, or `token` for clients with a signed token only. Then `max_connections_per_client` counts the
    connections of a token's subject, wherever it connects from, unless the token says another number.
    `allowed_origins`: of the pages that may connect, with commas between; empty for all. Programs state none and may.
    `direct`: clients may also connect at the API's own address, round the site or the proxy.
    `own_proxy`: your own proxy stands before the API, as CloudFront does with `site`, and sends the origin secret.
    `documents`: serve prices over HTTP, too. With `auth=token` there are none, since they are public.
    `rates`: the channel `rates`, which costs 30 times as much as `rates_batch`, is on.
    `rates_seconds`: the shortest interval between two frames of a symbol on `rates`; less than two ticks is each tick.
    `rates_change`: what `change` is on `rates`, the `amount` in CAD, or the `percent` that other such servers tell.
    `max_rates_connections`: how many connections may be subscribed to `rates`, fewer if they would take more than half
    of the posts of a tick; `max_rates_connections_per_client`: how many of one viewer, whose limits have to be on;
    `max_rates_connections_per_block`: of a /24 or a /48. 0 for no limit.
    `retain_data`: the quotes table outlives the stack, and both are protected from deletion.
    `quotes_table_name`: go on with this quotes table, which another stack left, instead of a new one.
    `alarm_email`: the address to notify when an alarm begins or ends; empty for none. AWS asks it to confirm.
    `daily_budget_usd`: what a day may cost, in US dollars. More messages in a day than it pays for raise an alarm, and
    with `alarm_email` a higher bill of the account sends a mail. 0 for neither.
    `dashboard`: make a CloudWatch dashboard; AWS takes $3 a month for each beyond an account's three.
    `access_log_role`: set the account's role for API Gateway's logs, and replace an existing one.
    `hash_addresses`: logs show a hash in place of each client's address. CloudFront's own log (`site_access_logs`) does
    not.
    `site`: serve the page and the feed with CloudFront.
    `site_domain`, `site_certificate_arn`: your own domain, and its certificate in us-east-1; set both or neither.
    `site_access_logs`: keep CloudFront's log of every request, for `log_retention_days`.
    `waf_rate_limit`: a web ACL refuses an address with more requests in five minutes; messages over an open socket do
    not count. 0 for no web ACL. CloudFormation can create one in us-east-1 only.
    `web_acl_arn`: an existing web ACL for CloudFront, which a stack in any Region can use.
    `cloudfront_plan`: CloudFront's flat-rate plan, `free`, `pro`, `business` or `premium`: a fixed price for what is
    asked and sent, with a web ACL. Empty to pay by use. CloudFormation can subscribe in us-east-1 only.
    `connections_url_base`: where an emulator takes posts to connections; empty for AWS.
    `sources`: the chosen settings of single sources (`shared/sources/settings.py`), each under its own name in the
    context. `*_base_url`: the source's address. `*_poll_seconds`: how often to ask it, 0 for its own pace.
    `*_key_parameter`: the name of a SecureString in SSM's Parameter Store with its key. No template contains a key.
    `cli_credentials`: deploy with the caller's credentials instead of the bootstrap roles.
    `native_wheels`: bundle wheels and byte code for this machine, for an emulator on it.
    """

    stack_name: str = "Cadfeed"
    stage_name: str = "live"
    tick_seconds: int = 5
    stale_after_seconds: int = 30
    standby: bool = True
    backfill: bool = True
    connection_shards: int = 1
    connections_per_worker: int = 25_000
    post_rate: int = 0
    post_burst: int = 0
    throttle_rate: int = 0
    throttle_burst: int = 0
    connect_rate: int = 0
    document_rate: int = 0
    answer_rate: int = 0
    messages_per_minute: int = 5
    message_burst: int = 200
    documents: bool = True
    rates: bool = True
    rates_seconds: int = 15
    rates_change: str = AMOUNT
    max_rates_connections: int = 200
    max_rates_connections_per_client: int = 2
    max_rates_connections_per_block: int = 20
    max_connections_per_client: int = 20
    max_connections_per_block: int = 400
    max_connections: int = 25_000
    auth: str = NO_AUTH
    allowed_origins: str = ""
    direct: bool = False
    own_proxy: bool = False
    log_retention_days: int = 14
    tracing: bool = True
    retain_data: bool = True
    quotes_table_name: str = ""
    access_log_role: bool = True
    hash_addresses: bool = False
    alarm_email: str = ""
    daily_budget_usd: int = 10
    dashboard: bool = True
    site: bool = True
    site_domain: str = ""
    site_certificate_arn: str = ""
    site_access_logs: bool = False
    waf_rate_limit: int = 0
    web_acl_arn: str = ""
    cloudfront_plan: str = ""
    connections_url_base: str = ""
    cli_credentials: bool = False
    native_wheels: bool = False
    sources: Mapping[SourceSetting, str] = field(default_factory=dict)

    @property
    def needs_token(self) -> bool:
        return self.auth == TOKEN

    @property
    def rates_every_s(self) -> int:
        """`rates_seconds` in whole ticks; 0 for every tick."""
        ticks = -(-self.rates_seconds // self.tick_seconds)
        return ticks * self.tick_seconds if ticks > 1 else 0

    @property
    def serves_documents(self) -> bool:
        return self.documents and not self.needs_token

    @property
    def has_edge(self) -> bool:
        """Whether something stands before the API that proves itself with the origin secret."""
        return self.site or self.own_proxy


def config_from(node: Node) -> FeedConfig:
    """The settings in the context of a construct tree.

    Raises:
        ValueError: a setting is misspelt or has an invalid value. The text names the setting.
    """
    hints = {name: kind for name, kind in get_type_hints(FeedConfig).items() if name != "sources"}
    of_sources = {setting.name: setting for setting in source_settings()}
    context: dict[str, Any] = {name: value for name, value in node.get_all_context().items() if value is not None}
    known = [*hints, *of_sources]
    for name in context.keys() - set(known):
        if meant := difflib.get_close_matches(name, known, n=1, cutoff=0.8):
            raise ValueError(f"{name} is not a setting; {meant[0]} is")
    chosen = {name: _typed(name, kind, context[name]) for name, kind in hints.items() if name in context}
    sources = {setting: _checked(setting, context[name]) for name, setting in of_sources.items() if name in context}
    config = FeedConfig(**chosen, sources={setting: text for setting, text in sources.items() if text})
    for name, bounds in BOUNDS.items():
        _check_bounds(name, getattr(config, name), bounds)
    if config.alarm_email and not ADDRESS.fullmatch(config.alarm_email):
        raise ValueError(f"alarm_email is {config.alarm_email!r}; it must be an e-mail address")
    if config.quotes_table_name and not TABLE.fullmatch(config.quotes_table_name):
        raise ValueError(f"quotes_table_name is {config.quotes_table_name!r}; it must be the name of a table")
    for origin in filter(None, config.allowed_origins.split(",")):
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"allowed_origins has {origin!r}; an origin is like https://example.com, in lower case")
    if config.rates_change not in {AMOUNT, PERCENT}:
        raise ValueError(f"rates_change is {config.rates_change!r}; it must be {AMOUNT} or {PERCENT}")
    _check_auth(config)
    _check_site(config)
    return config


def chosen_settings(config: FeedConfig) -> dict[str, Any]:
    """The settings that are not the defaults, by their names in the context."""
    own = {each.name: getattr(config, each.name) for each in fields(config) if each.name != "sources"}
    chosen = {name: value for name, value in own.items() if value != getattr(FeedConfig(), name)}
    return chosen | {setting.name: text for setting, text in config.sources.items()}


def _check_auth(config: FeedConfig) -> None:
    if config.auth not in {NO_AUTH, TOKEN}:
        raise ValueError(f"auth is {config.auth!r}; it must be {NO_AUTH} or {TOKEN}")
    if config.needs_token and config.site_access_logs:
        raise ValueError("site_access_logs writes the addresses' queries, where a token may be; set it or auth=token")


def _check_site(config: FeedConfig) -> None:
    if config.site_domain and not DOMAIN.fullmatch(config.site_domain):
        raise ValueError(f"site_domain is {config.site_domain!r}; it must be a domain name in lower case")
    for name, shape in (("site_certificate_arn", CERTIFICATE), ("web_acl_arn", WEB_ACL)):
        arn = getattr(config, name)
        if arn and not shape.fullmatch(arn):
            raise ValueError(f"{name} is {arn!r}; it must be the ARN of one for CloudFront, in {CLOUDFRONT_REGION}")
    if bool(config.site_domain) != bool(config.site_certificate_arn):
        raise ValueError("site_domain and site_certificate_arn go together; only one is set")
    if 0 < config.waf_rate_limit < LEAST_WAF_RATE:
        raise ValueError(f"waf_rate_limit is {config.waf_rate_limit}; it must be 0 or at least {LEAST_WAF_RATE}")
    if config.waf_rate_limit and config.web_acl_arn:
        raise ValueError("waf_rate_limit creates a web ACL, web_acl_arn uses an existing one; set only one of them")
    for name in ("site_domain", "site_access_logs", "waf_rate_limit", "web_acl_arn", "cloudfront_plan"):
        if getattr(config, name) and not config.site:
            raise ValueError(f"{name} is for the site's CloudFront; without site there is none")
    if config.cloudfront_plan:
        _check_plan(config)


def _check_plan(config: FeedConfig) -> None:
    plan = config.cloudfront_plan
    if plan not in PLANS:
        raise ValueError(f"cloudfront_plan is {plan!r}; it must be one of {', '.join(PLANS)}")
    if not (config.waf_rate_limit or config.web_acl_arn):
        raise ValueError("cloudfront_plan needs a web ACL; set waf_rate_limit, e.g. 1000, or web_acl_arn")
    if plan == FREE_PLAN and config.site_access_logs:
        raise ValueError("the free plan has no access logs; set site_access_logs or another cloudfront_plan")


def _check_bounds(name: str, value: int, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if not least <= value <= most:
        raise ValueError(f"{name} is {value}; it must be {least} to {most}")


def _checked(setting: SourceSetting, value: object) -> str:
    """The setting's text; empty for the default."""
    text = str(value)
    if setting.kind == KEY_PARAMETER and text and not PARAMETER.fullmatch(text):
        raise ValueError(f"{setting.name} is not the name of a parameter; it must not be the key itself")
    if setting.kind == POLL_SECONDS:
        seconds = _typed(setting.name, int, text)
        _check_bounds(setting.name, seconds, POLL_SECONDS_BOUNDS)
        return str(seconds) if seconds else ""
    return text


def _typed(name: str, kind: type, value: object) -> Any:
    text = str(value)
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError(f"{name} is {text!r}; it must be true or false")
        return text.lower() == "true"
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}; it must be a whole number") from None
    return text
