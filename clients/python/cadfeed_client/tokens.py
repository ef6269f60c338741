"""How a client shows who it is to a feed that asks for a token."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable

SUBPROTOCOL = "cadfeed"
TOKEN_PREFIX = f"{SUBPROTOCOL}.token."
FETCH_TIMEOUT_S = 20
VARIABLE = "CADFEED_TOKEN"  # of the environment, for programs on the command line

CHARACTERS = re.compile(r"[\w.-]+", re.ASCII)

Token = str | Callable[[], str | Awaitable[str]]


class NoToken(Exception):
    """The program gave no token, or a text of another kind. The cause is the error of its own function."""


async def subprotocols_with(token: Token) -> list[str]:
    """The subprotocols that bring a token. A function is called in a thread, so that it may take its time. White space
    around a token does not count: files and the output of commands end with a new line.

    Raises:
        NoToken: the function failed, took more than 20 s, or gave something else than a text; or the text has
            characters that no token has.
    """
    if isinstance(token, str):
        return _bringing(token)
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            given = await asyncio.to_thread(token)
            fetched = await given if inspect.isawaitable(given) else given
    except Exception as error:
        raise NoToken(f"no token could be fetched: {type(error).__name__}") from error
    if not isinstance(fetched, str) or not fetched:
        raise NoToken("no token could be fetched: the function gave none")
    return _bringing(fetched)


def _bringing(token: str) -> list[str]:
    if not CHARACTERS.fullmatch(stripped := token.strip()):
        raise NoToken("the token has characters that no token has")
    return [SUBPROTOCOL, TOKEN_PREFIX + stripped]
