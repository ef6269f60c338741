"""From a change of the snapshot to every connection that has to hear of it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.gateway import Gateway, Posted
from shared.protocol import UpdateFrames, heartbeat_frame
from shared.quotes import Delta
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable

DEADLINE_S = 30.0


@dataclass(slots=True)
class FanOut:
    """One publisher over the connections of all shards. It remembers the audience that it stored last."""

    quotes: QuotesTable
    connections: ConnectionsTable
    gateway: Gateway
    shards: int
    _audience: int = -1

    def publish(self, delta: Delta) -> Posted:
        """Post to each connection what of the delta it sees, delete those that are gone, store the audience."""
        began_ms = time.time_ns() // 1_000_000
        posted = self.gateway.post_all(
            self._addressed(delta, began_ms // 1000), deadline_s=DEADLINE_S, on_gone=self._forget
        )
        if posted.error:
            raise posted.error
        self._store_audience(posted.reached + posted.failures + posted.unsent, began_ms)
        return posted

    def _addressed(self, delta: Delta, now_s: int) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        """Each connection with its frames; a heartbeat when nothing has changed at all."""
        frames = UpdateFrames(delta)
        heartbeat = () if delta else (heartbeat_frame(delta.new),)
        for shard in range(self.shards):
            for connection in self.connections.subscribers(shard, now_s):
                wanted = [frames.of(channel, view) for channel, view in connection.subscriptions.items()]
                yield connection.connection_id, heartbeat + tuple(frame for channel in wanted for frame in channel)

    def _forget(self, connection_ids: Sequence[str]) -> None:
        for connection_id in connection_ids:
            self.connections.remove(connection_id)

    def _store_audience(self, connections: int, counted_from_ms: int) -> None:
        """Write it when it changed, and whenever it is none, which a subscription may have overwritten since."""
        if connections == 0 or connections != self._audience:
            self.quotes.count_audience(connections, counted_from_ms)
            self._audience = connections
