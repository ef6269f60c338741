"""Posts a change of the snapshot to every connection that has to get it."""

import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from shared.gateway import Gateway, Gone, Posted, PostFailed
from shared.model.channels import AMOUNT, RATES
from shared.model.delta import Delta
from shared.model.recent import time_of
from shared.model.values import Connection, Progress
from shared.protocol import QuoteTexts, SnapshotFrames, UpdateFrames, closing_frame, heartbeat_frame
from shared.publishing.periodic import Period, notice_of, reconnect_in_ms, spread_of
from shared.publishing.slow_clients import MOST_CLOSED, SlowClients
from shared.publishing.turns import Turn, turn_of
from shared.store.connections_table import ConnectionsTable

# A client that is further behind notices it by `prev_seq` and asks for a snapshot.
MAX_TICKS_BEHIND = 12
# The progress after a takeover: nobody knows what the predecessor skipped or is still posting.
UNKNOWN_PROGRESS = Progress(complete_seq=1)


class FanOut:
    """Posts deltas to connections. A connection that missed one gets its changes with the next one.

    Up to 1,000 connections that failed are remembered by their IDs. When a batch was cut short, the next one begins
    where it stopped and sends everybody all changes since the last complete batch.

    A connection whose snapshot is due gets it in place of an update, however far it is behind: the next update's
    `prev_seq` is then the snapshot's `seq` or a lower one. Frames that are due by the clock are not repeated: a
    snapshot that failed becomes an update and the next one comes a minute later. A `closing` notice may be lost, and
    comes twice if its post was answered too late or its batch is tried again.

    A connection with a pace of its own gets a frame in its turn, with all changes since the turn before. If that fails,
    the next one has its whole view. Turns of ticks that not all got come again with the next batch.

    A client that takes no frames for several ticks is closed: it gets one post after another, and is behind anyway.
    A connection whose token has ended gets nothing more and is closed.
    """

    def __init__(self, connections: ConnectionsTable, gateway: Gateway, rates_change: str = AMOUNT) -> None:
        self._rates_change = rates_change
        self._connections = connections
        self._gateway = gateway
        self._behind: dict[str, int] = {}  # by connection ID, the tick since which it has missed changes
        self._slow = SlowClients()

    def post(
        self,
        delta: Delta,
        partitions: Sequence[int] | None,
        progress: Progress,
        *,
        deadline_s: float,
        overtaken: Callable[[], bool] = lambda: False,
    ) -> tuple[Posted, Progress]:
        """Post to each connection of the partitions (`None`: of all) what it has not seen. Delete those that are gone.

        Ends at the deadline, or soon after `overtaken` says that a newer delta is being posted. The result says what
        went wrong; pass the progress to the next call.
        """
        began_s = int(time.time())
        # By the earlier of two clocks: this one may be ahead, and then every connection would seem to have expired.
        expired_s = min(began_s, delta.new.ts_ms // 1000)
        since = _since(delta, progress.complete_seq)
        texts = QuoteTexts(delta.new, self._rates_change)
        batch = _Batch(delta, since, self._behind, texts, watched=self._slow, expired_s=expired_s)
        connections = self._connections.subscribers(partitions, expired_s, progress.stopped_after)
        posted = self._gateway.post_all(
            batch.addressed(connections),
            deadline_s=deadline_s,
            on_gone=lambda ended: self._connections.remove_all(ended, began_s),
            overtaken=overtaken,
        )
        posted.on_rates = batch.on_rates
        all_posted = batch.exhausted and not posted.unsent and posted.failures == len(posted.failed)
        # Connections of other partitions, and connections that this batch may not have reached.
        still_behind = {
            connection_id: since
            for connection_id, since in self._behind.items()
            if (partitions is not None and self._connections.partition_of(connection_id) not in partitions)
            or (not all_posted and since < batch.since_all)
            or connection_id in batch.waiting
        }
        self._behind = still_behind | {connection_id: batch.since(connection_id) for connection_id in posted.failed}
        unheard = still_behind.keys() | batch.without_frames
        posted.closed = self._close(posted, self._slow.after(posted, unheard), began_s)
        posted.ended = self._close(posted, batch.ended[:MOST_CLOSED], began_s)
        return posted, Progress(delta.new.seq) if all_posted else Progress(batch.since_all, batch.last)

    def partitions_of_worker(self, worker: int) -> Sequence[int]:
        """The partitions to whose connections this worker posts."""
        return self._connections.partitions_of_worker(worker)

    def _close(self, posted: Posted, useless: Sequence[str], known_s: int) -> int:
        """Close connections and delete them. Returns how many. One that cannot be closed stays until the next batch, as
        do the others after it: a service that refuses does not get more requests."""
        ended: list[str] = []
        try:
            for connection_id in useless:
                with suppress(Gone):
                    self._gateway.close(connection_id)
                ended.append(connection_id)
        except PostFailed as error:
            posted.error = posted.error or error
        for connection_id in ended:
            self._behind.pop(connection_id, None)
        try:
            if ended:
                self._connections.remove_all(ended, known_s)
        except (ClientError, BotoCoreError) as error:  # the next post to them finds them gone
            posted.error = posted.error or error
        return len(ended)


class _Batch:
    """Each connection with its frames, in the order in which to post them."""

    def __init__(
        self,
        delta: Delta,
        since: int,
        behind: dict[str, int],
        texts: QuoteTexts,
        *,
        watched: Container[str],
        expired_s: int,
    ) -> None:
        self.since_all = since
        self.without_frames: set[str] = set()  # of the watched connections
        self.waiting: set[str] = set()  # connections that are behind, and whose turn it is not
        self.ended: list[str] = []  # connections whose token has ended
        self._expired_s = expired_s
        self._watched = watched
        self.last = ""
        self.on_rates = 0
        self.exhausted = False
        self._delta = delta
        self._behind = behind
        self._period = Period(delta.old.ts_ms, delta.new.ts_ms)
        self._turns = Period(min(delta.old.ts_ms, self._told_at_ms()), delta.new.ts_ms)
        self._texts = texts
        self._updates: dict[int, UpdateFrames] = {}
        self._snapshots = SnapshotFrames(delta.new, self._texts, delta.old)
        self._has_heartbeat = self._period.has_heartbeat() or not delta
        self._heartbeat = (heartbeat_frame(delta.new),)

    def addressed(self, connections: Iterator[Connection]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        for connection in connections:
            self.last = connection.place
            if connection.has_ended(self._expired_s):
                self.ended.append(connection.connection_id)
                continue
            self.on_rates += RATES in connection.subscriptions
            frames = self._frames(connection)
            if not frames and connection.connection_id in self._watched:
                self.without_frames.add(connection.connection_id)
            yield connection.connection_id, frames
        self.exhausted = True

    def since(self, connection_id: str) -> int:
        """The tick after which this connection has to get every change."""
        missed = self._behind.get(connection_id)
        return self.since_all if missed is None else min(self.since_all, _since(self._delta, missed))

    def _frames(self, connection: Connection) -> tuple[bytes, ...]:
        """The frames of this tick for a connection: a snapshot if it is due, else the changes, else a heartbeat if it
        is due; then the `closing` notice if it is due."""
        spread = spread_of(connection.connection_id)
        frames = self._prices(connection, spread)
        notice = notice_of(connection)
        if self._period.has_notice(notice):
            in_ms = reconnect_in_ms(spread, notice.within_ms)
            frames += (closing_frame(in_ms, self._delta.new.ts_ms, notice.reason),)
        return frames

    def _prices(self, connection: Connection, spread: int) -> tuple[bytes, ...]:
        frames: tuple[bytes, ...] = ()
        has_heartbeat = False
        for channel, view in connection.subscriptions.items():
            if turn := self._turn(connection, channel, spread):
                if turn.since is None:
                    frames += self._snapshots.of(channel, view, knows=self._has_heard_the_last(connection, channel))
                else:
                    frames += self._updates_since(turn.since).of(channel, view)
                has_heartbeat |= turn.has_heartbeat
            elif connection.connection_id in self._behind:
                self.waiting.add(connection.connection_id)
        return frames or (self._heartbeat if has_heartbeat else ())

    def _turn(self, connection: Connection, channel: str, spread: int) -> Turn | None:
        """The turn of a channel in this tick. Without a pace, each tick is one."""
        if pace := connection.paces.get(channel):
            turn = turn_of(pace, spread, self._turns, self._delta.new)
            is_behind = connection.connection_id in self._behind
            return turn._replace(since=None) if turn and is_behind else turn
        since = None if self._period.has_snapshot(spread) else self.since(connection.connection_id)
        return Turn(since, self._has_heartbeat)

    def _has_heard_the_last(self, connection: Connection, channel: str) -> bool:
        """Whether the connection got what the tick before this one changed."""
        return channel not in connection.paces and self.since(connection.connection_id) == self._delta.old.seq

    def _told_at_ms(self) -> int:
        """When the last tick came that all got."""
        at_ms = time_of(self._delta.new.recent, self.since_all) if self.since_all < self._delta.old.seq else None
        return self._delta.old.ts_ms if at_ms is None else at_ms

    def _updates_since(self, seq: int) -> UpdateFrames:
        if seq not in self._updates:
            self._updates[seq] = UpdateFrames(self._delta, seq, self._texts)
        return self._updates[seq]


def _since(delta: Delta, complete_seq: int) -> int:
    """The tick after which a frame has to hold every change. `complete_seq`: the last one that all got (0: unknown)."""
    first = delta.old.seq + 1 - MAX_TICKS_BEHIND  # not counted from the new one, whose `seq` may have jumped
    return max(min(complete_seq or delta.old.seq, delta.old.seq), min(delta.old.seq, first))
