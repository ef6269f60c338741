"""The schedule and the Lambda that it wakes: fetch, convert, store."""

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.storage import Storage


class Ingest(Construct):
    """`ingest`, every minute. A run lasts up to 75 s, so the next one takes over from it without a gap."""

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig, storage: Storage) -> None:
        super().__init__(scope, construct_id)
        self.function = FeedFunction(
            self,
            "Ingest",
            name="ingest",
            config=config,
            memory_mb=256,
            timeout_s=90,
            environment={
                "QUOTES_TABLE": storage.quotes.table_name,
                "TICK_SECONDS": str(config.tick_seconds),
                "STALE_AFTER_SECONDS": str(config.stale_after_seconds),
                "BINANCE_BASE_URL": config.binance_base_url,
                "KRAKEN_BASE_URL": config.kraken_base_url,
                "BANK_OF_CANADA_BASE_URL": config.bank_of_canada_base_url,
                "ER_API_BASE_URL": config.er_api_base_url,
                "NDAX_BASE_URL": config.ndax_base_url,
                "COINBASE_BASE_URL": config.coinbase_base_url,
                "COINGECKO_BASE_URL": config.coingecko_base_url,
                "NDAX_POLL_SECONDS": str(config.ndax_poll_seconds),
                "COINBASE_POLL_SECONDS": str(config.coinbase_poll_seconds),
                "COINGECKO_POLL_SECONDS": str(config.coingecko_poll_seconds),
                "COINGECKO_KEY_PARAMETER": config.coingecko_key_parameter,
            },
        )
        self.function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:BatchWriteItem", "dynamodb:UpdateItem"],
            [storage.quotes.table_arn],
        )
        if config.coingecko_key_parameter:
            # A SecureString under the key that AWS keeps for SSM, which needs no grant of its own.
            parameter = Stack.of(self).format_arn(
                service="ssm", resource="parameter", resource_name=config.coingecko_key_parameter.lstrip("/")
            )
            self.function.allow(["ssm:GetParameter"], [parameter])
        # Not retried: the next one comes in a minute, and a late one would only take over from it.
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
        """May start this one function, for this account's schedules. CDK's own role could start all its versions, too.

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
