"""The HTTP API of the documents: all its paths are the Lambda's, it is throttled and logged. CloudFront keeps them."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from infra.feed_paths import FEED_PATTERNS
from shared.documents.answers import answer_without_document
from shared.documents.problems import MOST_CHARACTERS
from shared.documents.queries import folded, unfolded
from tests.infra.synthesis import DOCUMENTS, Synthesised, in_words, synthesise
from tests.infra.test_site import CACHING_OPTIMIZED, code, distribution, origin, request, run


def behaviors(stack: Synthesised) -> list[dict[str, Any]]:
    found = distribution(stack)["CacheBehaviors"]
    return [each for each in found if each["PathPattern"] in {"/markets/*", "/api/*"}]


def test_every_path_goes_to_the_function(stack: Synthesised) -> None:
    api = stack.properties("AWS::ApiGatewayV2::Api")["DocumentsHttp"]
    assert api["ProtocolType"] == "HTTP"
    assert "CorsConfiguration" not in api  # the answers have their own headers
    routes = stack.properties("AWS::ApiGatewayV2::Route").values()
    (route,) = (each for each in routes if in_words(each["ApiId"]) == "<DocumentsHttp>")
    assert route["RouteKey"] == "$default"
    integration = in_words(route["Target"]).removeprefix("integrations/").strip("<>")
    behind = stack.properties("AWS::ApiGatewayV2::Integration")[integration]
    assert stack.function_of(behind["IntegrationUri"]) == "documents"
    assert behind["PayloadFormatVersion"] == "2.0"


def test_what_no_cache_answers_is_throttled(stack: Synthesised) -> None:
    """At 1 % of the account's quota, so that the feed has its own."""
    stage = stack.stage(DOCUMENTS)["Properties"]
    assert stage["AutoDeploy"] is True
    throttle = stage["DefaultRouteSettings"]
    assert (throttle["ThrottlingRateLimit"], throttle["ThrottlingBurstLimit"]) == (100, 50)


def test_every_request_is_logged(stack: Synthesised) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html"""
    settings = stack.stage(DOCUMENTS)["Properties"]["AccessLogSettings"]
    line = json.loads(settings["Format"])
    assert {"$context.path", "$context.status", "$context.identity.sourceIp"} <= set(line.values())
    assert all(re.fullmatch(r"[a-zA-Z]+", name) for name in line)
    group = "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:<DocumentsStageLogs>"
    assert in_words(settings["DestinationArn"]) == group


def test_a_document_is_kept_by_its_path(with_site: Synthesised) -> None:
    with_site.template.resource_count_is("AWS::CloudFront::CachePolicy", 0)
    for each in behaviors(with_site):
        assert in_words(origin(with_site, each)["DomainName"]).startswith("<DocumentsHttp>.execute-api.")
        assert origin(with_site, each)["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert each["Compress"] is True
        assert each["ViewerProtocolPolicy"] == "redirect-to-https"
        assert "OriginRequestPolicyId" not in each  # no header of a viewer reaches the API
        assert each["CachePolicyId"] == CACHING_OPTIMIZED  # as long as a document says itself, a second at least


def test_an_edge_keeps_the_problem_late_for_a_second(with_site: Synthesised) -> None:
    assert distribution(with_site)["CustomErrorResponses"] == [{"ErrorCode": 503, "ErrorCachingMinTTL": 1}]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_reading_request_passes_the_edge_without_its_query(with_site: Synthesised, method: str) -> None:
    for each in behaviors(with_site):
        sent = {**request("/markets/rates.json"), "method": method}
        passed = run(code(with_site, each, "viewer-request"), {"request": sent})
        assert passed == {**sent, "querystring": {}}


RATES, HISTORY, STATUS = "/markets/rates.json", "/markets/history/BTC_CAD/1h.csv", "/markets/status.json"


@pytest.mark.parametrize(
    ("path", "fields", "parts"),
    [
        (RATES, {}, ""),
        (RATES, {"colour": ["1"]}, ""),
        (RATES, {"symbols": ["BTC_CAD,ETH_CAD"]}, "/~symbols=BTC_CAD,ETH_CAD"),
        (RATES, {"symbols": ["BTC_CAD%2CETH_CAD"]}, "/~symbols=BTC_CAD~252CETH_CAD"),
        (RATES, {"symbols": ["BTC_CAD%26x=1"]}, "/~symbols=BTC_CAD~2526x~3D1"),
        (RATES, {"s%79mbols": ["A"]}, "/~symbols=A"),
        (RATES, {"%zz": ["A"], "symbols": [""]}, "/~symbols="),
        (RATES, {"limit": ["5"]}, ""),
        (STATUS, {"limit": ["5"], "symbols": ["A"]}, ""),
        (HISTORY, {"before": ["1718707723000"], "x": ["1"], "limit": ["5"]}, "/~limit=5/~before=1718707723000"),
        (HISTORY, {"limit": ["5", "6"]}, "/~limit=5/~limit=6"),
        (HISTORY, {"limit": ["~../..?a=b;c#'(*!)"]}, "/~limit=~7E..~2F..~3Fa~3Db~3Bc~23'(*!)"),
        (HISTORY, {"limit": ["%F0%9F%98%80", "\N{GRINNING FACE}"]}, "/~limit=~25F0~259F~2598~2580/~limit=~F0~9F~98~80"),
    ],
)
def test_a_field_that_a_path_takes_becomes_a_part_of_it(
    with_site: Synthesised, path: str, fields: dict[str, list[str]], parts: str
) -> None:
    """The function at CloudFront does what the local edge does, and the Lambda finds the query again, also if it gets
    the path decoded."""
    querystring = {
        name: {"value": values[0]} | ({"multiValue": [{"value": each} for each in values]} if values[1:] else {})
        for name, values in fields.items()
    }
    query = "&".join(f"{name}={each}" for name, values in fields.items() for each in values)
    assert folded(path, query) == path + parts
    bare, found = unfolded(path + parts, "")
    assert bare == path
    known = [pair for pair in parse_qsl(query, keep_blank_values=True) if f"/~{pair[0]}=" in parts]
    assert sorted(parse_qsl(found, keep_blank_values=True)) == sorted(known)
    assert unfolded(unquote(path + parts), "") == (bare, found)
    (one, other) = behaviors(with_site)
    assert code(with_site, one, "viewer-request") == code(with_site, other, "viewer-request")
    sent = {**request(path), "querystring": querystring}
    passed = run(code(with_site, one, "viewer-request"), {"request": sent})
    assert passed == {**sent, "uri": path + parts, "querystring": {}}


@pytest.mark.parametrize(
    "path",
    [f"{RATES}/~", f"{RATES}/~limit=5", f"{RATES}/~symbols=A/B", f"{STATUS}/~symbols=A", f"{RATES}/~symbols=A&x"],
)
def test_a_path_with_other_parts_stays_as_it_is(path: str) -> None:
    assert unfolded(path, "x=1") == (path, "x=1")


def test_the_functions_keep_to_what_their_runtime_knows(with_site: Synthesised) -> None:
    """Node knows more: loops with `of`, spreading, taking apart, `?.`.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
    """
    functions = [each["FunctionCode"] for each in with_site.properties("AWS::CloudFront::Function").values()]
    assert len(functions) == 4
    for function in functions:
        without_texts = re.sub(r'"(\\.|[^"\\])*"', '""', function)
        assert not re.search(r"\bof\b|\.\.\.|(const|let|var)\s*[\[{]|\?\.|\bclass\b|\bawait\b", without_texts)


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "DELETE", "BREW"])
def test_the_edge_refuses_as_the_function_does(with_site: Synthesised, method: str) -> None:
    expected = answer_without_document(method)
    assert expected
    for each in behaviors(with_site):
        sent = {**request("/markets/rates.json"), "method": method}
        answer = run(code(with_site, each, "viewer-request"), {"request": sent})
        assert answer["statusCode"] == expected.status
        told = {name.lower(): value for name, value in expected.headers.items()}
        assert {name: header["value"] for name, header in answer["headers"].items()} == told
        assert answer.get("body", {}).get("data", "").encode() == expected.body


def test_the_edge_refuses_a_long_address_as_the_function_does(with_site: Synthesised) -> None:
    expected = answer_without_document("GET", MOST_CHARACTERS + 1)
    assert expected
    function = code(with_site, behaviors(with_site)[0], "viewer-request")
    for uri, query, is_refused in (
        ("/" + "x" * (MOST_CHARACTERS - 1), {}, False),
        ("/" + "x" * MOST_CHARACTERS, {}, True),
        ("/markets/rates.json", {"symbols": {"value": "x" * MOST_CHARACTERS}}, True),
        ("/markets/rates.json", {"other": {"value": "x" * MOST_CHARACTERS}}, False),
    ):
        answer = run(function, {"request": {**request(uri), "querystring": query}})
        assert ("statusCode" in answer) is is_refused
        if is_refused:
            assert (answer["statusCode"], answer["body"]["data"]) == (expected.status, expected.body.decode())


@pytest.mark.parametrize("settings", [{"documents": "false"}, {"auth": "token"}])
def test_a_deployment_can_do_without(tmp_path: Path, settings: dict[str, str]) -> None:
    """With tokens nothing may be read by everybody."""
    without = synthesise(tmp_path, site=True, **settings)
    assert "documents" not in without.functions()
    assert [each["PathPattern"] for each in distribution(without)["CacheBehaviors"]] == [*FEED_PATTERNS]
    assert not {name for name in without.template.find_outputs("*") if name.startswith("Documents")}
    assert not [name for name in without.properties("AWS::CloudWatch::Alarm") if "Documents" in name]
