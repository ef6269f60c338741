"""What a connection hears by the clock: a sign of life, its whole view, the notice before its end. All pure.

No state is kept per connection. Each tick stands for the time from the snapshot before it to its own, and what falls
due in that time is due with it; so what fell into a tick that nobody posted is left out, except by the next minute's.
"""

import zlib
from typing import NamedTuple

HEARTBEAT_MS = 30_000
SNAPSHOT_MS = 60_000
NOTICE_S = 110 * 60  # API Gateway ends a connection after two hours
RECONNECT_WITHIN_MS = 480_000


class Period(NamedTuple):
    """From the old snapshot's time, which is not in it, to the new one's, which is."""

    from_ms: int
    to_ms: int

    def has_heartbeat(self) -> bool:
        """Whether who hears nothing else is due a heartbeat."""
        return self.to_ms // HEARTBEAT_MS != self.from_ms // HEARTBEAT_MS

    def has_snapshot(self, spread: int) -> bool:
        """Whether a connection is due its whole view. Once a minute, at a moment of its own."""
        phase = spread % SNAPSHOT_MS
        return (self.to_ms + phase) // SNAPSHOT_MS != (self.from_ms + phase) // SNAPSHOT_MS

    def has_notice(self, connected_s: int) -> bool:
        """Whether a connection made at that time reaches the age at which it is told to prepare for its end."""
        return self.from_ms < (connected_s + NOTICE_S) * 1000 <= self.to_ms


def spread_of(connection_id: str) -> int:
    """A number that is the connection's own, to spread over time what all of them do."""
    return zlib.crc32(connection_id.encode())


def reconnect_in_ms(spread: int) -> int:
    """How long a client should wait before it connects anew, so that not all do at once."""
    return spread % (RECONNECT_WITHIN_MS + 1)
