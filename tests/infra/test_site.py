"""The page and the feed at one address: CloudFront, its bucket and its functions."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3

from infra.app import build
from infra.config import FeedConfig
from infra.edge_functions import MOST_AGENT_CHARACTERS
from infra.feed_paths import FEED_PATTERNS
from infra.languages import file_at
from infra.page_files import PageFiles
from infra.security_headers import FOR_EVER, HEADERS, WIDGET_HEADERS, WIDGET_POLICY, content_security_policy
from shared.connecting import headers
from tests.infra.synthesis import Synthesised, built_page, in_words, make_app, synthesise
from tools.local.aws import SETTINGS

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"

DASHBOARD = (
    "https://<AWS::Region>.console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#dashboards/dashboard/<Dashboard>"
)
NODE = Path(sys.executable).with_name("node")
RUN = "const run = new Function(`${process.argv[1]}; return handler;`)(); "
RUN += "console.log(JSON.stringify(run(JSON.parse(process.argv[2]))));"


def distribution(stack: Synthesised) -> dict[str, Any]:
    (found,) = stack.properties("AWS::CloudFront::Distribution").values()
    return dict(found["DistributionConfig"])


def feeds(stack: Synthesised) -> list[dict[str, Any]]:
    """Return the behaviours of the feed's paths."""
    return [each for each in distribution(stack)["CacheBehaviors"] if each["PathPattern"] in FEED_PATTERNS]


def origin(stack: Synthesised, behavior: dict[str, Any]) -> dict[str, Any]:
    (found,) = (each for each in distribution(stack)["Origins"] if each["Id"] == behavior["TargetOriginId"])
    return dict(found)


def outputs(stack: Synthesised) -> dict[str, str]:
    return {name: in_words(output["Value"]) for name, output in stack.template.find_outputs("*").items()}


def code(stack: Synthesised, behavior: dict[str, Any], event: str) -> str:
    """Return the function that a behaviour runs on an event."""
    (association,) = (each for each in behavior["FunctionAssociations"] if each["EventType"] == event)
    function = in_words(association["FunctionARN"]).strip("<>").removesuffix(".FunctionARN")
    properties = stack.properties("AWS::CloudFront::Function")[function]
    assert properties["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    assert properties["AutoPublish"] is True
    return str(properties["FunctionCode"])


def run(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return a function's result for an event, under Node."""
    command = [str(NODE), "-e", RUN, function, json.dumps(event)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout))


def request(uri: str, host: str = "d111111abcdef8.cloudfront.net") -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html"""
    return {
        "method": "GET",
        "uri": uri,
        "querystring": {"token": {"value": "a%2Fb"}},
        "headers": {"host": {"value": host}, "sec-websocket-version": {"value": "13"}},
        "cookies": {},
    }


def test_there_is_no_site_unless_one_is_chosen(stack: Synthesised) -> None:
    for kind in ("AWS::CloudFront::Distribution", "AWS::CloudFront::Function", "AWS::S3::Bucket"):
        stack.template.resource_count_is(kind, 0)
    names = {"ApiId", "FeedUrl", "QuotesTable", "DashboardUrl", "DocumentsApi", "DocumentsUrl"}
    assert outputs(stack).keys() == names


def test_the_local_stack_has_none(tmp_path: Path) -> None:
    stack = synthesise(tmp_path, **SETTINGS)
    stack.template.resource_count_is("AWS::CloudFront::Distribution", 0)


def test_a_missing_page_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run `make setup`, or leave the page out: -c site=false$"):
        build(make_app(tmp_path, site=True), page=tmp_path / "dist")


def test_the_outputs_are_the_page_and_the_feed_beside_it(with_site: Synthesised) -> None:
    host = "<SiteDistribution.DomainName>"
    assert outputs(with_site) == {
        "ApiId": "<ApiWebSocket>",
        "OriginSecret": "<ApiOriginSecret.Id>",
        "QuotesTable": "<StorageQuotes>",
        "DashboardUrl": DASHBOARD,
        "SiteUrl": f"https://{host}/",
        "DocumentsApi": "<DocumentsHttp>",
        "DocumentsUrl": f"https://{host}",
        "FeedUrl": f"wss://{host}/markets/ws/",
    }


def test_every_path_but_the_feeds_serves_the_page(with_site: Synthesised) -> None:
    config = distribution(with_site)
    page = config["DefaultCacheBehavior"]
    assert in_words(origin(with_site, page)["DomainName"]) == "<SitePage.RegionalDomainName>"
    assert config["DefaultRootObject"] == "index.html"
    assert page["ViewerProtocolPolicy"] == "redirect-to-https"
    assert page["CachePolicyId"] == CACHING_OPTIMIZED
    assert page["Compress"] is True
    patterns = [each["PathPattern"] for each in config["CacheBehaviors"]]
    assert patterns == ["/markets/ws*", "//markets/ws*", "/markets/*", "/api/*"]


def test_the_feed_goes_to_the_api_over_tls_and_is_never_cached(with_site: Synthesised) -> None:
    for feed in feeds(with_site):
        api = origin(with_site, feed)
        assert in_words(api["DomainName"]) == "<ApiWebSocket>.execute-api.<AWS::Region>.<AWS::URLSuffix>"
        assert api["CustomOriginConfig"] == {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]}
        assert "OriginPath" not in api
        assert feed["ViewerProtocolPolicy"] == "https-only"
        assert feed["CachePolicyId"] == CACHING_DISABLED


def test_the_handshakes_headers_reach_the_api_but_not_the_host(with_site: Synthesised) -> None:
    for feed in feeds(with_site):
        assert feed["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST_HEADER


@pytest.mark.parametrize("uri", ["/markets/ws", "/markets/ws/", "/markets/ws/x", "//markets/ws/"])
def test_the_feeds_path_becomes_the_stages_and_the_rest_stays(with_site: Synthesised, uri: str) -> None:
    for feed in feeds(with_site):
        sent = run(code(with_site, feed, "viewer-request"), {"request": request(uri), "viewer": {"ip": "198.51.100.1"}})
        for name in (headers.HOST, headers.VIEWER):
            del sent["headers"][name]
        assert sent == request("/live")


def test_cloudfront_states_who_asks_and_at_which_name(with_site: Synthesised) -> None:
    """What a viewer sends in these headers is replaced, and a long user agent is cut."""
    spoofed = request("/markets/ws/")
    spoofed["headers"] |= {
        headers.VIEWER: {"value": "192.0.2.1", "multiValue": [{"value": "192.0.2.1"}, {"value": "192.0.2.2"}]},
        headers.HOST: {"value": "evil.example"},
        "user-agent": {"value": "x" * 8_000},
    }
    for feed in feeds(with_site):
        viewer = {"ip": "2001:db8::7"}
        sent = run(code(with_site, feed, "viewer-request"), {"request": spoofed, "viewer": viewer})["headers"]
        assert sent[headers.VIEWER] == {"value": "2001:db8::7"}
        assert sent[headers.HOST] == {"value": "d111111abcdef8.cloudfront.net"}
        assert sent["user-agent"] == {"value": "x" * MOST_AGENT_CHARACTERS}


def test_cloudfront_sends_the_origin_secret_to_the_api_alone(with_site: Synthesised) -> None:
    """Connect asks for it, and is changed only when CloudFront sends it. The template has a reference."""
    config = distribution(with_site)
    (sent,) = origin(with_site, config["CacheBehaviors"][0])["OriginCustomHeaders"]
    assert sent["HeaderName"] == headers.PROOF
    assert in_words(sent["HeaderValue"]) == "{{resolve:secretsmanager:<ApiOriginSecret>:SecretString:current::}}"
    assert "OriginCustomHeaders" not in origin(with_site, config["DefaultCacheBehavior"])
    (secret,) = with_site.properties("AWS::SecretsManager::Secret").values()
    generated = secret["GenerateSecretString"]
    assert (generated["SecretStringTemplate"], generated["GenerateStringKey"]) == ('{"other": ""}', "current")
    assert generated["PasswordLength"] >= 32
    functions = with_site.template.find_resources("AWS::Lambda::Function").values()
    (connect,) = (each for each in functions if each["Properties"]["Handler"] == "functions.connect.handler.handler")
    assert any(name.startswith("SiteDistribution") for name in connect["DependsOn"])


def test_the_path_is_that_of_the_chosen_stage(tmp_path: Path) -> None:
    stack = synthesise(tmp_path, site=True, stage_name="test")
    for feed in feeds(stack):
        event = {"request": request("/markets/ws/"), "viewer": {"ip": "::1"}}
        assert run(code(stack, feed, "viewer-request"), event)["uri"] == "/test"


@pytest.mark.parametrize("host", ["d111111abcdef8.cloudfront.net", "rates.example.com"])
def test_the_page_has_the_local_headers_its_socket_and_hsts(with_site: Synthesised, host: str) -> None:
    """The policy names the socket of the request's host."""
    function = code(with_site, distribution(with_site)["DefaultCacheBehavior"], "viewer-response")
    of_file = {"etag": {"value": '"1"'}, "x-frame-options": {"value": "SAMEORIGIN"}}
    response = {"statusCode": 200, "statusDescription": "OK", "headers": of_file}
    answer = run(function, {"request": request("/", host), "response": response})
    sent = {name: header["value"] for name, header in answer["headers"].items()}
    assert sent.pop("content-security-policy") == content_security_policy(host)
    assert f"connect-src 'self' wss://{host};" in content_security_policy(host)
    assert sent.pop("strict-transport-security") == "max-age=31536000"
    assert sent.pop("etag") == '"1"'
    assert sent == {name.lower(): value for name, value in HEADERS.items()}
    assert {**answer, "headers": of_file} == response


def test_the_policy_allows_nothing_inline_or_foreign() -> None:
    directives = dict(each.split(" ", 1) for each in content_security_policy("rates.example.com").split("; "))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self' wss://rates.example.com",
        "img-src": "'self'",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize(
    ("path", "asked", "cookie", "accepted", "file"),
    [
        ("/", "", "", "", "/index.html"),
        ("/", "", "", "en-CA,en;q=0.9,fr;q=0.8", "/index.html"),
        ("/", "", "", "fr-CA,fr;q=0.9,en;q=0.8", "/fr.html"),
        ("/", "", "", "de-CH, fr;q=0.8, en;q=0.5", "/fr.html"),
        ("/", "", "", "de,fry;q=0.5", "/index.html"),
        ("/", "", "en", "fr", "/index.html"),
        ("/", "", "FR", "en", "/fr.html"),
        ("/", "fr", "en", "en", "/fr.html"),
        ("/", "xx", "en", "fr", "/fr.html"),
        ("/", "", "xx", "de", "/index.html"),
        ("/embed", "", "", "fr", "/embed.fr.html"),
        ("/embed", "", "", "", "/embed.html"),
        ("/index.html", "fr", "fr", "fr", None),
        ("/embed/", "fr", "", "", None),
        ("/assets/index-B0ley9Ao.js", "fr", "", "", None),
    ],
)
def test_the_page_and_the_widget_speak_the_readers_language(
    with_site: Synthesised, path: str, asked: str, cookie: str, accepted: str, file: str | None
) -> None:
    """In CloudFront and at the local edge."""
    sent = request(path)
    sent["querystring"] |= {"lang": {"value": asked}} if asked else {}
    sent["cookies"] = {"lang": {"value": cookie}} if cookie else {}
    sent["headers"] |= {"accept-language": {"value": accepted}} if accepted else {}
    function = code(with_site, distribution(with_site)["DefaultCacheBehavior"], "viewer-request")
    assert run(function, {"request": sent, "viewer": {"ip": "::1"}}) == {**sent, "uri": file or path}
    assert file_at(path, asked or cookie, accepted) == file


@pytest.mark.parametrize("path", ["/embed", "/embed.html", "/embed.fr.html"])
def test_any_site_may_show_the_widget_and_only_that(with_site: Synthesised, path: str) -> None:
    """A browser asks at the widget's address; the function may see the address or the file."""
    function = code(with_site, distribution(with_site)["DefaultCacheBehavior"], "viewer-response")
    of_file = {"etag": {"value": '"1"'}, "x-frame-options": {"value": "SAMEORIGIN"}}
    response = {"statusCode": 200, "statusDescription": "OK", "headers": of_file}
    answer = run(function, {"request": request(path), "response": response})
    sent = {name: header["value"] for name, header in answer["headers"].items()}
    assert sent.pop("content-security-policy") == WIDGET_POLICY
    assert sent.pop("strict-transport-security") == "max-age=31536000"
    assert sent.pop("etag") == '"1"'
    assert sent == {name.lower(): value for name, value in WIDGET_HEADERS.items()}
    assert "frame-ancestors *" in WIDGET_POLICY
    assert "x-frame-options" not in sent


def test_errors_have_security_headers_without_a_function(with_site: Synthesised) -> None:
    assert distribution(with_site)["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] == SECURITY_HEADERS


def test_only_this_distribution_reads_the_bucket(with_site: Synthesised) -> None:
    bucket = with_site.properties("AWS::S3::Bucket")["SitePage"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert "WebsiteConfiguration" not in bucket
    (policy,) = with_site.properties("AWS::S3::BucketPolicy").values()
    statements = policy["PolicyDocument"]["Statement"]
    denied = [each for each in statements if each["Effect"] == "Deny"]
    assert [each["Condition"] for each in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
    allowed = {in_words(next(iter(each["Principal"].values()))): each for each in statements if each not in denied}
    reader = allowed.pop("cloudfront.amazonaws.com")
    assert reader["Action"] == "s3:GetObject"
    source = "arn:<AWS::Partition>:cloudfront::<AWS::AccountId>:distribution/<SiteDistribution>"
    assert in_words(reader["Condition"]["StringEquals"]["AWS:SourceArn"]) == source
    (emptier,) = allowed
    assert emptier == "<CustomS3AutoDeleteObjectsCustomResourceProviderRole.Arn>"


def test_cloudfront_signs_what_it_asks_of_the_bucket(with_site: Synthesised) -> None:
    (control,) = with_site.properties("AWS::CloudFront::OriginAccessControl").values()
    config = control["OriginAccessControlConfig"]
    signing = (config["OriginAccessControlOriginType"], config["SigningBehavior"], config["SigningProtocol"])
    assert signing == ("s3", "always", "sigv4")
    page = origin(with_site, distribution(with_site)["DefaultCacheBehavior"])
    assert in_words(page["OriginAccessControlId"]) == "<SiteAccessControl.Id>"
    assert page["S3OriginConfig"] == {"OriginAccessIdentity": ""}


def test_hashed_files_are_cached_forever_and_old_ones_stay(with_site: Synthesised) -> None:
    """Files without a hash are revalidated."""
    files = with_site.template.find_resources("Custom::CDKBucketDeployment")
    by_prefix = {each["Properties"].get("DestinationBucketKeyPrefix"): each["Properties"] for each in files.values()}
    kept = {prefix: each["SystemMetadata"] for prefix, each in by_prefix.items()}
    assert kept == {"assets": {"cache-control": FOR_EVER}, None: {"cache-control": "no-cache"}}
    for each in by_prefix.values():
        assert each["Prune"] is False
        assert in_words(each["DestinationBucketName"]) == "<SitePage>"


def test_the_hashed_files_are_deployed_before_the_page(with_site: Synthesised) -> None:
    files = with_site.template.find_resources("Custom::CDKBucketDeployment")
    (index,) = (each for each in files.values() if "DestinationBucketKeyPrefix" not in each["Properties"])
    (parts,) = (name for name, each in files.items() if "DestinationBucketKeyPrefix" in each["Properties"])
    assert parts in index["DependsOn"]


def test_the_two_deployments_share_the_page_without_overlap(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "out"))
    stack = Stack(app, "Files")
    PageFiles(stack, "Files", config=FeedConfig(), bucket=s3.Bucket(stack, "Page"), page=built_page(tmp_path))
    app.synth()
    staged = [path for path in (tmp_path / "out").glob("asset.*/*") if path.suffix in {".html", ".js"}]
    folders = [{file.name for file in path.parent.rglob("*")} for path in staged]
    assert {"index.html"} in folders
    assert {"index-B0ley9Ao.js"} in folders


def test_the_deployment_may_write_only_to_its_bucket(with_site: Synthesised) -> None:
    granted = with_site.permissions()["SiteFilesRole"]
    writes = {
        resource
        for resource, actions in granted.items()
        if any(action.startswith(("s3:Put", "s3:Delete", "s3:Abort")) for action in actions)
    }
    assert writes == {"<SitePage.Arn>", "<SitePage.Arn>/*"}
    assert granted.pop("<SiteFilesLogs.Arn>") == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert "*" not in granted


def test_no_name_of_the_site_can_clash_with_another_region(with_site: Synthesised) -> None:
    (control,) = with_site.properties("AWS::CloudFront::OriginAccessControl").values()
    functions = with_site.properties("AWS::CloudFront::Function").values()
    for name in (control["OriginAccessControlConfig"]["Name"], *(each["Name"] for each in functions)):
        assert "<AWS::Region>" in in_words(name)


def test_by_default_there_is_no_domain_no_web_acl_and_no_log(with_site: Synthesised) -> None:
    assert not distribution(with_site).keys() & {"Aliases", "ViewerCertificate", "WebACLId", "Logging"}
    with_site.template.resource_count_is("AWS::WAFv2::WebACL", 0)
    assert with_site.properties("AWS::S3::Bucket").keys() == {"SitePage"}


def test_an_own_domain_has_its_certificate_and_tls_1_2(with_own_domain: Synthesised) -> None:
    config = distribution(with_own_domain)
    assert config["Aliases"] == ["rates.example.com"]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d",
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    assert outputs(with_own_domain) == {
        "ApiId": "<ApiWebSocket>",
        "OriginSecret": "<ApiOriginSecret.Id>",
        "QuotesTable": "<StorageQuotes>",
        "DashboardUrl": DASHBOARD,
        "SiteUrl": "https://rates.example.com/",
        "DocumentsApi": "<DocumentsHttp>",
        "DocumentsUrl": "https://rates.example.com",
        "FeedUrl": "wss://rates.example.com/markets/ws/",
        "SiteTarget": "<SiteDistribution.DomainName>",
    }


def test_a_web_acl_blocks_an_address_that_asks_too_often(with_own_domain: Synthesised) -> None:
    (acl,) = with_own_domain.properties("AWS::WAFv2::WebACL").values()
    assert (acl["Scope"], acl["DefaultAction"]) == ("CLOUDFRONT", {"Allow": {}})
    (rule,) = acl["Rules"]
    assert rule["Action"] == {"Block": {}}
    assert rule["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "Limit": 1000,
        "EvaluationWindowSec": 300,
    }
    assert in_words(distribution(with_own_domain)["WebACLId"]) == "<SiteWebAcl.Arn>"


def test_a_web_acl_in_the_wrong_region_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do."""
    monkeypatch.setenv("CDK_DEFAULT_REGION", "ca-central-1")
    with pytest.raises(ValueError, match=r"is for ca-central-1: create the web ACL in us-east-1 and set web_acl_arn$"):
        synthesise(tmp_path, site=True, waf_rate_limit=1000)


def test_an_existing_web_acl_serves_in_every_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "ca-central-1")
    arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/0a1b2c3d"
    assert distribution(synthesise(tmp_path, site=True, web_acl_arn=arn))["WebACLId"] == arn


def test_access_logs_are_private_and_end_like_the_others(with_own_domain: Synthesised) -> None:
    logs = with_own_domain.properties("AWS::S3::Bucket")["SiteAccessLogs"]
    assert in_words(distribution(with_own_domain)["Logging"]["Bucket"]) == "<SiteAccessLogs.RegionalDomainName>"
    assert set(logs["PublicAccessBlockConfiguration"].values()) == {True}
    # CloudFront writes by ACL, which an enforced owner forbids.
    assert logs["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    assert logs["LifecycleConfiguration"]["Rules"] == [{"ExpirationInDays": 14, "Status": "Enabled"}]
