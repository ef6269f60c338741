"""All permissions: a grant that is not listed here fails."""

from pathlib import Path

import pytest

from tests.infra.synthesis import FUNCTIONS, Synthesised, as_list, in_words, synthesise

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
XRAY = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
POST = "arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<ApiWebSocket>/live/POST/@connections/*"
CLOSE = POST.replace("POST", "DELETE")
COUNTED = {"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Query"}  # a message
TICKED = {"dynamodb:Query", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:BatchGetItem"}
GRANTS = {
    "ApiConnectRole": {
        "<ApiConnectLogs.Arn>": LOGS,
        "*": XRAY,
        "<StorageConnections.Arn>": COUNTED | {"dynamodb:PutItem", "dynamodb:DeleteItem"},
        POST: {"execute-api:ManageConnections"},
        CLOSE: {"execute-api:ManageConnections"},
    },
    "ApiDisconnectRole": {
        "<ApiDisconnectLogs.Arn>": LOGS,
        "*": XRAY,
        "<StorageConnections.Arn>": COUNTED | {"dynamodb:DeleteItem", "dynamodb:PutItem"},
        POST: {"execute-api:ManageConnections"},
        CLOSE: {"execute-api:ManageConnections"},
    },
    "ApiSubscribeRole": {
        "<ApiSubscribeLogs.Arn>": LOGS,
        "*": XRAY,
        "<StorageConnections.Arn>": COUNTED,
        "<StorageQuotes.Arn>": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "<IngestFunction.Arn>": {"lambda:InvokeFunction"},
        POST: {"execute-api:ManageConnections"},
        CLOSE: {"execute-api:ManageConnections"},
    },
    "ApiRequestRole": {
        "<ApiRequestLogs.Arn>": LOGS,
        "*": XRAY,
        "<BackfillFunction.Arn>": {"lambda:InvokeFunction"},
        "<StorageConnections.Arn>": COUNTED,
        "<StorageQuotes.Arn>": {"dynamodb:GetItem", "dynamodb:Query"},
        POST: {"execute-api:ManageConnections"},
        CLOSE: {"execute-api:ManageConnections"},
    },
    "DocumentsRole": {
        "<DocumentsLogs.Arn>": LOGS,
        "*": XRAY,
        "<IngestFunction.Arn>": {"lambda:InvokeFunction"},
        "<StorageQuotes.Arn>": {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"},
    },
    "BackfillRole": {
        "<BackfillLogs.Arn>": LOGS,
        "*": XRAY,
        "<StorageQuotes.Arn>": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
    },
    "IngestRole": {
        "<IngestLogs.Arn>": LOGS,
        "*": XRAY,
        "<BackfillFunction.Arn>": {"lambda:InvokeFunction"},
        "<StorageQuotes.Arn>": {
            "dynamodb:BatchWriteItem",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        },
    },
    "PublishRole": {
        "<PublishLogs.Arn>": LOGS,
        "*": XRAY | {"dynamodb:ListStreams"},
        "<StorageConnections.Arn>": TICKED,
        "<StorageQuotes.Arn>": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "<StorageQuotes.StreamArn>": {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
        "<PublishFailed.Arn>": {"sqs:SendMessage"},
        POST: {"execute-api:ManageConnections"},
        CLOSE: {"execute-api:ManageConnections"},
    },
    "IngestScheduleRole": {"<IngestFunction.Arn>": {"lambda:InvokeFunction"}},
    "ApiAccessLogsRole": {},
}


def test_each_role_may_do_what_it_does_and_nothing_more(stack: Synthesised) -> None:
    assert stack.permissions() == GRANTS


def test_a_worker_may_do_what_it_does_and_publish_may_start_it(sharded: Synthesised) -> None:
    granted = sharded.permissions()
    assert granted.pop("PublishWorkerRole") == {
        "<PublishWorkerLogs.Arn>": LOGS,
        "*": XRAY,
        "<StorageConnections.Arn>": TICKED | {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        POST: {"execute-api:ManageConnections"},
        CLOSE: {"execute-api:ManageConnections"},
    }
    publish = GRANTS["PublishRole"] | {
        "<PublishWorkerFunction.Arn>": {"lambda:InvokeFunction"},
        "<StorageConnections.Arn>": TICKED | {"dynamodb:UpdateItem"},
    }
    assert granted == GRANTS | {"PublishRole": publish}


def test_connect_reads_the_origin_secret_and_nobody_else_does(with_site: Synthesised, stack: Synthesised) -> None:
    secrets = {
        (role, resource): actions
        for role, grants in with_site.permissions().items()
        for resource, actions in grants.items()
        if any("secretsmanager" in action for action in actions)
    }
    assert secrets == {("ApiConnectRole", "<ApiOriginSecret.Id>"): {"secretsmanager:GetSecretValue"}}
    stack.template.resource_count_is("AWS::SecretsManager::Secret", 0)


# Each of them names the partition keys that it touches.
ITEM_ACTIONS = {
    f"dynamodb:{action}"
    for action in ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
}
OF_STREAMS = {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}


@pytest.mark.parametrize("name", ["stack", "sharded", "with_site"])
def test_every_grant_on_items_names_their_keys(name: str, request: pytest.FixtureRequest) -> None:
    """The names of actions that go round the condition, such as Scan, are in no grant."""
    synthesised: Synthesised = request.getfixturevalue(name)
    policies = synthesised.properties("AWS::IAM::Policy").values()
    granted = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    of_items = [each for each in granted if {*as_list(each["Action"])} & ITEM_ACTIONS]
    assert len(of_items) > 10
    for statement in granted:
        of_tables = {action for action in as_list(statement["Action"]) if action.startswith("dynamodb:")} - OF_STREAMS
        assert of_tables <= ITEM_ACTIONS
        if of_tables:
            (keys,) = statement["Condition"]["ForAllValues:StringLike"].values()
            assert keys
            assert "*" not in as_list(keys)


def test_without_limits_connect_may_not_delete(tmp_path: Path) -> None:
    limits = dict.fromkeys(("max_connections_per_client", "max_connections_per_block", "max_connections"), 0)
    granted = synthesise(tmp_path, **limits).permissions()["ApiConnectRole"]
    assert granted["<StorageConnections.Arn>"] == COUNTED | {"dynamodb:PutItem"}


def test_each_function_has_a_role_of_its_own(stack: Synthesised) -> None:
    roles = {name: in_words(function["Role"]) for name, function in stack.functions().items()}
    assert len(set(roles.values())) == len(FUNCTIONS)
    assert all(role.endswith(f"{name.capitalize()}Role.Arn>") for name, role in roles.items())


def test_no_role_but_the_log_role_has_a_managed_or_inline_policy(stack: Synthesised) -> None:
    for name, role in stack.properties("AWS::IAM::Role").items():
        assert "Policies" not in role
        managed = [in_words(arn) for arn in role.get("ManagedPolicyArns", [])]
        access_logs = ["arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"]
        assert managed == (access_logs if name == "ApiAccessLogsRole" else [])


def test_each_role_is_for_one_service(stack: Synthesised) -> None:
    for name, role in stack.properties("AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        service = {"IngestScheduleRole": "scheduler", "ApiAccessLogsRole": "apigateway"}.get(name, "lambda")
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"


def test_the_schedulers_role_serves_only_this_account(stack: Synthesised) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html"""
    role = stack.properties("AWS::IAM::Role")["IngestScheduleRole"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    (operator,) = statement["Condition"].items()
    assert operator[0] == "StringEquals"
    assert {key: in_words(value) for key, value in operator[1].items()} == {
        "aws:SourceAccount": "<AWS::AccountId>",
        "aws:SourceArn": "arn:<AWS::Partition>:scheduler:<AWS::Region>:<AWS::AccountId>:schedule-group/default",
    }


def test_only_its_own_api_may_invoke_the_functions_of_its_routes(stack: Synthesised) -> None:
    for permission in stack.properties("AWS::Lambda::Permission").values():
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["Principal"] == "apigateway.amazonaws.com"
        name = "DocumentsHttp" if stack.function_of(permission["FunctionName"]) == "documents" else "ApiWebSocket"
        api = f"arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<{name}>/*"
        assert in_words(permission["SourceArn"]).startswith(api)
