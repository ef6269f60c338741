"""Every error that a client can get: its code, what it means, and whether the same message may succeed later."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Id = int | str | None


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """`retryable`: the same message may be right at another time."""

    meaning: str
    retryable: bool = False


ERRORS: Mapping[str, ErrorKind] = MappingProxyType(
    {
        "bad_json": ErrorKind("the message is not JSON"),
        "bad_request": ErrorKind("the message is not an object with an event, or a field has a wrong type"),
        "too_large": ErrorKind("the message has more than 4,096 bytes"),
        "unknown_event": ErrorKind("there is no such event"),
        "unknown_channel": ErrorKind("there is no such channel"),
        "unknown_symbol": ErrorKind("none of the symbols exists"),
        "too_many_symbols": ErrorKind("more than 100 symbols"),
        "unknown_interval": ErrorKind("there are no candles of this length"),
        "bad_limit": ErrorKind("limit is no whole number from 1 to 500"),
        "unavailable": ErrorKind("the feed could not do this just now", retryable=True),
        "rate_limited": ErrorKind("too many messages; try again after retry_in_ms", retryable=True),
    }
)


class BadRequest(Exception):
    """A message that the server does not act on. `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str, message_id: Id = None) -> None:
        super().__init__(message)
        self.code = code
        self.message_id = message_id
