"""Two secrets, both valid, so that one can be replaced while everything runs.

They are one value in Secrets Manager, `{"current": "...", "other": "..."}`. A sender takes `current`; `other` is
the one that comes or goes, and is empty between rotations (`tools/rotate`).
"""

import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.aws import LIMITS

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

logger = Logger(child=True)

CURRENT, OTHER = "current", "other"
READ_EVERY_S = 300
# After a mismatch a value that is this old is read again: a rotation by hand need not wait, and a stranger who guesses
# cannot make a function read more often.
READ_AGAIN_AFTER_S = 10


class SecretPair:
    """The secrets of one name, kept in this process for some minutes. `now_s` never goes back."""

    def __init__(self, name: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._now_s = now_s
        self._valid: tuple[str, ...] = ()
        self._read_s = 0.0

    def has(self, given: str) -> bool:
        """Whether a text is one of the secrets. The time that this takes does not tell how much of it is right.

        Raises:
            ClientError, BotoCoreError: no secret could be read, now or before.
        """
        return any(_matches(given, self.valid())) or any(_matches(given, self.valid(READ_AGAIN_AFTER_S)))

    def valid(self, most_s: float = READ_EVERY_S) -> tuple[str, ...]:
        """The secrets, the current one first, read at most `most_s` seconds ago; older ones if they cannot be read.

        Raises:
            ClientError, BotoCoreError, ValueError: no secret could be read, now or before.
        """
        if self._valid and self._now_s() - self._read_s < most_s:
            return self._valid
        try:
            self._valid = _secrets_in(_client().get_secret_value(SecretId=self._name)["SecretString"])
        except (ClientError, BotoCoreError, ValueError):
            if not self._valid:
                raise
            logger.exception("could not read the secret again")
        self._read_s = self._now_s()
        return self._valid


def _secrets_in(text: str) -> tuple[str, ...]:
    """The secrets of a stored value. An empty one is left out: else a request without a secret had the right one.

    Raises:
        ValueError: there is none. The text has nothing of the value.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    found = tuple(value.get(name) for name in (CURRENT, OTHER)) if isinstance(value, dict) else ()
    if not found or not isinstance(found[0], str) or not found[0]:
        raise ValueError(f"the secret has no text {CURRENT!r}")
    return tuple(secret for secret in found if isinstance(secret, str) and secret)


def _matches(given: str, secrets: tuple[str, ...]) -> list[bool]:
    """Compare with every secret, so that the time does not tell which one matched."""
    return [hmac.compare_digest(given.encode(), secret.encode()) for secret in secrets]


@cache
def _client() -> "SecretsManagerClient":
    return boto3.client("secretsmanager", config=LIMITS)
