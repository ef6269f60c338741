"""How many posts a second the long answers of all connections get together: one item of the connections table.

Long answers are those of `rates`, with a frame for each symbol; all others have a few frames, and the stage's throttle
bounds the messages. The item holds the time at which the posts that were reserved will have been made. An answer adds
its own, and begins when those before it are due to end. Therefore long answers never need more than their share of the
account's quota, and `publish` keeps its own. One conditional write of one unit, two after a pause.
"""

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr, ConditionBase
from botocore.exceptions import ClientError

from shared.model.message_limit import RateLimited
from shared.store.conditional import condition_failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEY = {"pk": "ANSWERS", "sk": "PACE"}
FEW = 4  # posts that no answer reserves
LONGEST_WAIT_MS = 2_000
BELIEVED_MS = 90_000  # a time further ahead is that of a wrong clock
TRIES = 3


class AnswerPace:
    """Reserves posts. `per_second`: for the long answers of all connections; 0 for no limit."""

    def __init__(self, table: "Table", per_second: int) -> None:
        self._table = table
        self._per_second = per_second

    def reserve(self, posts: int, now_ms: int) -> int:
        """Reserve the posts of an answer. Returns the milliseconds after which it may begin.

        Raises:
            RateLimited: the answers before it take too long, or others reserve at the same time.
        """
        if posts <= FEW or not self._per_second:
            return 0
        takes_ms = max(1, posts * 1_000 // self._per_second)
        is_busy = Attr("due_ms").gt(now_ms)
        for _ in range(TRIES):
            due_ms = self._write("ADD due_ms :ms", takes_ms, is_busy & Attr("due_ms").lte(now_ms + LONGEST_WAIT_MS))
            if due_ms:
                return due_ms - takes_ms - now_ms
            is_idle = Attr("due_ms").not_exists() | ~is_busy | Attr("due_ms").gt(now_ms + BELIEVED_MS)
            if self._write("SET due_ms = :ms", now_ms + takes_ms, is_idle):
                return 0
        raise RateLimited(LONGEST_WAIT_MS + takes_ms, 0)

    def _write(self, expression: str, value_ms: int, condition: ConditionBase) -> int:
        """The time in the item after the write; 0 if its condition failed."""
        try:
            answer = self._table.update_item(
                Key=KEY,
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues={":ms": value_ms},
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if condition_failed(error):
                return 0
            raise
        return int(str(answer["Attributes"]["due_ms"]))
