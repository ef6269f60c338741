"""The two tables. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.config import FeedConfig
from infra.existing_table import existing_table

# Partitions of the connections table (`shared/store`), as grants name them.
SHARDS, CLIENTS, COUNTS, PROGRESS, PACE = "SHARD#*", "CLIENT#*", "COUNT", "PROGRESS", "ANSWERS"


class Storage(Construct):
    """The quotes table with the stream that `publish` reads, and the connections table.

    Only the quotes table is kept and protected: it holds the candles. The connections table holds nothing that lasts:
    each item ends with its connection, after 2 h 10 min at most, and clients that reconnect make new ones. It goes with
    the stack, so it has no deletion protection, which would keep CloudFormation from deleting it.

    With `quotes_table_name` the stack uses a table that is there already, and neither changes nor deletes it.

    Raises:
        ValueError: that table cannot be used.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig) -> None:
        super().__init__(scope, construct_id)
        self.quotes = self._existing(config) if config.quotes_table_name else self._quotes(config)
        self.connections = self._table("Connections", kept=False)

    def _existing(self, config: FeedConfig) -> dynamodb.ITable:
        found = existing_table(config.quotes_table_name)
        return dynamodb.Table.from_table_attributes(
            self, "Quotes", table_arn=found.arn, table_stream_arn=found.stream_arn
        )

    def _quotes(self, config: FeedConfig) -> dynamodb.ITable:
        return self._table("Quotes", kept=config.retain_data, stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES)

    def _table(self, construct_id: str, *, kept: bool, stream: dynamodb.StreamViewType | None = None) -> dynamodb.Table:
        """A table. `kept`: nobody deletes it by mistake, and it outlives the stack, but not a first deployment that
        failed.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
        """
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
            deletion_protection=kept,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if kept else RemovalPolicy.DESTROY,
        )
