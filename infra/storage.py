"""The two tables. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.config import FeedConfig


class Storage(Construct):
    """Quotes (snapshot, lease, audience), with the stream that `publish` reads, and connections."""

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig) -> None:
        super().__init__(scope, construct_id)
        self.quotes = self._table("Quotes", config, dynamodb.StreamViewType.NEW_AND_OLD_IMAGES)
        self.connections = self._table("Connections", config, None)

    def _table(self, construct_id: str, config: FeedConfig, stream: dynamodb.StreamViewType | None) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            stream=stream,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.RETAIN if config.retain_data else RemovalPolicy.DESTROY,
        )
