"""From a change of the snapshot to every connection that has to hear of it."""

import time
from collections.abc import Callable, Iterator, Sequence

from shared.gateway import Gateway, Posted
from shared.model.delta import Delta
from shared.model.values import Connection, Progress
from shared.protocol import QuoteTexts, SnapshotFrames, UpdateFrames, closing_frame, heartbeat_frame
from shared.publishing.periodic import Period, reconnect_in_ms, spread_of
from shared.store.connections_table import ConnectionsTable

# Who is further behind finds out by `prev_seq`, and asks for a snapshot.
MOST_TICKS_BEHIND = 12
# Of whoever takes over: those before may have left out, or still be posting, what it cannot know.
TAKING_OVER = Progress(whole_seq=1)


class FanOut:
    """Posts deltas to connections. Who missed one gets what it held with the next one.

    A few that failed are remembered by their IDs. When a batch was cut short, the next one begins where it stopped, and
    everybody gets all since the last one that was not.

    A connection whose whole view is due gets that in place of an update, however far it is behind: the next update's
    `prev_seq` is then the snapshot's own `seq`, or one before it. What is due by the clock is not made up for: a
    snapshot that failed becomes an update, the next one comes a minute later, and a `closing` notice may be missed or,
    when its post was answered too late or a batch is tried again, come twice.
    """

    def __init__(self, connections: ConnectionsTable, gateway: Gateway) -> None:
        self._connections = connections
        self._gateway = gateway
        self._behind: dict[str, int] = {}  # by connection ID, the tick since which it has missed something

    def post(
        self,
        delta: Delta,
        shards: Sequence[int],
        progress: Progress,
        *,
        deadline_s: float,
        overtaken: Callable[[], bool] = lambda: False,
    ) -> tuple[Posted, Progress]:
        """Post to each connection of the shards what it has not seen, and delete those that are gone.

        Ends by the deadline, or soon after `overtaken` says that a newer delta is being posted. What went wrong is in
        the result; the progress is for the next call.
        """
        batch = _Batch(delta, _since(delta, progress.whole_seq), self._behind)
        began_s = int(time.time())
        connections = self._connections.subscribers(shards, began_s, progress.stopped_after)
        posted = self._gateway.post_all(
            batch.addressed(connections),
            deadline_s=deadline_s,
            on_gone=lambda ended: self._connections.remove_all(ended, began_s),
            overtaken=overtaken,
        )
        told_all = batch.exhausted and not posted.unsent and posted.failures == len(posted.failed)
        # Those of other shards, and those that this batch may not have come to.
        still_behind = {
            connection_id: since
            for connection_id, since in self._behind.items()
            if self._connections.shard_of(connection_id) not in shards or (not told_all and since < batch.since_all)
        }
        self._behind = still_behind | {connection_id: batch.since(connection_id) for connection_id in posted.failed}
        return posted, Progress(delta.new.seq) if told_all else Progress(batch.since_all, batch.last)


class _Batch:
    """Each connection with its frames, in the order in which it has to be posted to."""

    def __init__(self, delta: Delta, since: int, behind: dict[str, int]) -> None:
        self.since_all = since
        self.last = ""
        self.exhausted = False
        self._delta = delta
        self._behind = behind
        self._period = Period(delta.old.ts_ms, delta.new.ts_ms)
        self._texts = QuoteTexts(delta.new)
        self._updates: dict[int, UpdateFrames] = {}
        self._snapshots = SnapshotFrames(delta.new, self._texts)
        beats = self._period.has_heartbeat() or not delta
        self._heartbeat = (heartbeat_frame(delta.new),) if beats else ()

    def addressed(self, connections: Iterator[Connection]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        for connection in connections:
            self.last = connection.connection_id
            yield connection.connection_id, self._frames(connection)
        self.exhausted = True

    def since(self, connection_id: str) -> int:
        """The tick from which on this connection has to be told what changed."""
        missed = self._behind.get(connection_id)
        return self.since_all if missed is None else min(self.since_all, _since(self._delta, missed))

    def _frames(self, connection: Connection) -> tuple[bytes, ...]:
        """What this connection hears of the tick: its whole view when that is due, else what changed, else a sign of
        life when that is due; and that its end is near."""
        spread = spread_of(connection.connection_id)
        whole = self._period.has_snapshot(spread)
        prices = self._snapshots if whole else self._updates_since(self.since(connection.connection_id))
        wanted = [prices.of(channel, view) for channel, view in connection.subscriptions.items()]
        frames = tuple(frame for channel in wanted for frame in channel) or self._heartbeat
        if self._period.has_notice(connection.connected_s):
            frames += (closing_frame(reconnect_in_ms(spread), self._delta.new.ts_ms),)
        return frames

    def _updates_since(self, seq: int) -> UpdateFrames:
        if seq not in self._updates:
            self._updates[seq] = UpdateFrames(self._delta, seq, self._texts)
        return self._updates[seq]


def _since(delta: Delta, whole_seq: int) -> int:
    """The tick from which on a delta has to tell what changed, when all was told until that one (0: not known)."""
    return max(min(whole_seq or delta.old.seq, delta.old.seq), min(delta.old.seq, delta.new.seq - MOST_TICKS_BEHIND))
