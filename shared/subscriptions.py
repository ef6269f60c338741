"""What a client's messages do: subscribe, unsubscribe, and the requests that only ask."""

import time
from collections.abc import Callable

from shared import protocol
from shared.gateway import Gateway
from shared.history import history_frames
from shared.protocol import BadRequest, Message
from shared.quotes import Delta
from shared.store.candles_table import CandlesTable
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable


class Subscriptions:
    """The routes of the API over its tables. `wake_ingest` starts an ingest when none runs."""

    def __init__(
        self, quotes: QuotesTable, connections: ConnectionsTable, gateway: Gateway, wake_ingest: Callable[[], None]
    ) -> None:
        self._quotes = quotes
        self._connections = connections
        self._gateway = gateway
        self._wake_ingest = wake_ingest

    def subscribe(self, connection_id: str, message: Message) -> None:
        """Acknowledge, send the snapshot, activate, then send what moved in between: so nothing is missed.

        Raises:
            BadRequest, NotConnected, Gone, PostFailed.
        """
        subscription = protocol.parse_subscription(message)
        channel, view = subscription.channel, subscription.view
        self._gateway.post(connection_id, protocol.subscribed_frame(subscription, message.message_id))
        first = self._quotes.snapshot()
        if first.seq:
            self._gateway.post_unordered(connection_id, protocol.snapshot_frames(first, channel, view))
        self._connections.subscribe(connection_id, channel, view)
        self._be_heard()
        moved = Delta(first, self._quotes.snapshot())
        if moved.old.seq:
            self._gateway.post_unordered(connection_id, protocol.UpdateFrames(moved).of(channel, view))
        elif moved.new.seq:
            self._gateway.post_unordered(connection_id, protocol.snapshot_frames(moved.new, channel, view))

    def unsubscribe(self, connection_id: str, message: Message) -> None:
        """End a channel's subscription. Raises: as `subscribe`."""
        channel = protocol.parse_channel(message)
        self._connections.unsubscribe(connection_id, channel)
        self._gateway.post(connection_id, protocol.unsubscribed_frame(channel, message.message_id))

    def _be_heard(self) -> None:
        """Join the audience first and look for an ingest after: one that is leaving looks the other way round."""
        now_ms = time.time_ns() // 1_000_000
        self._quotes.join_audience(now_ms)
        if self._quotes.lease().until_ms <= now_ms:
            self._wake_ingest()


class Requests:
    """The requests that change nothing: ping, subscriptions, snapshot, history."""

    def __init__(
        self, quotes: QuotesTable, candles: CandlesTable, connections: ConnectionsTable, gateway: Gateway
    ) -> None:
        self._quotes = quotes
        self._candles = candles
        self._connections = connections
        self._gateway = gateway

    def answer(self, connection_id: str, message: Message) -> None:
        """Post the answer to a request.

        Raises:
            BadRequest: an event that there is not, or one that its fields do not fit.
            NotConnected, Gone, PostFailed.
        """
        self._gateway.post_unordered(connection_id, self._frames(connection_id, message))

    def _frames(self, connection_id: str, message: Message) -> tuple[bytes, ...]:
        match message.event:
            case "ping":
                return (protocol.pong_frame(time.time_ns() // 1_000_000, message.message_id),)
            case "subscriptions":
                subscriptions = self._connections.get(connection_id).subscriptions
                return (protocol.subscriptions_frame(subscriptions, message.message_id),)
            case "snapshot":
                return self._snapshot(connection_id, message)
            case "history":
                open_candles = self._quotes.snapshot().candles  # before the table: so none is missed
                return history_frames(message, self._candles, open_candles, time.time_ns() // 1_000_000)
            case _:
                raise BadRequest("unknown_event", f"no such event: {message.event:.40}", message.message_id)

    def _snapshot(self, connection_id: str, message: Message) -> tuple[bytes, ...]:
        """The quotes of the symbols named, else of the channel's subscription, else of all."""
        asked = protocol.parse_subscription(message)
        view = asked.view
        if message.body.get("symbols") is None:
            view = self._connections.get(connection_id).subscriptions.get(asked.channel)
        return protocol.snapshot_frames(self._quotes.snapshot(), asked.channel, view, message.message_id)
