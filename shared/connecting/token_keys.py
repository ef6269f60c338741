"""The keys that sign tokens: two are valid, so that one can be replaced while everything runs.

A key's `kid` follows from it, so nothing else has to be stored or kept in step. It tells nobody the key, which has 285
random bits.
"""

import hashlib

from shared.connecting.secret_pair import READ_AGAIN_AFTER_S, SecretPair

ALGORITHM = "HS256"
ISSUER = "cadfeed"
DIGITS = 16


class TokenKeys:
    """The keys of a secret pair. They are read every five minutes, and for an unknown `kid` at most every ten seconds,
    so a stranger who invents some cannot make a function read more often."""

    def __init__(self, pair: SecretPair) -> None:
        self._pair = pair

    def key(self, kid: str) -> str | None:
        """The key with this `kid`; `None` if there is none.

        Raises:
            ClientError, BotoCoreError: no key could be read, now or before.
        """
        return _named(kid, self._pair.valid()) or _named(kid, self._pair.valid(READ_AGAIN_AFTER_S))


def kid_of(key: str) -> str:
    """The `kid` in the header of tokens that are signed with this key."""
    return hashlib.sha256(key.encode()).hexdigest()[:DIGITS]


def _named(kid: str, keys: tuple[str, ...]) -> str | None:
    return next((key for key in keys if kid_of(key) == kid), None)
