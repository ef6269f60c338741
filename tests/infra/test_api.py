"""The WebSocket API: its routes, its stage, its logs."""

import json
import re
from pathlib import Path

from tests.infra.synthesis import DOCUMENTS, Synthesised, in_words, synthesise

# https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html; the feed uses these fields
LOGGED = {
    *("requestId", "requestTime", "connectionId", "eventType", "routeKey", "messageId", "status"),
    *("error.message", "error.responseType", "identity.userAgent", "identity.sourceIp"),
    *("integration.status", "integration.error", "integrationLatency"),
}


def test_the_route_is_the_messages_event(stack: Synthesised) -> None:
    api = stack.properties("AWS::ApiGatewayV2::Api")["ApiWebSocket"]
    assert api["ProtocolType"] == "WEBSOCKET"
    assert api["RouteSelectionExpression"] == "$request.body.event"


def test_each_route_goes_to_its_function(stack: Synthesised) -> None:
    integrations = stack.properties("AWS::ApiGatewayV2::Integration")
    behind = {}
    for route in stack.properties("AWS::ApiGatewayV2::Route").values():
        if in_words(route["ApiId"]) != "<ApiWebSocket>":
            continue
        integration = in_words(route["Target"]).removeprefix("integrations/").strip("<>")
        behind[route["RouteKey"]] = stack.function_of(integrations[integration]["IntegrationUri"])
        assert integrations[integration]["IntegrationType"] == "AWS_PROXY"
    assert behind == {
        "$connect": "connect",
        "$disconnect": "disconnect",
        "$default": "request",
        "assets": "request",
        "explain": "request",
        "history": "request",
        "ping": "request",
        "snapshot": "request",
        "subscribe": "subscribe",
        "subscriptions": "request",
        "trends": "request",
        "unsubscribe": "subscribe",
    }


def test_nothing_is_answered_but_through_the_gateway(stack: Synthesised) -> None:
    stack.template.resource_count_is("AWS::ApiGatewayV2::RouteResponse", 0)
    stack.template.resource_count_is("AWS::ApiGatewayV2::IntegrationResponse", 0)
    for route in stack.properties("AWS::ApiGatewayV2::Route").values():
        assert "RouteResponseSelectionExpression" not in route


def test_the_stage_deploys_itself_and_is_throttled(stack: Synthesised) -> None:
    stage = stack.stage()["Properties"]
    assert stage["StageName"] == "live"
    assert stage["AutoDeploy"] is True
    throttle = stage["DefaultRouteSettings"]
    assert (throttle["ThrottlingRateLimit"], throttle["ThrottlingBurstLimit"]) == (500, 250)


def test_every_access_is_logged_with_websocket_fields(stack: Synthesised) -> None:
    stage = stack.stage()["Properties"]
    line = json.loads(stage["AccessLogSettings"]["Format"])
    assert set(line.values()) == {f"$context.{variable}" for variable in LOGGED}
    assert all(re.fullmatch(r"[a-zA-Z]+", name) for name in line)  # Logs Insights needs no quotes for such names
    assert list(line)[-1] == "userAgent"  # where a long line is cut off


def test_hashed_addresses_are_in_no_access_log(stack: Synthesised, tmp_path: Path) -> None:
    """`connect` logs the hash, since API Gateway cannot make one."""
    assert "ADDRESS_KEY" not in stack.functions()["connect"]["Environment"]["Variables"]
    hashed = synthesise(tmp_path, hash_addresses=True)
    for name in ("live", DOCUMENTS):
        assert "sourceIp" not in hashed.stage(name)["Properties"]["AccessLogSettings"]["Format"]
    assert hashed.functions()["connect"]["Environment"]["Variables"]["ADDRESS_KEY"] == {"Ref": "AWS::StackId"}


def test_the_stages_own_errors_are_logged_and_expire(stack: Synthesised) -> None:
    stage = stack.stage()
    settings = stage["Properties"]["DefaultRouteSettings"]
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("ERROR", False)
    ((name, group),) = (
        (name, group["Properties"])
        for name, group in stack.template.find_resources("AWS::Logs::LogGroup").items()
        if "LogGroupName" in group["Properties"]
    )
    assert in_words(group["LogGroupName"]) == "/aws/apigateway/<ApiWebSocket>/live"
    assert group["RetentionInDays"] == 14
    assert name in stage["DependsOn"]


def test_the_access_log_goes_to_a_group_not_a_stream(stack: Synthesised) -> None:
    """For a WebSocket API `log-group:NAME:*` is refused or reported as drift: serverless issue 6304."""
    stage = stack.stage()["Properties"]
    group = "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:<ApiAccessLogs>"
    assert in_words(stage["AccessLogSettings"]["DestinationArn"]) == group


def test_the_stage_waits_for_the_log_role_and_the_role_stays(stack: Synthesised) -> None:
    stage = stack.stage()
    ((name, account),) = stack.template.find_resources("AWS::ApiGateway::Account").items()
    assert name in stage["DependsOn"]
    assert in_words(account["Properties"]["CloudWatchRoleArn"]) == "<ApiAccessLogsRole.Arn>"
    role = next(r for n, r in stack.template.find_resources("AWS::IAM::Role").items() if "AccessLogsRole" in n)
    assert account["DeletionPolicy"] == role["DeletionPolicy"] == "Retain"


def test_posts_go_to_the_apis_own_address_whatever_the_domain(stack: Synthesised) -> None:
    public = "https://<ApiWebSocket>.execute-api.<AWS::Region>.<AWS::URLSuffix>/live"
    given = [each["Environment"]["Variables"].get("CONNECTIONS_URL") for each in stack.functions().values()]
    assert [in_words(url) for url in given if url] == [public] * 5


def test_posts_go_to_an_emulator_if_so_chosen(tmp_path: Path) -> None:
    stack = synthesise(tmp_path, connections_url_base="http://localhost:4566/_aws/execute-api")
    url = stack.functions()["publish"]["Environment"]["Variables"]["CONNECTIONS_URL"]
    assert in_words(url) == "http://localhost:4566/_aws/execute-api/<ApiWebSocket>/live"


def test_the_outputs_are_the_feeds_address_its_api_and_table(stack: Synthesised) -> None:
    outputs = {name: in_words(output["Value"]) for name, output in stack.template.find_outputs("*").items()}
    assert outputs == {
        "FeedUrl": "wss://<ApiWebSocket>.execute-api.<AWS::Region>.<AWS::URLSuffix>/live",
        "ApiId": "<ApiWebSocket>",
        "DocumentsApi": "<DocumentsHttp>",
        "DocumentsUrl": "<DocumentsHttp.ApiEndpoint>",
        "QuotesTable": "<StorageQuotes>",
        "DashboardUrl": "https://<AWS::Region>.console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>"
        "#dashboards/dashboard/<Dashboard>",
    }


def test_no_account_and_no_region_is_written_in(stack: Synthesised) -> None:
    text = json.dumps(stack.template.to_json())
    assert not re.search(r"(?<![0-9a-f])\d{12}(?![0-9a-f])", text)
    assert not re.search(r"\b(us|ca|eu|ap|sa|af|me|il|mx|cn)(-gov)?-[a-z]+-\d\b", text)
    assert "amazonaws.com" not in re.sub(r"(lambda|apigateway|scheduler)\.amazonaws\.com", "", text)
