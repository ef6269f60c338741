"""The settings of a deployment, and the errors of invalid ones."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from functions.ingest.ticks import RUN_MS
from infra.config import FeedConfig, config_from
from shared.requests.prices import DEAREST
from shared.sources.settings import BASE_URL, KEY_PARAMETER, POLL_SECONDS, source_settings
from tests.infra.synthesis import CDK_JSON, FUNCTIONS, Synthesised, in_words, make_app, synthesise

FOR_EMULATORS = {
    "connections_url_base",
    "cli_credentials",
    "native_wheels",
    "sources",
}
CHOSEN = {BASE_URL: "http://other", POLL_SECONDS: "15", KEY_PARAMETER: "/cadfeed/key"}
OF_SOURCES = {setting.name: CHOSEN[setting.kind] for setting in source_settings()}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d"
ELSEWHERE = CERTIFICATE.replace("us-east-1", "ca-central-1")
NO_ORIGIN = "an origin is like https://example.com, in lower case"
WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/0a1b2c3d"


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A stack with most settings different from cdk.json, as text from the command line."""
    return synthesise(
        tmp_path_factory.mktemp("cdk.out"),
        stack_name="Other",
        stage_name="test",
        tick_seconds="2",
        stale_after_seconds="20",
        standby="false",
        **OF_SOURCES,
        connection_shards="4",
        post_rate="100",
        post_burst="50",
        throttle_rate="10",
        throttle_burst="5",
        connect_rate="9",
        answer_rate="6",
        rates="false",
        rates_seconds="7",
        max_rates_connections="7",
        max_rates_connections_per_client="5",
        max_rates_connections_per_block="6",
        messages_per_minute="2",
        message_burst="70",
        max_connections_per_client="3",
        max_connections_per_block="30",
        max_connections="300",
        auth="token",
        documents="false",
        allowed_origins="https://shop.example,http://localhost:5173",
        own_proxy="true",
        direct="true",
        log_retention_days="90",
        tracing="false",
        access_log_role="false",
        daily_budget_usd="3",
        dashboard="false",
        hash_addresses="true",
        cli_credentials="true",
        native_wheels="true",
    )


def variables(stack: Synthesised, function: str) -> dict[str, Any]:
    return dict(stack.functions()[function]["Environment"]["Variables"])


def test_cdk_json_shows_the_defaults_an_operator_may_change() -> None:
    settings = {name: value for name, value in CDK_JSON["context"].items() if not name.startswith("@aws-cdk")}
    assert settings == {name: value for name, value in asdict(FeedConfig()).items() if name not in FOR_EMULATORS}


def test_without_a_context_the_defaults_hold() -> None:
    assert config_from(App().node) == FeedConfig()


def test_the_stack_and_its_stage_have_the_chosen_names(changed: Synthesised) -> None:
    assert changed.stack.stack_name == "Other"
    (api,) = changed.properties("AWS::ApiGatewayV2::Api").values()
    (stage,) = changed.properties("AWS::ApiGatewayV2::Stage").values()
    assert (api["Name"], stage["StageName"]) == ("Other", "test")
    assert variables(changed, "publish")["CONNECTIONS_URL"]["Fn::Join"][1][-1].endswith("/test")


def test_the_template_says_which_settings_were_chosen(stack: Synthesised, changed: Synthesised) -> None:
    assert stack.template.to_json()["Metadata"]["cadfeed"] == {"settings": {"site": False}}
    chosen = changed.template.to_json()["Metadata"]["cadfeed"]["settings"]
    assert chosen | OF_SOURCES == chosen
    assert (chosen["tick_seconds"], chosen["tracing"], chosen["stack_name"]) == (2, False, "Other")
    assert not chosen.keys() & {"quotes_table_name", "retain_data", "sources"}


def test_posts_are_allowed_on_the_chosen_stage(changed: Synthesised) -> None:
    resources = {resource for grants in changed.permissions().values() for resource in grants}
    assert {r.rpartition("<ApiWebSocket>")[2] for r in resources if "execute-api" in r} == {
        "/test/POST/@connections/*",
        "/test/DELETE/@connections/*",
    }


def test_clients_messages_and_connections_are_limited_as_chosen(changed: Synthesised) -> None:
    for name in ("subscribe", "request", "connect", "disconnect"):
        given = variables(changed, name)
        assert (given["MESSAGES_PER_MINUTE"], given["MESSAGE_BURST"]) == ("2", "70")
    for name in ("subscribe", "request"):
        given = variables(changed, name)
        assert (given["RATES"], given["ANSWER_RATE"]) == ("false", "6")
    for function in ("subscribe", "publish"):
        assert variables(changed, function)["MAX_RATES_CONNECTIONS"] == "1"
    given = variables(changed, "subscribe")
    assert [given[f"MAX_RATES_CONNECTIONS_PER_{of}"] for of in ("CLIENT", "BLOCK")] == ["5", "6"]
    given = variables(changed, "connect")
    assert [given[f"MAX_CONNECTIONS{of}"] for of in ("_PER_CLIENT", "_PER_BLOCK", "")] == ["3", "30", "300"]


def test_the_way_in_is_as_chosen(changed: Synthesised, stack: Synthesised) -> None:
    given = variables(changed, "connect")
    assert in_words(given["ORIGIN_SECRET"]) == "<ApiOriginSecret.Id>"
    assert (given["TOKENS"], variables(changed, "authorize")["AUDIENCE"]) == ("true", "Other")
    assert (given["DIRECT"], given["ALLOWED_ORIGINS"]) == ("true", "https://shop.example,http://localhost:5173")
    assert variables(stack, "connect")["DIRECT"] == "false"
    assert not variables(stack, "connect").keys() & {"ORIGIN_SECRET", "ALLOWED_ORIGINS"}


def test_ingest_ticks_and_asks_as_chosen(changed: Synthesised) -> None:
    given = {name: value for name, value in variables(changed, "ingest").items() if not name.startswith("POWERTOOLS")}
    assert given.pop("QUOTES_TABLE")
    assert given.pop("BACKFILL_FUNCTION")
    assert given == {
        "TICK_SECONDS": "2",
        "STALE_AFTER_SECONDS": "20",
        "STANDBY": "false",
        **{name.upper(): chosen for name, chosen in OF_SOURCES.items()},
    }
    assert changed.functions()["ingest"]["Timeout"] * 1000 > RUN_MS
    (parameters,) = (name for name in changed.permissions()["IngestRole"] if ":parameter/" in name)
    assert parameters.endswith(":parameter/cadfeed/key")


def test_backfill_asks_as_the_ingest_does(changed: Synthesised) -> None:
    given = variables(changed, "backfill")
    assert {name: given[name.upper()] for name in OF_SOURCES} == OF_SOURCES
    assert any(name.endswith(":parameter/cadfeed/key") for name in changed.permissions()["BackfillRole"])


def test_a_deployment_can_do_without_a_backfill(tmp_path: Path) -> None:
    without = synthesise(tmp_path, backfill="false", site="false")
    assert "backfill" not in without.functions()
    assert not [name for name in without.properties("AWS::CloudWatch::Alarm") if "Backfill" in name]
    assert not [f for f in without.functions() if "BACKFILL_FUNCTION" in variables(without, f)]


def test_a_source_left_alone_has_no_variable(stack: Synthesised) -> None:
    assert not {name for name in variables(stack, "ingest") if name.lower() in OF_SOURCES}


def test_all_functions_that_use_connections_agree_on_the_shards(changed: Synthesised) -> None:
    names = set(FUNCTIONS) - {"documents"}  # with tokens there is none
    shards = {name: variables(changed, name).get("CONNECTION_SHARDS") for name in names}
    assert shards == {name: None if name in ("backfill", "ingest") else "4" for name in names}


def test_posts_have_the_chosen_pace_which_the_workers_share(changed: Synthesised) -> None:
    paces = [
        (given["POST_RATE"], given["POST_BURST"]) for given in (variables(changed, n) for n in ("publish", "worker"))
    ]
    assert paces == [("100", "50"), ("25", "12")]


def test_the_stage_is_throttled_as_chosen(changed: Synthesised) -> None:
    (stage,) = changed.properties("AWS::ApiGatewayV2::Stage").values()
    throttle = stage["DefaultRouteSettings"]
    assert (throttle["ThrottlingRateLimit"], throttle["ThrottlingBurstLimit"]) == (10, 5)


def test_new_connections_have_the_chosen_pace(stack: Synthesised, changed: Synthesised) -> None:
    """The route has to be there before the stage's settings for it, which replace the default ones as a whole. They are
    always there: API Gateway keeps those of a route that a template no longer has."""
    for made, name, pace in ((changed, "test", (9, 4)), (stack, "live", (400, 200))):
        stage = made.stage(name)
        (route,) = made.template.find_resources("AWS::ApiGatewayV2::Route", {"Properties": {"RouteKey": "$connect"}})
        assert route in stage["DependsOn"]
        throttle = dict(zip(("ThrottlingRateLimit", "ThrottlingBurstLimit"), pace, strict=True))
        properties = stage["Properties"]
        assert properties["RouteSettings"] == {"$connect": properties["DefaultRouteSettings"] | throttle}


def test_logs_are_kept_as_long_as_chosen(changed: Synthesised) -> None:
    groups = changed.properties("AWS::Logs::LogGroup").values()
    assert {group["RetentionInDays"] for group in groups} == {90}


def test_tracing_is_on_unless_switched_off(stack: Synthesised, changed: Synthesised) -> None:
    for function in stack.functions().values():
        assert function["TracingConfig"] == {"Mode": "Active"}
    for function in changed.functions().values():
        assert "TracingConfig" not in function
    granted = {role: grants["*"] for role, grants in changed.permissions().items() if "*" in grants}
    assert granted == {"PublishRole": {"dynamodb:ListStreams"}}


def test_the_accounts_log_role_can_be_left_alone(changed: Synthesised) -> None:
    changed.template.resource_count_is("AWS::ApiGateway::Account", 0)
    (stage,) = changed.template.find_resources("AWS::ApiGatewayV2::Stage").values()
    assert not [name for name in stage["DependsOn"] if "Account" in name]
    assert "AccessLogSettings" in stage["Properties"]


def test_the_callers_credentials_can_deploy(stack: Synthesised, changed: Synthesised) -> None:
    assert type(stack.stack.synthesizer).__name__ == "DefaultStackSynthesizer"
    assert type(changed.stack.synthesizer).__name__ == "CliCredentialsStackSynthesizer"


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("tick_seconds", 0, "tick_seconds is 0; it must be 1 to 60"),
        ("tick_seconds", "61", "tick_seconds is 61; it must be 1 to 60"),
        ("tick_seconds", "fast", "tick_seconds is 'fast'; it must be a whole number"),
        ("tick_seconds", 2.5, "tick_seconds is '2.5'; it must be a whole number"),
        ("rates_change", "ratio", "rates_change is 'ratio'; it must be amount or percent"),
        ("stale_after_seconds", 0, "stale_after_seconds is 0; it must be 1 to 3600"),
        ("connection_shards", 0, "connection_shards is 0; it must be 1 to 100"),
        ("post_rate", -1, "post_rate is -1; it must be 0 to 1000000"),
        ("throttle_rate", -1, "throttle_rate is -1; it must be 0 to 100000"),
        ("throttle_burst", -1, "throttle_burst is -1; it must be 0 to 100000"),
        ("connect_rate", -1, "connect_rate is -1; it must be 0 to 100000"),
        ("document_rate", -1, "document_rate is -1; it must be 0 to 100000"),
        ("messages_per_minute", 0, "messages_per_minute is 0; it must be 1 to 60000"),
        ("message_burst", DEAREST - 1, f"message_burst is {DEAREST - 1}; it must be {DEAREST} to 10000"),
        ("max_connections_per_client", -1, "max_connections_per_client is -1; it must be 0 to 1000000"),
        ("allowed_origins", "shop.example", f"allowed_origins has 'shop.example'; {NO_ORIGIN}"),
        ("allowed_origins", "https://a.example, https://b", f"allowed_origins has ' https://b'; {NO_ORIGIN}"),
        ("allowed_origins", "https://a.example/", f"allowed_origins has 'https://a.example/'; {NO_ORIGIN}"),
        ("tracing", "maybe", "tracing is 'maybe'; it must be true or false"),
        ("retain_data", "", "retain_data is ''; it must be true or false"),
        ("quotes_table_name", "a b", "quotes_table_name is 'a b'; it must be the name of a table"),
        ("alarm_email", "ops", "alarm_email is 'ops'; it must be an e-mail address"),
        ("alarm_email", "a@example.com, b", "alarm_email is 'a@example.com, b'; it must be an e-mail address"),
        (
            "site_domain",
            "https://a.example",
            "site_domain is 'https://a.example'; it must be a domain name in lower case",
        ),
        ("site_domain", "a.example", "site_domain and site_certificate_arn go together; only one is set"),
        ("site_certificate_arn", CERTIFICATE, "site_domain and site_certificate_arn go together; only one is set"),
        (
            "site_certificate_arn",
            ELSEWHERE,
            f"site_certificate_arn is '{ELSEWHERE}'; it must be the ARN of one for CloudFront, in us-east-1",
        ),
        ("web_acl_arn", "acl", "web_acl_arn is 'acl'; it must be the ARN of one for CloudFront, in us-east-1"),
        ("waf_rate_limit", 9, "waf_rate_limit is 9; it must be 0 or at least 10"),
        ("tick_second", 5, "tick_second is not a setting; tick_seconds is"),
        ("kraken_base_ur", "http://k", "kraken_base_ur is not a setting; kraken_base_url is"),
        ("ndax_poll_seconds", 3601, "ndax_poll_seconds is 3601; it must be 0 to 3600"),
        ("ndax_poll_seconds", "1.5", "ndax_poll_seconds is '1.5'; it must be a whole number"),
        (
            "coingecko_key_parameter",
            "CG-secret key",
            "coingecko_key_parameter is not the name of a parameter; it must not be the key itself",
        ),
    ],
)
def test_an_invalid_setting_is_named(tmp_path: Path, setting: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        config_from(make_app(tmp_path, **{setting: value}).node)


def test_a_web_acl_is_made_or_taken_not_both(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^waf_rate_limit creates a web ACL, web_acl_arn uses an existing one"):
        config_from(make_app(tmp_path, waf_rate_limit=100, web_acl_arn=WEB_ACL).node)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("site_domain", "a.example"),
        ("site_access_logs", True),
        ("waf_rate_limit", 1000),
        ("web_acl_arn", WEB_ACL),
        ("cloudfront_plan", "pro"),
    ],
)
def test_a_setting_of_the_site_without_a_site_is_an_error(tmp_path: Path, name: str, value: object) -> None:
    more = {"site_certificate_arn": CERTIFICATE} if name == "site_domain" else {}
    with pytest.raises(ValueError, match=f"^{name} is for the site's CloudFront; without site there is none$"):
        config_from(make_app(tmp_path, **{name: value}, **more).node)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"cloudfront_plan": "gold", "site": True},
            "cloudfront_plan is 'gold'; it must be one of free, pro, business, premium",
        ),
        (
            {"cloudfront_plan": "pro", "site": True},
            "cloudfront_plan needs a web ACL; set waf_rate_limit, e.g. 1000, or web_acl_arn",
        ),
        (
            {"cloudfront_plan": "free", "site": True, "waf_rate_limit": 1000, "site_access_logs": True},
            "the free plan has no access logs; set site_access_logs or another cloudfront_plan",
        ),
    ],
)
def test_a_plan_that_aws_would_refuse_is_an_error(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        config_from(make_app(tmp_path, **settings).node)


def test_an_invalid_log_retention_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^log_retention_days is 2; it must be one of 1, 3, 7, 14, 30, 90, 365$"):
        synthesise(tmp_path, log_retention_days=2)


def test_the_context_of_other_tools_is_ignored(tmp_path: Path) -> None:
    app = make_app(tmp_path, vpc_id="vpc-1", **{"availability-zones:account=1:region=x": []})
    assert config_from(app.node) == FeedConfig(site=False)


@pytest.mark.parametrize(
    ("tick_s", "seconds", "every_s"),
    [(5, 15, 15), (5, 11, 15), (5, 5, 0), (5, 0, 0), (7, 15, 21), (60, 15, 0), (1, 15, 15)],
)
def test_the_interval_of_rates_is_whole_ticks(tick_s: int, seconds: int, every_s: int) -> None:
    assert FeedConfig(tick_seconds=tick_s, rates_seconds=seconds).rates_every_s == every_s
