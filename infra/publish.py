"""The Lambda on the quotes table's stream: what changed, to every connection.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_lambda_event_sources import DynamoEventSource, SqsDlq
from constructs import Construct

from infra.api import Api
from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.storage import Storage

MAX_RECORD_AGE = Duration.seconds(60)


class Publish(Construct):
    """`publish`, for each new snapshot. What it could not handle twice more, or within a minute, is put aside:
    by default a batch that fails is retried for a day and holds up all that come after it."""

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig, storage: Storage, api: Api) -> None:
        super().__init__(scope, construct_id)
        self.function = FeedFunction(
            self,
            "Publish",
            name="publish",
            config=config,
            memory_mb=1769,  # one whole vCPU: posts are bound by it
            timeout_s=60,
            environment={
                "QUOTES_TABLE": storage.quotes.table_name,
                "CONNECTIONS_TABLE": storage.connections.table_name,
                "CONNECTION_SHARDS": str(config.connection_shards),
                "CONNECTIONS_URL": api.connections_url,
            },
        )
        self.function.allow(["dynamodb:UpdateItem"], [storage.quotes.table_arn])
        self.function.allow(["dynamodb:Query", "dynamodb:DeleteItem"], [storage.connections.table_arn])
        api.allow_posts(self.function)
        self.failed = sqs.Queue(self, "Failed", enforce_ssl=True, retention_period=Duration.days(14))
        Validations.of(self.failed).acknowledge(
            Acknowledgment(id="AwsSolutions-SQS3", reason="This queue is the dead-letter queue.")
        )
        snapshots = {
            "eventName": lambda_.FilterRule.or_("INSERT", "MODIFY"),
            "dynamodb": {"Keys": {"pk": {"S": lambda_.FilterRule.is_equal("SNAPSHOT")}}},
        }
        self.function.function.add_event_source(
            DynamoEventSource(
                storage.quotes,
                starting_position=lambda_.StartingPosition.LATEST,
                batch_size=10,
                filters=[lambda_.FilterCriteria.filter(snapshots)],
                retry_attempts=2,
                max_record_age=MAX_RECORD_AGE,
                bisect_batch_on_error=True,
                on_failure=SqsDlq(self.failed),
            )
        )
        self.function.explain_wildcard("ListStreams cannot be limited to a stream.", "Resource::*")
