"""What a client's messages do: subscribe, unsubscribe, and the requests that only ask."""

import time
from collections.abc import Callable, Sequence

from shared import protocol
from shared.gateway import Gateway
from shared.model.delta import Delta
from shared.model.staleness import Ages
from shared.model.values import Connection
from shared.protocol import RATES, BadRequest, Message, Unsubscription, View
from shared.requests.history import history_frames
from shared.store.candles_table import CandlesTable
from shared.store.connections_table import Changed, ConnectionsTable
from shared.store.quotes_table import QuotesTable

TRIES = 3


class Subscriptions:
    """The routes of the API over its tables. `wake_ingest` starts an ingest when none runs."""

    def __init__(
        self,
        quotes: QuotesTable,
        connections: ConnectionsTable,
        gateway: Gateway,
        wake_ingest: Callable[[], None],
        limits: Ages,
    ) -> None:
        self._quotes = quotes
        self._limits = limits
        self._connections = connections
        self._gateway = gateway
        self._wake_ingest = wake_ingest

    def act(self, connection: Connection, message: Message) -> None:
        """Do what the message's event says.

        Raises:
            BadRequest: another event than those two, or one that its fields do not fit.
            NotConnected, Gone, PostFailed.
        """
        match message.event:
            case "subscribe":
                self.subscribe(connection.connection_id, message)
            case "unsubscribe":
                self.unsubscribe(connection, message)
            case _:  # a key that is there twice, of which API Gateway looked at the other one
                raise unknown_event(message)

    def subscribe(self, connection_id: str, message: Message) -> None:
        """Acknowledge, send the snapshot, activate, then send what moved in between: so nothing is missed.

        Raises:
            BadRequest, NotConnected, Gone, PostFailed.
        """
        subscription = protocol.parse_subscription(message)
        channel, view = subscription.channel, subscription.view
        self._in_order(connection_id, protocol.subscribed_frames(subscription, message.message_id))
        first = self._quotes.snapshot_now(self._limits)
        if first.seq:
            self._gateway.post_unordered(connection_id, protocol.snapshot_frames(first, channel, view))
        self._connections.subscribe(connection_id, channel, view)
        self._be_heard()
        moved = Delta(first, self._quotes.snapshot_now(self._limits))
        if moved.old.seq:
            frames = protocol.UpdateFrames(moved).of(channel, view)
            if moved.old.late and not moved.new.late and not frames:
                frames = (protocol.heartbeat_frame(moved.new),)  # takes back that the feed is late
            # Each quote stands for itself, the parts of an update do not.
            post = self._gateway.post_unordered if channel == RATES else self._in_order
            post(connection_id, frames)
        elif moved.new.seq:
            self._gateway.post_unordered(connection_id, protocol.snapshot_frames(moved.new, channel, view))

    def unsubscribe(self, connection: Connection, message: Message) -> None:
        """End everything, a channel's subscription, or that to some symbols. Raises: as `subscribe`."""
        ended = protocol.parse_unsubscription(message)
        left: Sequence[str] = ()
        if ended.channel is None:
            self._connections.unsubscribe(connection.connection_id)
        elif ended.symbols is None:
            self._connections.unsubscribe(connection.connection_id, ended.channel)
        else:
            left = self._reduce(connection, ended.channel, ended, message)
        frame = protocol.unsubscribed_frame(message.message_id, ended.channel, left, ended.rejected)
        self._gateway.post(connection.connection_id, frame)

    def _reduce(self, connection: Connection, channel: str, ended: Unsubscription, message: Message) -> Sequence[str]:
        """What is left of the channel's subscription without these symbols. Another message may change it meanwhile."""
        for _ in range(TRIES):
            if channel not in connection.subscriptions:
                return ()
            view = connection.subscriptions[channel]
            left = _without(view, ended.symbols)
            try:
                self._connections.reduce(connection, channel, left)
            except Changed:
                connection = self._connections.get(connection.connection_id)
            else:
                return left
        raise BadRequest("unavailable", "other messages changed the subscription meanwhile", message.message_id)

    def _in_order(self, connection_id: str, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self._gateway.post(connection_id, frame)

    def _be_heard(self) -> None:
        """Join the audience first and look for an ingest after: one that is leaving looks the other way round."""
        now_ms = time.time_ns() // 1_000_000
        self._quotes.join_audience(now_ms)
        if self._quotes.lease().until_ms <= now_ms:
            self._wake_ingest()


class Requests:
    """The requests that change nothing: ping, subscriptions, snapshot, assets, explain, history."""

    def __init__(self, quotes: QuotesTable, candles: CandlesTable, gateway: Gateway, limits: Ages) -> None:
        self._quotes = quotes
        self._limits = limits
        self._candles = candles
        self._gateway = gateway

    def answer(self, connection: Connection, message: Message) -> None:
        """Post the answer to a request.

        Raises:
            BadRequest: an event that there is not, or one that its fields do not fit.
            Gone, PostFailed.
        """
        self._gateway.post_unordered(connection.connection_id, self._frames(connection, message))

    def _frames(self, connection: Connection, message: Message) -> tuple[bytes, ...]:
        match message.event:
            case "ping":
                now_ms = time.time_ns() // 1_000_000
                return (protocol.pong_frame(now_ms, message.message_id, protocol.parse_timestamp(message)),)
            case "subscriptions":
                return (protocol.subscriptions_frame(connection.subscriptions, message.message_id),)
            case "snapshot":
                return self._snapshot(connection, message)
            case "assets":
                return protocol.assets_frames(self._quotes.snapshot_now(self._limits), message.message_id)
            case "explain":
                return (self._explanation(message),)
            case "history":
                open_candles = self._quotes.snapshot_now(self._limits).candles  # before the table: so none is missed
                return history_frames(message, self._candles, open_candles, time.time_ns() // 1_000_000)
            case _:
                raise unknown_event(message)

    def _snapshot(self, connection: Connection, message: Message) -> tuple[bytes, ...]:
        """The quotes of the symbols named, else of the channel's subscription, else of all."""
        asked = protocol.parse_subscription(message)
        view = asked.view
        if message.body.get("symbols") is None:
            view = connection.subscriptions.get(asked.channel)
        snapshot = self._quotes.snapshot_now(self._limits)
        if asked.channel == RATES and not any(symbol in snapshot.quotes for symbol in protocol.symbols_of(view)):
            raise BadRequest("unavailable", "none of these has a price now", message.message_id)
        return protocol.snapshot_frames(snapshot, asked.channel, view, message.message_id)

    def _explanation(self, message: Message) -> bytes:
        symbol, explanations = protocol.parse_explain(message), self._quotes.explanations()
        if symbol not in explanations.by_symbol:
            raise BadRequest("unavailable", "no tick has been explained yet; try again", message.message_id)
        return protocol.explain_frame(explanations.by_symbol[symbol], explanations, message.message_id)


def unknown_event(message: Message) -> BadRequest:
    return BadRequest("unknown_event", f"no such event: {message.event:.40}", message.message_id)


def _without(view: View, symbols: View) -> tuple[str, ...]:
    ended = set(symbols or ())
    return tuple(symbol for symbol in protocol.symbols_of(view) if symbol not in ended)
