"""A handshake that the feed refuses, and why."""


class Refused(Exception):
    """The connection is refused. `status`: of the handshake's answer. The text is for the log, and holds no secret."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
