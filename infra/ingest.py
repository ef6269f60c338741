"""The schedule and the Lambda that it invokes: fetch, convert, store."""

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.source_settings import allow_keys, source_environment
from infra.storage import Storage

MEMORY_MB = 512


class Ingest(Construct):
    """`ingest`, every minute. A run lasts 130 s: the next one takes over from it without a gap, and then it stands by.
    Without `standby` it lasts up to 75 s."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: FeedConfig,
        storage: Storage,
        backfill: FeedFunction | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = FeedFunction(
            self,
            "Ingest",
            name="ingest",
            config=config,
            memory_mb=MEMORY_MB,
            timeout_s=150 if config.standby else 90,
            environment={
                "QUOTES_TABLE": storage.quotes.table_name,
                "TICK_SECONDS": str(config.tick_seconds),
                "STALE_AFTER_SECONDS": str(config.stale_after_seconds),
                "STANDBY": str(config.standby).lower(),
                **source_environment(config),
                **({"BACKFILL_FUNCTION": backfill.function.function_name} if backfill else {}),
            },
        )
        self.function.allow_items(
            storage.quotes.table_arn,
            {
                "GetItem": ["SNAPSHOT", "LEASE", "AUDIENCE", "TRENDS", "BACKFILL"],
                "PutItem": ["SNAPSHOT", "EXPLAIN", "TRENDS", "BACKFILL"],
                "UpdateItem": ["LEASE"],
                "Query": ["CANDLE#*"],
                "BatchWriteItem": ["CANDLE#*"],
            },
        )
        allow_keys(self.function, config)
        if backfill:
            self.function.allow(["lambda:InvokeFunction"], [backfill.function.function_arn])
        # No retries: the next run comes within a minute, and a late one would only take over from it.
        scheduler.Schedule(
            self,
            "EveryMinute",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(1)),
            target=targets.LambdaInvoke(
                self.function.function,
                role=self._schedule_role(),
                retry_attempts=0,
                max_event_age=Duration.seconds(60),
            ),
        )

    def _schedule_role(self) -> iam.IRole:
        """A role that may invoke only this function, for this account's schedules. CDK's role may invoke all versions.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        """
        group = Stack.of(self).format_arn(service="scheduler", resource="schedule-group", resource_name="default")
        ours = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID, "aws:SourceArn": group}}
        role = iam.Role(
            self, "ScheduleRole", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=ours)
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function.function_arn])
        )
        return role.without_policy_updates()
