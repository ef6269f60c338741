"""Tokens as signers make them, good and bad."""

import time
from typing import Any

import jwt

from shared.connecting.secret_pair import SecretPair
from shared.connecting.token_keys import ALGORITHM, ISSUER, TokenKeys, kid_of

KEY, OLD_KEY, OTHER_KEY = "right" * 8, "older" * 8, "other" * 8
FEED = "Cadfeed"


class Pair(SecretPair):
    """Has two secrets and asks nobody; notes how old a value its readers take."""

    def __init__(self) -> None:
        super().__init__("")
        self.asked_s: list[float] = []

    def valid(self, most_s: float = 300) -> tuple[str, ...]:
        self.asked_s.append(most_s)
        return (KEY, OLD_KEY)


def keys() -> TokenKeys:
    return TokenKeys(Pair())


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good token with some of them changed, or left out if `None`."""
    now_s = int(time.time())
    good = {"iss": ISSUER, "aud": FEED, "sub": "alice", "iat": now_s, "nbf": now_s, "exp": now_s + 600}
    return {name: value for name, value in (good | changed).items() if value is not None}


def token(key: str = KEY, *, kid: str | None = None, algorithm: str = ALGORITHM, **changed: Any) -> str:
    """Return a token that is signed with a key, whatever its header says."""
    headers = {"kid": kid_of(key) if kid is None else kid}
    return jwt.encode(claims(**changed), key, algorithm, headers=headers)
