"""The alarms on AWS's own metrics: throttles of each kind, API Gateway's errors, and a publish that is never invoked.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
"""

from collections.abc import Callable, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.api import Api
from infra.documents import Documents
from infra.function import FeedFunction
from infra.storage import Storage

MINUTE, FIVE_MINUTES = Duration.minutes(1), Duration.minutes(5)
A_TENTH = 10

# `Monitoring._alarm`.
MakeAlarm = Callable[..., None]


def watch_functions(alarm: MakeAlarm, functions: Mapping[str, FeedFunction]) -> None:
    """One invocation that raises, and one that Lambda throttles, are enough."""
    for name, function in functions.items():
        alarm(
            f"{name.capitalize()}Errors",
            function.function.metric_errors(statistic="Sum", period=FIVE_MINUTES),
            f"An invocation of {name} raised an error or timed out: look at its log group for the error.",
        )
        alarm(
            f"{name.capitalize()}Throttles",
            function.function.metric_throttles(statistic="Sum", period=FIVE_MINUTES),
            f"Lambda has refused to run {name} because too many functions run at once: look at ConcurrentExecutions "
            "of the account and at its quota of concurrent executions.",
        )


def watch_publish(alarm: MakeAlarm, publish: FeedFunction) -> None:
    """Even without listeners the ingest writes a snapshot a minute, so publish is invoked each minute."""
    alarm(
        "PublishSilent",
        publish.function.metric_invocations(statistic="Sum", period=MINUTE),
        "Publish was not invoked for three minutes, so clients get nothing: look at the alarm NothingTicks, and if it "
        "is quiet at the stream of the quotes table and its trigger.",
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        threshold=1,
        minutes=3,
        missing=cloudwatch.TreatMissingData.BREACHING,
    )


def watch_tables(alarm: MakeAlarm, storage: Storage) -> None:
    for name, table in {"Quotes": storage.quotes, "Connections": storage.connections}.items():
        for what in ("Read", "Write"):
            alarm(
                f"{name}{what}sThrottled",
                cloudwatch.Metric(
                    namespace="AWS/DynamoDB",
                    metric_name=f"{what}ThrottleEvents",
                    dimensions_map={"TableName": table.table_name},
                    statistic="Sum",
                    period=MINUTE,
                ),
                f"For five minutes DynamoDB has throttled {what.lower()}s of the {name.lower()} table: look at its "
                "consumed capacity, at the number of connections and at connection_shards.",
                minutes=5,
            )


def watch_api(alarm: MakeAlarm, api: Api) -> None:
    alarm(
        "ApiExecutionErrors",
        api.metric("ExecutionError", period=FIVE_MINUTES),
        "API Gateway could not call a function or answered 5xx: look at its execution log and at the errors and "
        "throttles of the functions.",
    )
    alarm(
        "ApiIntegrationErrors",
        api.metric("IntegrationError"),
        "For five minutes functions have answered API Gateway with 4xx or 5xx, as connect does when it refuses: look "
        "at integrationStatus and error in the access log.",
        minutes=5,
    )
    alarm(
        "ApiThrottles",
        api.metric("ClientError"),
        "For five minutes API Gateway has refused clients with 4xx, which is 429 where it throttles: look at status "
        "and at the addresses in the access log, at connect_rate where eventType is CONNECT, else at throttle_rate, "
        "and at the account's quota.",
        minutes=5,
    )


def watch_documents(alarm: MakeAlarm, documents: Documents) -> None:
    """A typing error gives 404, so it takes many."""
    alarm(
        "DocumentsRefused",
        documents.metric("4xx"),
        "For five minutes API Gateway has refused requests for documents with 4xx, which is 429 where it throttles: "
        "look at status and path in the access log, and at document_rate.",
        threshold=documents.pace.rate * MINUTE.to_seconds() // A_TENTH,
        minutes=5,
    )
