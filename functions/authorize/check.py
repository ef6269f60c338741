"""Checks a token: its signature with PyJWT, which compares HMACs in constant time, then its claims.

https://pyjwt.readthedocs.io/en/stable/usage.html
"""

import re

import jwt
from jwt.types import Options

from shared.connecting.grant import REQUIRED, Grant, grant_of
from shared.connecting.token_keys import ALGORITHM, ISSUER, TokenKeys
from shared.model.refused import Refused

# `grant_of` judges the times, by the same clock.
OPTIONS: Options = {"require": list(REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False}
NOT_ONE = "not a token"
SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


class TokenCheck:
    """`audience`: the feed that the tokens are for, by its stack's name."""

    def __init__(self, keys: TokenKeys, audience: str) -> None:
        self._keys = keys
        self._audience = audience

    def grant(self, tokens: set[str], now_s: int) -> Grant:
        """What the token of a handshake grants. `tokens`: all that the handshake brings.

        Raises:
            Refused: there is not exactly one token, or it is not valid. The text has nothing of the token.
            ClientError, BotoCoreError: no key could be read.
        """
        if len(tokens) != 1:
            raise Refused(403, "more than one token" if tokens else "no token")
        (token,) = tokens
        if not SHAPE.fullmatch(token):
            raise Refused(403, NOT_ONE)
        try:
            return grant_of(self._claims(token, self._key(token)), now_s)
        except jwt.InvalidSignatureError:
            raise Refused(403, "the token's signature is wrong") from None
        except jwt.MissingRequiredClaimError as error:
            raise Refused(403, f"the token has no {error.claim}") from None
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
            raise Refused(403, "the token is for something else") from None
        except jwt.PyJWTError:
            raise Refused(403, NOT_ONE) from None

    def _key(self, token: str) -> str:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != ALGORITHM:
            raise Refused(403, "the token has another algorithm")
        kid = header.get("kid")
        key = self._keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise Refused(403, "the token has the kid of no valid key")
        return key

    def _claims(self, token: str, key: str) -> dict[str, object]:
        return jwt.decode(token, key, algorithms=[ALGORITHM], audience=self._audience, issuer=ISSUER, options=OPTIONS)
