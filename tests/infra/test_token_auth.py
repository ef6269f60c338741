"""With `auth=token` `$connect` has an authorizer, and only that reads the keys."""

import json
from pathlib import Path

import pytest

from infra.config import config_from
from tests.infra.synthesis import Synthesised, in_words, make_app


def test_only_connect_has_an_authorizer(with_tokens: Synthesised, stack: Synthesised) -> None:
    routes = with_tokens.properties("AWS::ApiGatewayV2::Route").values()
    kinds = {route["RouteKey"]: route["AuthorizationType"] for route in routes}
    assert kinds.pop("$connect") == "CUSTOM"
    assert set(kinds.values()) == {"NONE"}
    (connect,) = [route for route in routes if route["RouteKey"] == "$connect"]
    assert in_words(connect["AuthorizerId"]) == "<ApiWebSocketAuthorizer>"
    assert "CUSTOM" not in json.dumps(stack.properties("AWS::ApiGatewayV2::Route"))
    stack.template.resource_count_is("AWS::ApiGatewayV2::Authorizer", 0)


def test_the_authorizer_is_asked_for_each_handshake(with_tokens: Synthesised) -> None:
    """With an identity source API Gateway would refuse who brings the token in the other place."""
    (authorizer,) = with_tokens.properties("AWS::ApiGatewayV2::Authorizer").values()
    assert (authorizer["AuthorizerType"], authorizer["IdentitySource"]) == ("REQUEST", [])
    assert "AuthorizerResultTtlInSeconds" not in authorizer
    assert "<ApiAuthorizeFunction.Arn>" in in_words(authorizer["AuthorizerUri"])
    permissions = with_tokens.properties("AWS::Lambda::Permission").values()
    (source,) = [in_words(each["SourceArn"]) for each in permissions if "Authorize" in in_words(each["FunctionName"])]
    assert source.endswith(":<ApiWebSocket>/authorizers/<ApiWebSocketAuthorizer>")


def test_authorize_reads_the_keys_and_does_nothing_else(with_tokens: Synthesised) -> None:
    granted = with_tokens.permissions()
    assert granted["ApiAuthorizeRole"] == {
        "<ApiAuthorizeLogs.Arn>": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
        "<ApiTokenSecret.Id>": {"secretsmanager:GetSecretValue"},
    }
    assert [role for role, grants in granted.items() if "<ApiTokenSecret.Id>" in grants] == ["ApiAuthorizeRole"]
    # A token may have a limit of its own.
    assert granted["ApiConnectRole"]["<StorageConnections.Arn>"] >= {"dynamodb:PutItem", "dynamodb:DeleteItem"}


def test_the_functions_know_that_tokens_are_asked_for(with_tokens: Synthesised, stack: Synthesised) -> None:
    functions = with_tokens.functions()
    given = functions["authorize"]["Environment"]["Variables"]
    assert (in_words(given["TOKEN_KEYS"]), given["AUDIENCE"]) == ("<ApiTokenSecret.Id>", "Cadfeed")
    assert functions["connect"]["Environment"]["Variables"]["TOKENS"] == "true"
    assert stack.functions()["connect"]["Environment"]["Variables"]["TOKENS"] == "false"
    assert functions["authorize"]["Timeout"] == 10
    outputs = with_tokens.template.find_outputs("TokenKeys")
    assert in_words(outputs["TokenKeys"]["Value"]) == "<ApiTokenSecret.Id>"


def test_a_generated_key_is_in_no_template(with_tokens: Synthesised) -> None:
    (secret,) = with_tokens.properties("AWS::SecretsManager::Secret").values()
    assert secret["GenerateSecretString"]["PasswordLength"] >= 48
    assert "resolve:secretsmanager" not in json.dumps(with_tokens.template.to_json())


def test_the_authorizer_is_watched(with_tokens: Synthesised) -> None:
    alarms = with_tokens.properties("AWS::CloudWatch::Alarm")
    assert {"MonitoringAuthorizeErrors", "MonitoringAuthorizeThrottles"} <= set(alarms)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"auth": "jwt"}, "auth is 'jwt'; it must be none or token"),
        ({"auth": "token", "site_access_logs": True}, "site_access_logs writes the addresses' queries"),
    ],
)
def test_an_unsafe_setting_is_refused(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_from(make_app(tmp_path, **settings).node)
