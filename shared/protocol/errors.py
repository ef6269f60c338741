"""Every error that a client can get: its code, and whether the same message may succeed later."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

Id = int | str | None


# By code, whether the same message may succeed later. What a code means is in docs/protocol.md and docs/asyncapi.yaml.
ERRORS: Mapping[str, bool] = MappingProxyType(
    {
        "bad_json": False,
        "bad_request": False,
        "too_large": False,
        "unknown_event": False,
        "unknown_channel": False,
        "unknown_symbol": False,
        "too_many_symbols": False,
        "unknown_interval": False,
        "bad_limit": False,
        "bad_every": False,
        "channel_denied": False,
        "channel_off": False,
        "channel_full": True,
        "unavailable": True,
        "rate_limited": True,
    }
)


class BadRequest(Exception):
    """The server does not act on a message. `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str, message_id: Id = None) -> None:
        super().__init__(message)
        self.code = code
        self.message_id = message_id


NO_SUCH_SYMBOL = "no such symbol"
MOST_OF_A_SYMBOL, MOST_OF_ALL = 40, 200  # characters of what the client sent


def unknown_symbol(symbols: Sequence[str], message_id: Id) -> BadRequest:
    """The error for symbols that the feed does not have."""
    named = ", ".join(symbol[:MOST_OF_A_SYMBOL] for symbol in symbols)[:MOST_OF_ALL]
    return BadRequest("unknown_symbol", f"{NO_SUCH_SYMBOL}: {named}", message_id)


def unknown_event(event: str, message_id: Id) -> BadRequest:
    """The error for a message that names no event of the protocol."""
    return BadRequest("unknown_event", f"no such event: {event[:MOST_OF_A_SYMBOL]}", message_id)
