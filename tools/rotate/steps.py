"""The steps of a rotation. At each of them, what is sent is valid: a new secret before anybody sends it, and an old one
until nobody does."""

import json
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.secret_pair import LENGTH
from shared.connecting import headers
from shared.connecting.secret_pair import CURRENT, OTHER
from tools.deployment import PATIENT, Deployment
from tools.stored_pair import stored_pair
from tools.stored_secret import ORIGIN, secret_of

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

Say = Callable[[str], None]
DISTRIBUTION = "AWS::CloudFront::Distribution"
COMING = "coming"  # stored while the other secret is the new one; only a rotation reads it
ALPHABET = string.ascii_letters + string.digits


class CannotRotate(Exception):
    """The rotation did not go on, and every secret that is sent is still valid. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The stored secrets. `is_coming`: the other one is new, and not the current one yet. `repr` shows none of them."""

    current: str
    other: str
    is_coming: bool = False

    def __repr__(self) -> str:
        return f"Pair(current, {'other' if self.other else 'no other'})"


class Rotation:
    """Rotates a secret of a stack: `logical` is how its logical ID begins. Only CloudFront sends the origin secret.

    `wait_s`: how long functions may know only the earlier secrets.

    Raises:
        NotFound: the stack has no such secret.
    """

    def __init__(self, deployment: Deployment, wait_s: float, say: Say, logical: str = ORIGIN) -> None:
        fronts = [name for kind, name in deployment.resources.values() if kind == DISTRIBUTION and logical == ORIGIN]
        session, endpoint = deployment.session, deployment.endpoint
        self._manager: SecretsManagerClient = session.client("secretsmanager", endpoint_url=endpoint, config=PATIENT)
        self._secret = secret_of(deployment, logical)
        self._front: CloudFrontClient | None = None
        self._distribution = next(iter(fronts), "")
        if self._distribution:
            self._front = session.client("cloudfront", endpoint_url=endpoint, config=PATIENT)
        self._wait_s = wait_s
        self._say = say

    def rotate(self) -> None:
        """Replace the secret, or go on with a rotation that was broken off.

        Raises:
            CannotRotate: somebody has to do something first.
            ClientError, BotoCoreError: AWS refuses, or does not answer. Run it again.
        """
        if self._front:
            self._through_cloudfront(self._front)
            return
        before = self._read()
        if before.other and not before.is_coming:
            raise CannotRotate("the last rotation is not finished: when the current secret is in use, run --finish")
        pair = self._with_new()
        self._store(Pair(pair.other, pair.current))
        self._say("the new secret is the current one, and the old one is still valid. When nobody uses it: --finish")

    def finish(self) -> None:
        """Make every secret but the current one invalid.

        Raises:
            CannotRotate: CloudFront sends another one, or the rotation was broken off before the new one became the
                current one.
        """
        pair = self._read()
        if pair.is_coming:
            raise CannotRotate("the old secret is still the current one: run the same command without --finish first")
        if self._front and _sent(self._front.get_distribution_config(Id=self._distribution)) != pair.current:
            raise CannotRotate("CloudFront does not send the current secret: rotate once more, without --finish")
        self._store(Pair(pair.current, ""))
        self._say("the old secret is no longer valid")

    def _through_cloudfront(self, front: "CloudFrontClient") -> None:
        pair = self._read()
        sent = _sent(front.get_distribution_config(Id=self._distribution))
        if sent not in {pair.current, pair.other} or not sent:
            raise CannotRotate("CloudFront sends none of the secrets: deploy the stack once more")
        if sent == pair.current:
            pair = self._with_new()
            self._send(front, pair.other)
        self._say("waiting until CloudFront sends it everywhere, some minutes")
        front.get_waiter("distribution_deployed").wait(Id=self._distribution)
        self._store(Pair(pair.other, ""))
        self._say("CloudFront sends the new secret; the old one is no longer valid")

    def _with_new(self) -> Pair:
        """Make a new secret valid beside the current one, and wait until all functions know it."""
        pair = self._read()
        if not pair.other:
            pair = Pair(pair.current, "".join(secrets.choice(ALPHABET) for _ in range(LENGTH)), is_coming=True)
            self._store(pair)
        self._say(f"a new secret is valid, too; waiting {self._wait_s:.0f} s until all functions know it")
        time.sleep(self._wait_s)
        return pair

    def _send(self, front: "CloudFrontClient", secret: str) -> None:
        answer: Any = front.get_distribution_config(Id=self._distribution)
        for header in _headers(answer):
            header["HeaderValue"] = secret
        front.update_distribution(
            Id=self._distribution, IfMatch=answer["ETag"], DistributionConfig=answer["DistributionConfig"]
        )

    def _read(self) -> Pair:
        value = stored_pair(self._manager, self._secret)
        return Pair(value[CURRENT], value.get(OTHER, ""), is_coming=COMING in value)

    def _store(self, pair: Pair) -> None:
        value = {CURRENT: pair.current, OTHER: pair.other, **({COMING: "yes"} if pair.is_coming else {})}
        self._manager.put_secret_value(SecretId=self._secret, SecretString=json.dumps(value))


def _sent(answer: Any) -> str:
    """The secret that a distribution sends; empty for none."""
    return next((str(header["HeaderValue"]) for header in _headers(answer)), "")


def _headers(answer: Any) -> list[dict[str, str]]:
    """The headers of a distribution's origins that hold the secret."""
    origins = answer["DistributionConfig"]["Origins"]["Items"]
    found = (header for origin in origins for header in origin.get("CustomHeaders", {}).get("Items", []))
    return [header for header in found if header["HeaderName"].lower() == headers.PROOF]
