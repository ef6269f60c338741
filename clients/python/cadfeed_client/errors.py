"""The errors that a program has to handle."""


class FeedError(Exception):
    """The base of the client's own errors.

    Attributes:
        code: for programs; the server's, which its documentation lists, or one of the client's own.
        message: for people.
        retryable: another try may succeed later.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable


class Refused(FeedError):
    """The server does not accept the subscription. Trying again does not help."""


class RequestError(FeedError):
    """A request failed.

    The client's own codes are `no_answer` (connected, but no valid answer came), `disconnected` (without a connection)
    and `closed` (the feed was closed). If the server refused the subscription, the code is that of the refusal.
    """


def ended_by(error: Exception | None, otherwise: str) -> RequestError:
    """Return why a feed that has ended answers no request: the refusal of its subscription, if that is the error."""
    if isinstance(error, Refused):
        return RequestError(error.code, error.message)
    return RequestError("closed", otherwise)
