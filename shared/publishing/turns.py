"""When a connection with a pace of its own is due, and since which tick it has to hear every change. All pure.

No state is kept per connection: its turns follow from its ID, and the snapshot has which tick came when.
"""

from typing import NamedTuple

from shared.model.pace import Pace
from shared.model.recent import tick_at
from shared.model.values import Snapshot
from shared.publishing.periodic import SNAPSHOT_MS, Period

TURNS_WITHOUT_SNAPSHOT = 5


class Turn(NamedTuple):
    """`since`: the tick after which a frame has to hold every change; `None`: it has to hold the whole view.
    `has_heartbeat`: the client gets a heartbeat if nothing has changed."""

    since: int | None
    has_heartbeat: bool


def turn_of(pace: Pace, spread: int, period: Period, snapshot: Snapshot) -> Turn | None:
    """The turn of a connection that falls in this period, which ends with the snapshot; `None` if there is none.

    A whole view comes once a minute or in every fifth turn, whichever is rarer, and where the time of the turn before
    is not known. Heartbeats come every half minute or in every turn, whichever is rarer.
    """
    every_ms = pace.every_s * 1000
    if not period.has_turn(spread, every_ms):
        return None
    since_last = Period(period.last_turn(spread, every_ms), period.to_ms)
    since = tick_at(snapshot.recent, since_last.from_ms)
    is_whole = since_last.has_turn(spread, max(SNAPSHOT_MS, TURNS_WITHOUT_SNAPSHOT * every_ms))
    if since is None or is_whole:
        return Turn(None, since_last.has_heartbeat())
    return Turn(max(since, pace.known_seq), since_last.has_heartbeat())
