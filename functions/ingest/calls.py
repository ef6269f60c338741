"""DynamoDB calls of the ingest: those that fail are counted, and repeated with a pause while there is time."""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from functions.ingest.grid import now_ms, sleep_until

T = TypeVar("T")

PAUSE_MS = 200
FAILURES = (ClientError, BotoCoreError)


class Calls:
    """Counts the calls that failed, and remembers the last error, until somebody takes the count."""

    def __init__(self) -> None:
        self._failed = 0
        self._error = ""

    def repeat(self, call: Callable[[], T], until_ms: int) -> T:
        """The answer of the first call that succeeds. A call begins at once, a repeated one before `until_ms`.

        Raises:
            ClientError: DynamoDB refused or failed until then.
            BotoCoreError: DynamoDB did not answer until then.
        """
        while True:
            try:
                return call()
            except FAILURES as error:
                self.count(error)
                again_ms = now_ms() + PAUSE_MS
                if again_ms >= until_ms:
                    raise
            sleep_until(again_ms)

    def count(self, error: Exception) -> None:
        """Count a call that is not repeated."""
        self._failed += 1
        self._error = f"{type(error).__name__}: {error!s:.200}"

    def taken(self) -> tuple[int, str]:
        """How many calls have failed since this was last asked, and the last error; empty if none failed."""
        taken = self._failed, self._error
        self._failed, self._error = 0, ""
        return taken
