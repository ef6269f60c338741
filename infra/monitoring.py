"""The alarms and, if the deployment has an e-mail address, the topic that notifies it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from collections.abc import Iterable, Mapping

from aws_cdk import ArnFormat, Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.accepted import accept
from infra.api import Api
from infra.budget import Budget, watch_messages, watch_posts
from infra.config import FeedConfig
from infra.documents import Documents
from infra.function import FeedFunction
from infra.ingest import Ingest
from infra.publish import MAX_RECORD_AGE, Publish
from infra.service_alarms import watch_api, watch_documents, watch_functions, watch_publish, watch_tables
from infra.storage import Storage
from shared.model.assets import price_sources
from shared.model.staleness import TICKS, ages
from shared.sources.all_sources import SOURCES

ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
MINUTE = Duration.minutes(1)
Missing = cloudwatch.TreatMissingData


class Monitoring(Construct):
    """One alarm per fault, on one metric each, without metric math, so that the local stack accepts them too.

    A function that is not invoked and a metric that is not written are usually no fault. `NothingTicks` notices when
    nothing is written at all.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: FeedConfig,
        storage: Storage,
        ingest: Ingest,
        publish: Publish,
        api: Api,
        documents: Documents | None,
        others: Iterable[FeedFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        self._prefix = f"{config.stack_name}-"
        self._alarm_action = actions.SnsAction(self._topic(config.alarm_email)) if config.alarm_email else None
        self._config = config
        self._ages = ages(config.tick_seconds, config.stale_after_seconds)
        self._watch_ticks(ingest.function)
        self._watch_sources(ingest.function)
        self._watch_posts(publish)
        self._watch_batches("", publish.function)
        functions = {"ingest": ingest.function, "publish": publish.function, **api.functions}
        functions |= {function.service: function for function in others}
        if publish.worker:
            self._watch_batches("Worker", publish.worker)
            functions["worker"] = publish.worker
            self._alarm(
                "WorkersOvertaken",
                publish.worker.metric("WorkersOvertaken", "Sum"),
                "For five minutes workers have begun after a newer one of their shard, so they post nothing: look at "
                "the duration and the throttles of the workers, and at connection_shards.",
                minutes=5,
            )
        watch_functions(self._alarm, functions)
        watch_publish(self._alarm, publish.function)
        watch_tables(self._alarm, storage)
        watch_api(self._alarm, api)
        if documents:
            watch_documents(self._alarm, documents)
        self._watch_requests(functions)
        if config.daily_budget_usd:
            watch_messages(self._alarm, api, config.daily_budget_usd)
            if config.alarm_email:
                Budget(self, "Budget", config=config)

    def _watch_ticks(self, ingest: FeedFunction) -> None:
        self._alarm(
            "NothingTicks",
            ingest.metric("TickDuration", "SampleCount"),
            "No ingest has finished a tick for three minutes, so clients get no prices: look at the schedule, at the "
            "throttles and errors of ingest and at its log group.",
            comparison=BELOW,
            threshold=1,
            minutes=3,
            missing=Missing.BREACHING,
        )
        self._alarm(
            "PricesHeld",
            ingest.metric("PricesHeld", "Minimum"),
            "For five minutes every tick has held a price that no second source supports: look at the sources' prices "
            "of the symbols that are stale, unavailable or served by another source than usual.",
            minutes=5,
        )
        # Each run begins with none pending, so the minimum of a minute is 0 even if no write succeeds.
        self._alarm(
            "CandlesPending",
            ingest.metric("CandlesPending", "Maximum"),
            "For five minutes DynamoDB has not taken all closed candles, so history has gaps: look at the throttles of "
            "the quotes table and at the log group of ingest.",
            minutes=5,
        )

    def _watch_sources(self, ingest: FeedFunction) -> None:
        self._alarm(
            "QuotesStale",
            ingest.metric("QuotesAge", "Maximum"),
            "For two minutes no source has confirmed a quarter of the quotes, so clients see them as stale: look at "
            "the lines `sources failed` in the log group of ingest.",
            threshold=self._ages.stale_ms,
            minutes=2,
        )
        self._alarm(
            "AllSourcesDown",
            ingest.metric("SourcesSilent", "Maximum"),
            "For two minutes no source of prices has answered: look at the lines `sources failed` in the log group of "
            "ingest, and whether the Region may ask the exchanges.",
            threshold=self._ages.stale_ms,
            minutes=2,
        )
        for source in (make().name for make in SOURCES):
            self._alarm(
                f"Down{_words(source)}",
                ingest.metric("SourceDown", "Sum", source=source),
                f"In each of fifteen minutes {source} has failed, and others stand in for it: look at its error in the "
                "lines `sources failed` in the log group of ingest.",
                minutes=15,
            )
        for source in price_sources():
            self._alarm(
                f"Suspect{source.capitalize()}",
                ingest.metric("SourceSuspect", "Sum", source=source),
                f"For five minutes the other sources have contradicted {source}, so it casts no vote: look at its "
                "markets in explain, and at its own announcements.",
                minutes=5,
            )

    def _watch_requests(self, functions: Mapping[str, FeedFunction]) -> None:
        """A client that is told `unavailable` got an answer, so that no metric of Lambda counts it."""
        for name in ("request", "subscribe", "documents"):
            if name not in functions:
                continue
            self._alarm(
                f"{name.capitalize()}Failed",
                functions[name].metric("RequestsFailed", "Sum").with_(period=Duration.minutes(5)),
                f"A client of {name} was told that the feed is unavailable, or got no answer: look at the lines "
                "`request failed` and `answer did not arrive` in its log group.",
            )

    def _watch_batches(self, prefix: str, poster: FeedFunction) -> None:
        """The alarms of `publish` or its workers, whose metrics have different names."""
        where = f"in the log group of {poster.service}"
        self._alarm(
            f"{prefix}PostsFailed",
            poster.metric("PostsFailed", "Sum"),
            "For five minutes posts to connections have failed, so clients miss frames: look at the reasons that the "
            f"lines `posts failed` {where} state.",
            minutes=5,
        )
        self._alarm(
            f"{prefix}PostsRefused",
            poster.metric("PostsRefused", "Sum"),
            "API Gateway has refused posts for good (403 means not allowed, 413 a frame too large): look at the "
            f"lines `posts failed` {where} and at the function's grant of ManageConnections.",
        )
        self._alarm(
            f"{prefix}ConnectionsUnsent",
            poster.metric("ConnectionsUnsent", "Sum"),
            "For five minutes batches have ended before every connection got its frames, so prices are older than a "
            "tick: look at the number of connections, and at post_rate, connection_shards and tick_seconds.",
            minutes=5,
        )
        self._alarm(
            f"{prefix}BatchesBroken",
            poster.metric("BatchesBroken", "Sum"),
            "For five minutes some connections could not be read, or ended ones could not be deleted: look at the "
            f"lines `batch broken` {where}.",
            minutes=5,
        )
        if self._config.daily_budget_usd:
            watch_posts(self._alarm, prefix, poster, self._config.daily_budget_usd)

    def _watch_posts(self, publish: Publish) -> None:
        self._alarm(
            "SnapshotsUnreadable",
            publish.function.metric("SnapshotsUnreadable", "Sum"),
            "Publish has left out snapshots that it cannot read, so clients miss their prices: look at the lines "
            "`snapshots unreadable` in its log group, and whether ingest and publish have the same version.",
        )
        # A healthy feed writes at least every `write_ms`, whatever the market does. Without listeners nothing counts.
        self._alarm(
            "TicksRare",
            publish.function.metric("SnapshotGap", "Minimum"),
            "For three minutes snapshots have come much later than their tick although somebody listens: look at why "
            "ingest stopped in its log group, and at the item of the audience.",
            threshold=self._ages.write_ms + TICKS * self._config.tick_seconds * 1000,
            minutes=3,
        )
        # Half the age at which a record is put aside: publish never gets a record older than the full age.
        self._alarm(
            "PublishBehind",
            publish.function.function.metric("IteratorAge", statistic="Maximum", period=MINUTE),
            "Snapshots reach publish late, so clients see old prices: look at the errors, throttles and duration of "
            "publish.",
            threshold=MAX_RECORD_AGE.to_milliseconds() / 2,
        )
        # SQS writes no metric for a queue that was idle for six hours, even if it holds messages: keep the state then.
        self._alarm(
            "SnapshotsPutAside",
            publish.failed.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE),
            "Publish has given up on snapshots: look at its log group for the error, then empty the dead-letter queue, "
            "whose messages name the stream's records.",
            missing=Missing.IGNORE,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric,
        description: str,
        *,
        comparison: cloudwatch.ComparisonOperator = ABOVE,
        threshold: float = 0,
        minutes: int = 1,
        missing: cloudwatch.TreatMissingData = Missing.NOT_BREACHING,
    ) -> None:
        """An alarm on `minutes` periods in a row. Its name has the prefix that the topic's policies expect."""
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._prefix}{name}",
            alarm_description=description,
            metric=metric,
            comparison_operator=comparison,
            threshold=threshold,
            evaluation_periods=minutes,
            treat_missing_data=missing,
        )
        if self._alarm_action:
            alarm.add_alarm_action(self._alarm_action)
            alarm.add_ok_action(self._alarm_action)

    def _topic(self, email: str) -> sns.Topic:
        """An encrypted topic for this stack's alarms only.

        CloudWatch may not use the key that AWS manages for SNS, and this topic's policy replaces the default one, which
        would let CloudWatch publish.
        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
        """
        alarms = Stack.of(self).format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=f"{self._prefix}*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        cloudwatch_itself = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": alarms},
            },
        )
        key = kms.Key(
            self,
            "Key",
            description="Encrypts cadfeed's alarm notifications",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[cloudwatch_itself], actions=["kms:Decrypt", "kms:GenerateDataKey*"], resources=["*"]
            )
        )
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(principals=[cloudwatch_itself], actions=["sns:Publish"], resources=[topic.topic_arn])
        )
        subscription = topic.add_subscription(subscriptions.EmailSubscription(email))
        accept(
            subscription,
            {"Serverless-SNSRedrivePolicy": "SNS tries an e-mail for six hours; CloudWatch shows the alarm itself."},
        )
        return topic


def _words(source: str) -> str:
    return "".join(word.capitalize() for word in source.split("_"))
