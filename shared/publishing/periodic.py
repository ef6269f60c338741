"""The frames that are due by the clock: heartbeats, snapshots and closing notices. All pure.

No state is kept per connection. Each tick covers the time since the previous snapshot and sends what falls due in it.
What was due in a tick that was never posted is left out; the next snapshot comes a minute later.
"""

import zlib
from typing import NamedTuple

from shared.model.staleness import HEARTBEAT_MS
from shared.model.values import Connection
from shared.protocol import MAX_DURATION, TOKEN_ENDS

SNAPSHOT_MS = 60_000
NOTICE_S = 110 * 60  # API Gateway ends a connection after two hours
RECONNECT_WITHIN_MS = 480_000
# A token may end earlier. The notice comes as long before, or after three quarters of a shorter time.
BEFORE_TOKEN_ENDS_S = 600
PART_OF_TIME = 4
WITHIN_MS_PER_S = 800  # of the time after the notice, four fifths


class Notice(NamedTuple):
    """When the closing notice of a connection is due (Unix seconds), why, and how soon its client should be back."""

    due_s: int
    reason: str
    within_ms: int


class Period(NamedTuple):
    """The time from the old snapshot, exclusive, to the new one, inclusive."""

    from_ms: int
    to_ms: int

    def has_heartbeat(self) -> bool:
        """Whether a heartbeat is due for connections that get nothing else."""
        return self.to_ms // HEARTBEAT_MS != self.from_ms // HEARTBEAT_MS

    def has_snapshot(self, spread: int) -> bool:
        """Whether a snapshot is due for a connection: once a minute, at a second given by its `spread`."""
        return self.has_turn(spread, SNAPSHOT_MS)

    def has_turn(self, spread: int, every_ms: int) -> bool:
        """Whether it is a connection's turn, which comes once in an interval, at a time given by its `spread`."""
        return self.last_turn(spread, every_ms) != Period(self.to_ms, self.to_ms).last_turn(spread, every_ms)

    def last_turn(self, spread: int, every_ms: int) -> int:
        """When it was the connection's turn before this period, in Unix ms."""
        phase = spread % every_ms
        return (self.from_ms + phase) // every_ms * every_ms - phase

    def has_notice(self, notice: Notice) -> bool:
        """Whether a closing notice is due."""
        return self.from_ms < notice.due_s * 1000 <= self.to_ms


def spread_of(connection_id: str) -> int:
    """A number derived from the ID, to spread the connections' work over time."""
    return zlib.crc32(connection_id.encode())


def notice_of(connection: Connection) -> Notice:
    """The closing notice of a connection: before API Gateway ends it, or before its token ends."""
    by_age = Notice(connection.connected_s + NOTICE_S, MAX_DURATION, RECONNECT_WITHIN_MS)
    if not connection.ends_s:
        return by_age
    before_s = min(BEFORE_TOKEN_ENDS_S, (connection.ends_s - connection.connected_s) // PART_OF_TIME)
    return min(by_age, Notice(connection.ends_s - before_s, TOKEN_ENDS, before_s * WITHIN_MS_PER_S))


def reconnect_in_ms(spread: int, within_ms: int = RECONNECT_WITHIN_MS) -> int:
    """How long a client should wait before it reconnects, so that they do not all reconnect at the same time."""
    return spread % (within_ms + 1)
