"""The Lambda on the quotes table's stream, which posts changes to every connection, and its workers.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

from collections.abc import Mapping

import jsii
from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_lambda_event_sources import DynamoEventSource
from constructs import Construct

from infra.accepted import accept
from infra.api import Api
from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.region_quota import Pace, posting_pace, rates_places
from infra.storage import CLIENTS, COUNTS, PROGRESS, SHARDS, Storage

MAX_RECORD_AGE = Duration.seconds(60)


@jsii.implements(lambda_.IEventSourceDlq)
class FailedRecords:
    """The queue of what a trigger put aside. It grants nothing: the CDK's `SqsDlq` would grant two rights, to read the
    queue's properties, that nothing uses.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """

    def __init__(self, queue: sqs.Queue) -> None:
        self._queue = queue

    def bind(
        self, _target: lambda_.IEventSourceMapping, _handler: lambda_.IFunction, /
    ) -> lambda_.DlqDestinationConfig:
        return lambda_.DlqDestinationConfig(destination=self._queue.queue_arn)


class Publish(Construct):
    """`publish`, for each new snapshot. A record that fails after two retries or a minute is put aside: by default a
    failing batch is retried for a day and blocks all later ones.

    With several shards there is also a worker. Above the configured number of connections `publish` starts one per
    shard. It is not retried: the next tick's worker sends what was missed.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig, storage: Storage, api: Api) -> None:
        super().__init__(scope, construct_id)
        environment = {
            "QUOTES_TABLE": storage.quotes.table_name,
            "TICK_SECONDS": str(config.tick_seconds),
            "STALE_AFTER_SECONDS": str(config.stale_after_seconds),
            "CONNECTIONS_TABLE": storage.connections.table_name,
            "CONNECTION_SHARDS": str(config.connection_shards),
            "CONNECTIONS_URL": api.connections_url,
            "RATES_CHANGE": config.rates_change,
        }
        shards, pace = config.connection_shards, posting_pace(self, config)
        self.worker = self._worker(config, storage, api, environment, pace) if shards > 1 else None
        environment |= {
            "POST_RATE": str(pace.rate),
            "POST_BURST": str(pace.burst),
            "CONNECTIONS_PER_WORKER": str(config.connections_per_worker),
            "MAX_RATES_CONNECTIONS": str(rates_places(config)),
        }
        if self.worker:
            environment["WORKER_FUNCTION"] = self.worker.function.function_name
        self.function = self._poster("Publish", "publish", config, storage, api, environment)
        self.function.allow_items(
            storage.quotes.table_arn, {"GetItem": ["SNAPSHOT", "AUDIENCE"], "UpdateItem": ["AUDIENCE"]}
        )
        self.function.allow_items(storage.connections.table_arn, {"DeleteItem": [PROGRESS]})
        if self.worker:
            self.function.allow_items(storage.connections.table_arn, {"UpdateItem": [PROGRESS], "Query": [PROGRESS]})
            self.function.allow(["lambda:InvokeFunction"], [self.worker.function.function_arn])
        self.failed = sqs.Queue(
            self,
            "Failed",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.function.allow(["sqs:SendMessage"], [self.failed.queue_arn])
        for rule in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
            accept(self.failed, {rule: "This queue is the dead-letter queue."})
        snapshots = {
            "eventName": lambda_.FilterRule.or_("INSERT", "MODIFY"),
            "dynamodb": {"Keys": {"pk": {"S": lambda_.FilterRule.is_equal("SNAPSHOT")}}},
        }
        # Another position is another mapping, which CloudFormation creates before it deletes the old one. Lambda
        # refuses a second mapping of the same function and stream, so this one invokes an alias.
        trigger = lambda_.Alias(self, "Trigger", alias_name="trigger", version=self.function.function.latest_version)
        trigger.add_event_source(
            DynamoEventSource(
                storage.quotes,
                # A new trigger takes minutes to start; LATEST would miss the snapshots of that time.
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=10,
                filters=[lambda_.FilterCriteria.filter(snapshots)],
                retry_attempts=2,
                max_record_age=MAX_RECORD_AGE,
                bisect_batch_on_error=True,
                on_failure=FailedRecords(self.failed),
            )
        )
        self.function.explain_wildcard("ListStreams cannot be limited to a stream.", "Resource::*")

    def _worker(
        self, config: FeedConfig, storage: Storage, api: Api, environment: Mapping[str, str], pace: Pace
    ) -> FeedFunction:
        """The worker function. Its concurrent invocations share the account's quota of posts."""
        rate = {"POST_RATE": pace.rate, "POST_BURST": pace.burst}
        each = {name: str(max(1, total // config.connection_shards)) for name, total in rate.items()}
        worker = self._poster("Worker", "worker", config, storage, api, {**environment, **each})
        worker.allow_items(storage.connections.table_arn, {"GetItem": [PROGRESS], "UpdateItem": [PROGRESS]})
        return worker

    def _poster(
        self,
        construct_id: str,
        name: str,
        config: FeedConfig,
        storage: Storage,
        api: Api,
        environment: Mapping[str, str],
    ) -> FeedFunction:
        """A function that reads the connections, posts to them, deletes those that have ended, and announces the number
        of shards to an older version's connections."""
        function = FeedFunction(
            self,
            construct_id,
            name=name,
            config=config,
            memory_mb=1769,  # one full vCPU, which limits the rate of posts
            timeout_s=60,
            environment=environment,
        )
        grants = {
            "Query": [SHARDS],
            "BatchGetItem": [SHARDS],
            "DeleteItem": [SHARDS, CLIENTS],
            "PutItem": [SHARDS, CLIENTS, COUNTS],
        }
        function.allow_items(storage.connections.table_arn, grants)
        api.allow_posts(function)
        return function
