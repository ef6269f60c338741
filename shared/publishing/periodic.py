"""The frames that are due by the clock: heartbeats, snapshots and closing notices. All pure.

No state is kept per connection. Each tick covers the time since the previous snapshot and sends what falls due in it.
What was due in a tick that was never posted is left out; the next snapshot comes a minute later.
"""

import zlib
from typing import NamedTuple

from shared.model.staleness import HEARTBEAT_MS

SNAPSHOT_MS = 60_000
NOTICE_S = 110 * 60  # API Gateway ends a connection after two hours
RECONNECT_WITHIN_MS = 480_000


class Period(NamedTuple):
    """The time from the old snapshot, exclusive, to the new one, inclusive."""

    from_ms: int
    to_ms: int

    def has_heartbeat(self) -> bool:
        """Whether a heartbeat is due for connections that get nothing else."""
        return self.to_ms // HEARTBEAT_MS != self.from_ms // HEARTBEAT_MS

    def has_snapshot(self, spread: int) -> bool:
        """Whether a snapshot is due for a connection: once a minute, at a second given by its `spread`."""
        phase = spread % SNAPSHOT_MS
        return (self.to_ms + phase) // SNAPSHOT_MS != (self.from_ms + phase) // SNAPSHOT_MS

    def has_notice(self, connected_s: int) -> bool:
        """Whether the closing notice is due for a connection that began at `connected_s`, in Unix seconds."""
        return self.from_ms < (connected_s + NOTICE_S) * 1000 <= self.to_ms


def spread_of(connection_id: str) -> int:
    """A number derived from the ID, to spread the connections' work over time."""
    return zlib.crc32(connection_id.encode())


def reconnect_in_ms(spread: int) -> int:
    """How long a client should wait before it reconnects, so that they do not all reconnect at the same time."""
    return spread % (RECONNECT_WITHIN_MS + 1)
