"""One of the feed's Lambdas: its bundle, its log group, and a role with only the grants that it needs."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.accepted import accept
from infra.bundle import PYTHON_VERSION, bundle
from infra.config import FeedConfig
from infra.log_group import log_group

NOT_KEPT = "The next tick, minute or request does what a failed run did not, and an alarm counts errors."


class FeedFunction(Construct):
    """`functions/<name>/handler.py` as a Lambda. Its settings read `environment`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        config: FeedConfig,
        environment: Mapping[str, str],
        memory_mb: int,
        timeout_s: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.service = name
        # Two stacks in one account may not share a metric: the healthy one would hide the other's silence.
        self._metrics_namespace = config.stack_name
        logs = log_group(self, "Logs", config)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], [logs.log_group_arn])
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"cadfeed {self.service}",
            runtime=lambda_.Runtime(f"python{PYTHON_VERSION}", lambda_.RuntimeFamily.PYTHON),
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(bundle(name, native=config.native_wheels))),
            handler=f"functions.{name}.handler.handler",
            role=self.role,
            log_group=logs,
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_s),
            retry_attempts=0,
            max_event_age=Duration.seconds(60),
            tracing=lambda_.Tracing.ACTIVE if config.tracing else lambda_.Tracing.DISABLED,
            environment={
                **environment,
                "POWERTOOLS_SERVICE_NAME": self.service,
                "POWERTOOLS_METRICS_NAMESPACE": self._metrics_namespace,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
        )
        for rule in ("Serverless-LambdaAsyncFailureDestination", "Serverless-LambdaDLQ"):
            accept(self, {rule: NOT_KEPT})
        if config.tracing:
            self.explain_wildcard("X-Ray's actions cannot be limited to a resource.", "Resource::*")
        else:
            accept(self, {"Serverless-LambdaTracing": "The setting `tracing` switches X-Ray off, which has a price."})

    def allow(self, actions: Sequence[str], resources: Sequence[str]) -> None:
        """Grant the function these actions on these resources."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))

    def allow_items(self, table_arn: str, keys: Mapping[str, Sequence[str]]) -> None:
        """Grant the function actions on a table's items: by action, the partitions whose items it touches (`*` at the
        end of one stands for any text). Each of these actions names partition keys, so none goes round the condition.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        """
        for action, partitions in keys.items():
            self.role.add_to_policy(
                iam.PolicyStatement(
                    actions=[f"dynamodb:{action}"],
                    resources=[table_arn],
                    conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(partitions)}},
                )
            )

    def metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        """A metric that the handler writes through Powertools, per minute. `dimensions` are those besides the service.

        https://docs.aws.amazon.com/powertools/python/latest/core/metrics/
        """
        return cloudwatch.Metric(
            namespace=self._metrics_namespace,
            metric_name=name,
            dimensions_map={"service": self.service, **dimensions},
            statistic=statistic,
            period=Duration.minutes(1),
        )

    def explain_wildcard(self, reason: str, finding: str) -> None:
        """Tell cdk-nag why a grant of this function's role has a wildcard."""
        accept(self.role, {f"AwsSolutions-IAM5[{finding}]": reason})
