"""Which clients do not read: API Gateway answers each post to them with 429, since their buffer there is full.

The account's quota gives the same answer, but to posts of many connections at once, and to each by chance. So it counts
against a client only in a batch in which few got it and more were reached, and only if it comes tick after tick.
https://docs.aws.amazon.com/apigatewaymanagementapi/latest/api/API_PostToConnection.html
"""

from collections.abc import Container, Sequence

from shared.gateway import Posted

SLOW_TICKS = 6
FEW = 3
FEW_SHARE = 0.05
MOST_CLOSED = 10  # in a batch; each takes a request of its own


class SlowClients:
    """For how many ticks in a row a connection has taken no frame, by its ID."""

    def __init__(self) -> None:
        self._ticks: dict[str, int] = {}

    def __contains__(self, connection_id: object) -> bool:
        """Whether the connection took no frame the last time that it was posted one."""
        return connection_id in self._ticks

    def after(self, posted: Posted, kept: Container[str]) -> Sequence[str]:
        """Count a batch. Returns the connections to close, and sets `posted.slow`.

        `kept`: connections that had no chance to take a frame, whose count stays.
        """
        if not are_slow(posted):
            return ()
        posted.slow = posted.throttled
        throttled = {each: self._ticks.get(each, 0) + 1 for each in posted.failed if posted.is_throttled(each)}
        self._ticks = {each: ticks for each, ticks in self._ticks.items() if each in kept} | throttled
        return [each for each, ticks in throttled.items() if ticks >= SLOW_TICKS][:MOST_CLOSED]


def are_slow(posted: Posted) -> bool:
    """Whether the connections that were answered with 429 are slow clients; if not, the quota is used up."""
    few = max(FEW, FEW_SHARE * (posted.reached + posted.failures))
    return posted.throttled <= 1 or (posted.throttled <= few and posted.throttled < posted.reached)
