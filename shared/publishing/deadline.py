"""How long a batch of posts may take within its invocation. Of `publish` and of its workers."""

from aws_lambda_powertools.utilities.typing import LambdaContext

AFTERWARDS_S = 5.0  # left of the invocation for what comes after the posts
LONGEST_BATCH_S = 45.0


def deadline_s(context: LambdaContext) -> float:
    """Seconds from now."""
    return min(LONGEST_BATCH_S, context.get_remaining_time_in_millis() / 1000 - AFTERWARDS_S)
