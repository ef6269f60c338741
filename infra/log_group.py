"""A log group with the retention of the deployment's settings."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config import FeedConfig

RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(scope: Construct, construct_id: str, config: FeedConfig, name: str | None = None) -> logs.LogGroup:
    """A log group that is deleted with the stack, with a name where AWS chooses the group.

    Raises:
        ValueError: CloudWatch Logs does not offer that number of days.
    """
    days = config.log_retention_days
    if days not in RETENTION:
        raise ValueError(f"log_retention_days is {days}; it must be one of {', '.join(map(str, RETENTION))}")
    return logs.LogGroup(
        scope, construct_id, log_group_name=name, retention=RETENTION[days], removal_policy=RemovalPolicy.DESTROY
    )
