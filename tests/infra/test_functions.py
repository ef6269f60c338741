"""The Lambdas: how they run, their settings, and their triggers."""

import json
import re
from dataclasses import MISSING, fields

import pytest

from functions.ingest.ticks import STANDBY_RUN_MS
from infra.bundle import PYTHON_VERSION, ROOT
from shared import settings
from tests.infra.synthesis import FUNCTIONS, Synthesised, in_words

POWERTOOLS = {
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}


def test_there_is_a_lambda_per_folder(stack: Synthesised, sharded: Synthesised, with_tokens: Synthesised) -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert set(stack.functions()) == set(FUNCTIONS)
    assert set(sharded.functions()) == folders - {"authorize"} == {*FUNCTIONS, "worker"}
    assert (
        set(with_tokens.functions()) == folders - {"worker", "documents"} == {*FUNCTIONS, "authorize"} - {"documents"}
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_runs_its_handler_on_arm(stack: Synthesised, name: str) -> None:
    function = stack.functions()[name]
    assert function["Architectures"] == ["arm64"]
    assert function["Runtime"] == f"python{PYTHON_VERSION}"
    assert function["Handler"] == f"functions.{name}.handler.handler"
    assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == name


def test_timeouts_fit_what_the_functions_do(stack: Synthesised) -> None:
    timeouts = {name: function["Timeout"] for name, function in stack.functions().items()}
    routes = {
        "connect": 29,
        "disconnect": 29,
        "subscribe": 29,
        "request": 29,
        "documents": 29,
    }  # API Gateway does not wait longer
    assert timeouts == {"backfill": 900, "ingest": 150, "publish": 60, **routes}
    assert timeouts["ingest"] * 1000 > STANDBY_RUN_MS


def test_publish_has_a_whole_cpu(stack: Synthesised) -> None:
    assert stack.functions()["publish"]["MemorySize"] == 1769


def test_one_shard_needs_no_worker(stack: Synthesised) -> None:
    assert "PublishWorkerFunction" not in stack.properties("AWS::Lambda::Function")
    assert "WORKER_FUNCTION" not in stack.functions()["publish"]["Environment"]["Variables"]


def test_the_worker_runs_like_publish_but_is_never_retried(sharded: Synthesised) -> None:
    """It has its share of the rate of posts."""
    publish, worker = sharded.functions()["publish"], sharded.worker()
    assert worker["Handler"] == "functions.worker.handler.handler"
    assert [worker[name] for name in ("MemorySize", "Timeout")] == [publish[name] for name in ("MemorySize", "Timeout")]
    asked, given = publish["Environment"]["Variables"], worker["Environment"]["Variables"]
    assert in_words(asked["WORKER_FUNCTION"]) == "<PublishWorkerFunction>"
    assert (asked["POST_RATE"], asked["POST_BURST"], asked["CONNECTIONS_PER_WORKER"]) == ("10001", "3500", "25000")
    assert (given["POST_RATE"], given["POST_BURST"]) == ("5000", "1750")
    assert given["CONNECTION_SHARDS"] == asked["CONNECTION_SHARDS"] == "2"
    configs = sharded.properties("AWS::Lambda::EventInvokeConfig").values()
    (config,) = [each for each in configs if "WorkerFunction" in in_words(each["FunctionName"])]
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


def test_an_asynchronous_invocation_is_not_retried(stack: Synthesised) -> None:
    configs = stack.properties("AWS::Lambda::EventInvokeConfig").values()
    assert {stack.function_of(config["FunctionName"]) for config in configs} == set(FUNCTIONS)
    for config in configs:
        assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


@pytest.mark.parametrize("name", [*FUNCTIONS, "authorize"])
def test_a_function_is_given_exactly_the_settings_that_it_reads(
    stack: Synthesised, with_tokens: Synthesised, name: str
) -> None:
    source = (ROOT / "functions" / name / "handler.py").read_text(encoding="utf-8")
    kinds = re.findall(r"\bread\((\w+), os\.environ\)", source)
    assert len(kinds) == 1
    known = fields(getattr(settings, kinds[0]))
    required = {field.name.upper() for field in known if field.default is MISSING}
    functions = stack.functions() if name in FUNCTIONS else with_tokens.functions()
    given = set(functions[name]["Environment"]["Variables"])
    assert given >= POWERTOOLS | required
    assert given <= POWERTOOLS | {field.name.upper() for field in known}


def test_every_function_writes_to_a_log_group_of_its_own(stack: Synthesised) -> None:
    groups = {name: in_words(each["LoggingConfig"]["LogGroup"]) for name, each in stack.functions().items()}
    assert groups == {
        "backfill": "<BackfillLogs>",
        "connect": "<ApiConnectLogs>",
        "disconnect": "<ApiDisconnectLogs>",
        "documents": "<DocumentsLogs>",
        "ingest": "<IngestLogs>",
        "publish": "<PublishLogs>",
        "request": "<ApiRequestLogs>",
        "subscribe": "<ApiSubscribeLogs>",
    }


def test_log_groups_expire_after_two_weeks(stack: Synthesised) -> None:
    groups = stack.properties("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 3  # and the access logs of both APIs, and the WebSocket's execution log
    assert {group["RetentionInDays"] for group in groups.values()} == {14}


def test_the_schedule_starts_ingest_every_minute_and_never_twice(stack: Synthesised) -> None:
    (schedule,) = stack.properties("AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["State"] == "ENABLED"
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert in_words(schedule["Target"]["Arn"]) == "<IngestFunction.Arn>"
    assert in_words(schedule["Target"]["RoleArn"]) == "<IngestScheduleRole.Arn>"
    assert "DeadLetterConfig" not in schedule["Target"]


def test_publish_is_woken_by_new_snapshots_only(stack: Synthesised) -> None:
    (mapping,) = stack.properties("AWS::Lambda::EventSourceMapping").values()
    # An alias, so that a mapping with another starting position is not refused as the same one.
    (alias,) = stack.properties("AWS::Lambda::Alias").values()
    assert stack.function_of(alias["FunctionName"]) == "publish"
    assert (alias["Name"], alias["FunctionVersion"]) == ("trigger", "$LATEST")
    (_, (function, name)) = mapping["FunctionName"]["Fn::Join"]
    assert "PublishTrigger" in json.dumps(function)
    assert name == ":trigger"
    assert in_words(mapping["EventSourceArn"]) == "<StorageQuotes.StreamArn>"
    patterns = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
    assert patterns == [{"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"pk": {"S": ["SNAPSHOT"]}}}}]


def test_a_failing_batch_delays_the_feed_for_at_most_a_minute(stack: Synthesised) -> None:
    (mapping,) = stack.properties("AWS::Lambda::EventSourceMapping").values()
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BatchSize"] == 10
    assert mapping["MaximumRetryAttempts"] == 2
    assert mapping["MaximumRecordAgeInSeconds"] == 60
    assert mapping["BisectBatchOnFunctionError"] is True
    assert in_words(mapping["DestinationConfig"]["OnFailure"]["Destination"]) == "<PublishFailed.Arn>"


def test_the_dead_letter_queue_keeps_two_weeks_and_needs_tls(stack: Synthesised) -> None:
    (queue,) = stack.properties("AWS::SQS::Queue").values()
    assert queue == {"MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": True}
    (policy,) = stack.properties("AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
