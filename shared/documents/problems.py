"""The errors of the documents, as problem details: https://datatracker.ietf.org/doc/html/rfc9457"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from shared.model.wire import dumps
from shared.protocol import BadRequest

PROBLEM_TYPE = "application/problem+json"
NO_PRICE = "no_price"
READS = ("GET", "HEAD", "OPTIONS")
# A path and its query have at most this length. All symbols take a third of that; the access log has the path.
MOST_CHARACTERS = 2_048
# By code, the status of its answer. A code that the WebSocket has too means the same there.
PROBLEMS: Mapping[str, HTTPStatus] = MappingProxyType(
    {
        "bad_request": HTTPStatus.BAD_REQUEST,
        "too_large": HTTPStatus.BAD_REQUEST,
        "too_many_symbols": HTTPStatus.BAD_REQUEST,
        "bad_limit": HTTPStatus.BAD_REQUEST,
        "unknown_symbol": HTTPStatus.NOT_FOUND,
        "unknown_interval": HTTPStatus.NOT_FOUND,
        "not_found": HTTPStatus.NOT_FOUND,
        NO_PRICE: HTTPStatus.NOT_FOUND,
        "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
        "late": HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


class Problem(Exception):
    """There is no document to answer with. `code` is for programs, the text for people, `more` are other members of the
    body."""

    def __init__(self, code: str, detail: str, more: Mapping[str, object] = MappingProxyType({})) -> None:
        super().__init__(detail)
        self.code = code
        self.status = PROBLEMS[code]
        self.more = more

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed soon, so that the answer says when to try again."""
        return self.status is HTTPStatus.SERVICE_UNAVAILABLE

    def body(self) -> bytes:
        """The problem as JSON. Its type is the status itself, as RFC 9457 has it, so `title` is the status's phrase."""
        fields = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": str(self),
            "code": self.code,
        }
        return dumps(fields | dict(self.more)).encode()


def problem_of(error: BadRequest) -> Problem:
    """The problem for a request that the WebSocket would refuse with the same code."""
    return Problem(error.code, str(error))


def method_not_allowed() -> Problem:
    """The problem for a method that changes something."""
    return Problem("method_not_allowed", f"documents can only be read: {', '.join(READS)}")


def too_large() -> Problem:
    """The problem for a path or a query that is too long."""
    return Problem("too_large", f"a path with its query may have at most {MOST_CHARACTERS:,} characters")
