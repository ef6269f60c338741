"""The time that `publish` or a worker has for its batch of posts."""

from aws_lambda_powertools.utilities.typing import LambdaContext

AFTERWARDS_S = 5.0  # kept for what follows the posts in the invocation
LONGEST_BATCH_S = 45.0


def deadline_s(context: LambdaContext) -> float:
    """The seconds from now until the batch must end."""
    return min(LONGEST_BATCH_S, context.get_remaining_time_in_millis() / 1000 - AFTERWARDS_S)
