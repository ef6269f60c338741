"""What a client offers in its handshake: the feed's subprotocol, and a token.

A browser can set no header for a handshake but the subprotocols, so a token comes as one of them, or in the query.
https://datatracker.ietf.org/doc/html/rfc6455#section-1.9
"""

from collections.abc import Mapping
from typing import Any

HEADER = "Sec-WebSocket-Protocol"
SUBPROTOCOL = "cadfeed"
TOKEN_PREFIX = f"{SUBPROTOCOL}.token."
QUERY = "token"


def subprotocol_for(event: Mapping[str, Any]) -> Mapping[str, str]:
    """The headers that answer the offered subprotocols of a handshake: the feed's own if it is among them, and never a
    token. A browser gives up a connection if none of those that it offers is taken."""
    return {HEADER: SUBPROTOCOL} if SUBPROTOCOL in _subprotocols(event) else {}


def tokens_in(event: Mapping[str, Any]) -> set[str]:
    """The tokens in the event of a handshake."""
    offered = (each.removeprefix(TOKEN_PREFIX) for each in _subprotocols(event) if each.startswith(TOKEN_PREFIX))
    asked = event.get("multiValueQueryStringParameters") or {}
    return {token for token in (*offered, *asked.get(QUERY, ())) if token}


def _subprotocols(event: Mapping[str, Any]) -> list[str]:
    """A client may offer them in one header or in several."""
    headers = event.get("multiValueHeaders") or {}
    values = [value for name, values in headers.items() if name.lower() == HEADER.lower() for value in values]
    return [each.strip() for value in values for each in value.split(",")]
