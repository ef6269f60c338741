"""The alarms: what each of them watches, and who is notified."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.bundle import ROOT
from shared.model.assets import price_sources
from shared.sources.all_sources import SOURCES
from tests.infra.synthesis import FUNCTIONS, Synthesised, as_list, in_words, synthesise

ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
ERRORS = ("AWS/Lambda Errors", "Sum", 300, 1, ABOVE, 0, "notBreaching")
THROTTLES = ("AWS/Lambda Throttles", "Sum", 300, 1, ABOVE, 0, "notBreaching")
FAILED = ("Cadfeed RequestsFailed", "Sum", 300, 1, ABOVE, 0, "notBreaching")
DAY_S, BUDGET = 86_400, 10_000_000  # messages for 10 dollars
WATCHED: dict[str, tuple[object, ...]] = {
    "NothingTicks": ("Cadfeed TickDuration", "SampleCount", 60, 3, BELOW, 1, "breaching"),
    "PricesHeld": ("Cadfeed PricesHeld", "Minimum", 60, 5, ABOVE, 0, "notBreaching"),
    "CandlesPending": ("Cadfeed CandlesPending", "Maximum", 60, 5, ABOVE, 0, "notBreaching"),
    "PostsFailed": ("Cadfeed PostsFailed", "Sum", 60, 5, ABOVE, 0, "notBreaching"),
    "PostsRefused": ("Cadfeed PostsRefused", "Sum", 60, 1, ABOVE, 0, "notBreaching"),
    "ConnectionsUnsent": ("Cadfeed ConnectionsUnsent", "Sum", 60, 5, ABOVE, 0, "notBreaching"),
    "BatchesBroken": ("Cadfeed BatchesBroken", "Sum", 60, 5, ABOVE, 0, "notBreaching"),
    "SnapshotsUnreadable": ("Cadfeed SnapshotsUnreadable", "Sum", 60, 1, ABOVE, 0, "notBreaching"),
    "PublishBehind": ("AWS/Lambda IteratorAge", "Maximum", 60, 1, ABOVE, 30_000, "notBreaching"),
    "SnapshotsPutAside": ("AWS/SQS ApproximateNumberOfMessagesVisible", "Maximum", 60, 1, ABOVE, 0, "ignore"),
    "QuotesStale": ("Cadfeed QuotesAge", "Maximum", 60, 2, ABOVE, 30_000, "notBreaching"),
    "AllSourcesDown": ("Cadfeed SourcesSilent", "Maximum", 60, 2, ABOVE, 30_000, "notBreaching"),
    "TicksRare": ("Cadfeed SnapshotGap", "Minimum", 60, 3, ABOVE, 25_000, "notBreaching"),
    "RequestFailed": FAILED,
    "SubscribeFailed": FAILED,
    "DocumentsFailed": FAILED,
    "PostsOverBudget": ("Cadfeed Posts", "Sum", DAY_S, 1, ABOVE, BUDGET, "notBreaching"),
    "MessagesOverBudget": ("AWS/ApiGateway MessageCount", "Sum", DAY_S, 1, ABOVE, BUDGET, "notBreaching"),
    "PublishSilent": ("AWS/Lambda Invocations", "Sum", 60, 3, BELOW, 1, "breaching"),
    "ApiExecutionErrors": ("AWS/ApiGateway ExecutionError", "Sum", 300, 1, ABOVE, 0, "notBreaching"),
    "ApiIntegrationErrors": ("AWS/ApiGateway IntegrationError", "Sum", 60, 5, ABOVE, 0, "notBreaching"),
    "DocumentsRefused": ("AWS/ApiGateway 4xx", "Sum", 60, 5, ABOVE, 600, "notBreaching"),
    "ApiThrottles": ("AWS/ApiGateway ClientError", "Sum", 60, 5, ABOVE, 0, "notBreaching"),
    **{
        f"{table}{what}sThrottled": (f"AWS/DynamoDB {what}ThrottleEvents", "Sum", 60, 5, ABOVE, 0, "notBreaching")
        for table in ("Quotes", "Connections")
        for what in ("Read", "Write")
    },
    **{
        f"Down{source.title().replace('_', '')}": ("Cadfeed SourceDown", "Sum", 60, 15, ABOVE, 0, "notBreaching")
        for source in (make().name for make in SOURCES)
    },
    **{
        f"Suspect{source.capitalize()}": ("Cadfeed SourceSuspect", "Sum", 60, 5, ABOVE, 0, "notBreaching")
        for source in price_sources()
    },
    **{f"{name.capitalize()}Errors": ERRORS for name in FUNCTIONS},
    **{f"{name.capitalize()}Throttles": THROTTLES for name in FUNCTIONS},
}
OF_PUBLISH = {"PostsFailed", "PostsRefused", "ConnectionsUnsent", "BatchesBroken", "PostsOverBudget"}
OF_FUNCTION = {
    **dict.fromkeys({*OF_PUBLISH, "SnapshotsUnreadable", "TicksRare"}, "publish"),
    "RequestFailed": "request",
    "SubscribeFailed": "subscribe",
    "DocumentsFailed": "documents",
}
WRITES = {
    "ingest": ["functions/ingest/handler.py"],
    "publish": ["shared/publishing/report.py", "functions/publish/handler.py"],
    "request": ["shared/requests/routes.py"],
    "subscribe": ["shared/requests/routes.py"],
    "documents": ["functions/documents/handler.py"],
}


def alarms(stack: Synthesised) -> dict[str, dict[str, Any]]:
    """Return the alarms by their name without the stack's."""
    found = stack.properties("AWS::CloudWatch::Alarm").values()
    assert all(alarm["AlarmName"].startswith("Cadfeed-") for alarm in found)
    return {alarm["AlarmName"].removeprefix("Cadfeed-"): alarm for alarm in found}


def dimension(alarm: dict[str, Any]) -> tuple[str, str]:
    (only,) = alarm["Dimensions"]
    return only["Name"], in_words(only["Value"])


def test_each_alarm_goes_off_when_it_should(stack: Synthesised) -> None:
    watched = {
        name: (
            f"{alarm['Namespace']} {alarm['MetricName']}",
            alarm["Statistic"],
            alarm["Period"],
            alarm["EvaluationPeriods"],
            alarm["ComparisonOperator"],
            alarm["Threshold"],
            alarm["TreatMissingData"],
        )
        for name, alarm in alarms(stack).items()
    }
    assert watched == WATCHED


def test_no_alarm_calculates(stack: Synthesised) -> None:
    """The local stack refuses metric math."""
    assert [name for name, alarm in alarms(stack).items() if "Metrics" in alarm] == []


def test_each_functions_own_metrics_are_watched_under_its_name(stack: Synthesised) -> None:
    for name, alarm in alarms(stack).items():
        if alarm["Namespace"] == "AWS/Lambda":
            kind, value = dimension(alarm)
            found = re.fullmatch(r"(\w+)(Errors|Throttles)", name)
            function = found[1].lower() if found else "publish"
            assert (kind, stack.function_of(value)) == ("FunctionName", function)
    assert dimension(alarms(stack)["SnapshotsPutAside"]) == ("QueueName", "<PublishFailed.QueueName>")


def test_tables_and_the_stage_are_watched_by_their_own_metrics(stack: Synthesised) -> None:
    for name, alarm in alarms(stack).items():
        if alarm["Namespace"] == "AWS/DynamoDB":
            table = "Quotes" if name.startswith("Quotes") else "Connections"
            assert dimension(alarm) == ("TableName", f"<Storage{table}>")
        if alarm["Namespace"] == "AWS/ApiGateway":
            of_documents = {"ApiId": "<DocumentsHttp>"}
            of_sockets = {"ApiId": "<ApiWebSocket>", "Stage": "live"}
            expected = of_documents if name.startswith("Documents") else of_sockets
            assert {each["Name"]: in_words(each["Value"]) for each in alarm["Dimensions"]} == expected


def test_alarms_watch_the_metrics_that_handlers_write(stack: Synthesised) -> None:
    """They use Powertools' namespace and service, and a name in the handler."""
    ours = {name: alarm for name, alarm in alarms(stack).items() if not alarm["Namespace"].startswith("AWS/")}
    assert ours.keys() == {name for name, (metric, *_) in WATCHED.items() if str(metric).startswith("Cadfeed ")}
    for name, alarm in ours.items():
        function = OF_FUNCTION.get(name, "ingest")
        variables = stack.functions()[function]["Environment"]["Variables"]
        assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
        of_source = [each for each in alarm["Dimensions"] if each["Name"] == "source"]
        assert [each for each in alarm["Dimensions"] if each not in of_source] == [
            {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}
        ]
        sources = [each["Value"].title().replace("_", "") for each in of_source]
        assert sources == re.findall(r"^(?:Suspect|Down)(\w+)", name)
        written = "".join((ROOT / path).read_text(encoding="utf-8") for path in WRITES[function])
        call = r"(?:metrics\.add_metric\(|_count\(|else |single_metric\(name=|^ +)\"(\w+)\"(?:[:,] |\))"
        assert alarm["MetricName"] in re.findall(call, written, re.MULTILINE)


def test_the_workers_are_watched_like_publish(sharded: Synthesised) -> None:
    watched = alarms(sharded)
    theirs = {name.removeprefix("Worker"): alarm for name, alarm in watched.items() if name.startswith("Worker")}
    assert theirs.keys() == {*OF_PUBLISH, "Errors", "Throttles", "sOvertaken"}
    assert dimension(watched["WorkersOvertaken"]) == ("service", "worker")
    service = sharded.worker()["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    for name in OF_PUBLISH:
        assert dimension(theirs[name]) == ("service", service)
        assert theirs[name]["MetricName"] == watched[name]["MetricName"]


def test_publish_is_behind_before_it_puts_records_aside(stack: Synthesised) -> None:
    """It never gets an older record, so a greater age would never show."""
    (mapping,) = stack.properties("AWS::Lambda::EventSourceMapping").values()
    assert alarms(stack)["PublishBehind"]["Threshold"] < mapping["MaximumRecordAgeInSeconds"] * 1000


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_says_what_it_means_and_what_to_look_at(stack: Synthesised, name: str) -> None:
    description = alarms(stack)[name]["AlarmDescription"]
    assert re.fullmatch(r"[A-Z][^.:]+: look at [^.:]+\.", description)


def test_without_a_budget_no_alarm_counts_messages(tmp_path: Path) -> None:
    without = synthesise(tmp_path, daily_budget_usd=0, alarm_email="ops@example.com")
    assert WATCHED.keys() - alarms(without).keys() == {"PostsOverBudget", "MessagesOverBudget"}
    without.template.resource_count_is("AWS::Budgets::Budget", 0)


def test_an_address_also_gets_a_bill_above_the_budget(alarming: Synthesised) -> None:
    (budget,) = alarming.properties("AWS::Budgets::Budget").values()
    assert budget["Budget"] == {
        "BudgetType": "COST",
        "TimeUnit": "DAILY",
        "BudgetLimit": {"Amount": 10, "Unit": "USD"},
    }
    (notice,) = budget["NotificationsWithSubscribers"]
    assert notice["Subscribers"] == [{"Address": "ops@example.com", "SubscriptionType": "EMAIL"}]
    assert (notice["Notification"]["NotificationType"], notice["Notification"]["Threshold"]) == ("ACTUAL", 100)


def test_nobody_is_notified_by_default(stack: Synthesised) -> None:
    for kind in ("AWS::Budgets::Budget", "AWS::SNS::Topic", "AWS::SNS::Subscription", "AWS::KMS::Key"):
        stack.template.resource_count_is(kind, 0)
    assert not any("AlarmActions" in alarm or "OKActions" in alarm for alarm in alarms(stack).values())


def test_the_chosen_address_hears_when_an_alarm_starts_and_ends(alarming: Synthesised) -> None:
    (subscription,) = alarming.properties("AWS::SNS::Subscription").values()
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")
    assert in_words(subscription["TopicArn"]) == "<MonitoringTopic>"
    assert alarms(alarming).keys() == WATCHED.keys()
    for alarm in alarms(alarming).values():
        for actions in (alarm["AlarmActions"], alarm["OKActions"]):
            assert [in_words(action) for action in actions] == ["<MonitoringTopic>"]


def test_the_topic_has_its_own_rotating_key(alarming: Synthesised) -> None:
    """CloudWatch cannot use `alias/aws/sns`: its messages would be lost silently."""
    (topic,) = alarming.properties("AWS::SNS::Topic").values()
    assert in_words(topic["KmsMasterKeyId"]) == "<MonitoringKey.Arn>"
    (key,) = alarming.properties("AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True


def test_the_topic_needs_tls(alarming: Synthesised) -> None:
    (policy,) = alarming.properties("AWS::SNS::TopicPolicy").values()
    denied = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert [each["Condition"] for each in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]


@pytest.mark.parametrize(
    ("kind", "document", "actions"),
    [
        ("AWS::SNS::TopicPolicy", "PolicyDocument", {"sns:Publish"}),
        ("AWS::KMS::Key", "KeyPolicy", {"kms:Decrypt", "kms:GenerateDataKey*"}),
    ],
)
def test_only_this_stacks_alarms_may_use_the_topic_and_its_key(
    alarming: Synthesised, kind: str, document: str, actions: set[str]
) -> None:
    (properties,) = alarming.properties(kind).values()
    services = [each for each in properties[document]["Statement"] if "Service" in each["Principal"]]
    (statement,) = services
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(as_list(statement["Action"])) == actions
    conditions = {key: in_words(value) for each in statement["Condition"].values() for key, value in each.items()}
    assert conditions == {
        "aws:SourceAccount": "<AWS::AccountId>",
        "aws:SourceArn": "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:Cadfeed-*",
    }
