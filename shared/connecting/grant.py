"""What a token grants: to which subject, until when, on which channels, and how many connections.

`authorize` makes it of a token's claims. API Gateway hands it to `connect` as the authorizer's context, which holds
only texts and numbers:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.model.channels import CHANNELS
from shared.model.refused import Refused

AHEAD_S = 10  # how far ahead the clock of the signer may be
LONGEST_S = 24 * 3600  # a token that is lost is of use for that long
MOST_CONNECTIONS = 1_000_000
SUBJECT = re.compile(r"[A-Za-z0-9._@:+-]{1,128}")
REQUIRED = ("sub", "iat", "nbf", "exp", "iss", "aud")


@dataclass(frozen=True, slots=True)
class Grant:
    """`expires_s`: in Unix seconds. `channels`: `None` for all. `max_connections`: of this subject; 0 for the setting's
    number."""

    subject: str
    expires_s: int
    channels: tuple[str, ...] | None = None
    max_connections: int = 0

    def as_context(self) -> dict[str, str | int]:
        context: dict[str, str | int] = {"sub": self.subject, "exp": self.expires_s}
        if self.channels is not None:
            context["channels"] = ",".join(self.channels)
        if self.max_connections:
            context["max_connections"] = self.max_connections
        return context


def grant_of(claims: Mapping[str, Any], now_s: int) -> Grant:
    """The grant of a token whose signature is right.

    Raises:
        Refused: it is not valid now, or has a claim that cannot be right.
    """
    issued_s, from_s, expires_s = (_seconds(claims, name) for name in ("iat", "nbf", "exp"))
    if expires_s <= now_s:
        raise Refused(403, "the token has expired")
    if max(issued_s, from_s) > now_s + AHEAD_S:
        raise Refused(403, "the token is from the future")
    if expires_s - issued_s > LONGEST_S:
        raise Refused(403, "the token lives too long")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise Refused(403, "the token's sub is not a name")
    return Grant(subject, expires_s, _channels(claims.get("channels")), _connections(claims.get("max_connections")))


def grant_in(event: Mapping[str, Any]) -> Grant | None:
    """The grant in the event of `$connect`; `None` without an authorizer."""
    context = event["requestContext"].get("authorizer")
    if not context:
        return None
    channels = context.get("channels")
    return Grant(
        str(context["sub"]),
        int(str(context["exp"])),
        None if channels is None else tuple(str(channels).split(",")),
        int(str(context.get("max_connections", 0))),
    )


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(403, f"the token's {name} is not a whole number of seconds")
    return value


def _channels(value: object) -> tuple[str, ...] | None:
    """The channels in the feed's order."""
    if value is None:
        return None
    if not isinstance(value, list) or not value or any(each not in CHANNELS for each in value):
        raise Refused(403, "the token's channels are not a list of channels")
    return tuple(channel for channel in CHANNELS if channel in value)


def _connections(value: object) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_CONNECTIONS:
        raise Refused(403, "the token's max_connections is not a number of connections")
    return value
