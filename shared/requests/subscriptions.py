"""Acts on clients' messages: subscribe, unsubscribe, and the requests that change nothing."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared import protocol
from shared.gateway import Gateway
from shared.model.channels import AMOUNT, RATES, has_one_frame_per_symbol
from shared.model.delta import Delta
from shared.model.pace import Pace
from shared.model.staleness import Ages
from shared.model.values import Connection, Opening, Snapshot
from shared.protocol import BadRequest, Message, Unsubscription, View
from shared.requests.allowed import check_allowed
from shared.requests.history import history_frames
from shared.requests.long_answers import UNPACED, LongAnswers
from shared.requests.minutes import MinutesBackfill
from shared.requests.rates_cap import NO_CAP, RatesCap
from shared.requests.wake import wake_ingest_if_none_runs
from shared.requests.warm_snapshot import WarmSnapshot
from shared.store.connections_table import Changed, ConnectionsTable
from shared.store.quotes_table import Lease, QuotesTable
from shared.store.trends_table import TrendsTable
from shared.store.whole_history import WholeHistory

TRIES = 3
logger = Logger(child=True)


class Subscriptions:
    """`subscribe` and `unsubscribe` over the tables. `wake_ingest` starts an ingest when none runs."""

    def __init__(
        self,
        quotes: QuotesTable,
        connections: ConnectionsTable,
        gateway: Gateway,
        wake_ingest: Callable[[], None],
        limits: Ages,
        rates_cap: RatesCap = NO_CAP,
        long_answers: LongAnswers = UNPACED,
        tick_s: int = 1,
        rates_every_s: int = 0,
        rates_change: str = AMOUNT,
    ) -> None:
        self._quotes = quotes
        self._warm = WarmSnapshot(quotes, tick_s)
        self._limits = limits
        self._tick_s = tick_s
        self._rates_every_s = rates_every_s
        self._rates_change = rates_change
        self._rates_cap = rates_cap
        self._long_answers = long_answers
        self._connections = connections
        self._gateway = gateway
        self._wake_ingest = wake_ingest

    def act(self, connection: Connection, message: Message) -> None:
        """Subscribe or unsubscribe, by the message's event.

        Raises:
            BadRequest: another event, or fields that do not fit the event.
            NotConnected: the connection ended before the table was written.
            Gone: the connection ended before a frame was posted.
            PostFailed: a frame did not arrive.
        """
        match message.event:
            case "subscribe":
                self.subscribe(connection, message)
            case "unsubscribe":
                self.unsubscribe(connection, message)
            case _:  # a message with two `event` keys: API Gateway read the other one
                raise protocol.unknown_event(message.event, message.message_id)

    def opening(self, connection: Connection, message: Message | BadRequest) -> Opening | None:
        """The subscription of a connection that has none, if it can be written with the count of its message: to each
        tick of a channel with one frame for all symbols.

        In a storm of reconnects this saves most subscribers a write and a read of the snapshot. A tick that is posted
        in these milliseconds may come before the first frames; what it changed follows them.
        """
        if isinstance(message, BadRequest) or message.event != "subscribe" or connection.has_ended(int(time.time())):
            return None
        try:
            asked = protocol.parse_subscription(message)
            check_allowed(connection, asked.channel, message)
            if has_one_frame_per_symbol(asked.channel) or protocol.parse_every(message, self._tick_s):
                return None
        except BadRequest:
            return None
        return Opening(asked.channel, asked.view)

    def subscribe(self, connection: Connection, message: Message) -> None:
        """Acknowledge, send the snapshot, activate unless its `opening` has, then send what changed in between, so
        nothing is missed.

        Raises:
            BadRequest: the channel or the symbols are not valid, or the channel takes no more connections.
            RateLimited: too many long answers wait already.
            NotConnected: the connection ended before the table was written.
            Gone: the connection ended before a frame was posted.
            PostFailed: a frame did not arrive.
        """
        asked, every_s = protocol.parse_subscription(message), protocol.parse_every(message, self._tick_s)
        least_s = self._rates_every_s if has_one_frame_per_symbol(asked.channel) else 0
        subscription = replace(asked, every_s=max(every_s, least_s))
        connection_id, channel, view = connection.connection_id, subscription.channel, subscription.view
        check_allowed(connection, channel, message)
        with self._rates_cap.taken(connection, channel, message):
            self._long_answers.wait(channel, view)
        with self._taken_back_on_failure(connection):
            self._post_in_order(connection_id, protocol.subscribed_frames(subscription, message.message_id))
            first = self._first(channel)
            if first.seq:
                self._post_snapshot(connection_id, channel, view, first)
        if not connection.opening:
            pace = Pace(subscription.every_s, first.seq) if subscription.every_s else None
            self._connections.subscribe(connection_id, channel, view, pace)
            self._keep_places(connection, channel, message)
        lease = self._join_audience()
        logger.info("subscribed", channel=channel, symbols="all" if view is None else len(view), seq=first.seq)
        if connection.opening and first.seq == lease.seq:
            return  # no tick has begun since
        moved = Delta(first, self._warm.read(self._limits))
        if not moved.new.seq:
            return  # there is none, or none that can be read: the next tick brings everything
        if moved.old.seq:
            self._post_changes(connection_id, channel, view, moved)
        else:
            self._post_snapshot(connection_id, channel, view, moved.new)

    def unsubscribe(self, connection: Connection, message: Message) -> None:
        """End all subscriptions, that to a channel, or that to some of its symbols.

        Raises:
            BadRequest: the channel or the symbols are not valid, or other messages changed the subscription.
            NotConnected: the connection ended before the table was written.
            Gone: the connection ended before a frame was posted.
            PostFailed: a frame did not arrive.
        """
        ended = protocol.parse_unsubscription(message)
        left: Sequence[str] = ()
        ends_rates = ended.channel in {None, RATES}
        if ended.channel is None:
            self._connections.unsubscribe(connection.connection_id)
        elif ended.symbols is None:
            self._connections.unsubscribe(connection.connection_id, ended.channel)
        else:
            left = self._reduce(connection, ended.channel, ended, message)
        if ends_rates and not left:
            self._give_back_places(connection, message)
        logger.info("unsubscribed", channel=ended.channel, left=len(left))
        frame = protocol.unsubscribed_frame(message.message_id, ended.channel, left, ended.rejected)
        self._gateway.post(connection.connection_id, frame)

    @contextmanager
    def _taken_back_on_failure(self, connection: Connection) -> Iterator[None]:
        """End the subscription of an opening if its first frames cannot be posted."""
        try:
            yield
        except BaseException:
            if connection.opening:
                try:
                    self._connections.take_back(connection.connection_id, connection.opening)
                except (ClientError, BotoCoreError):  # the client hears ticks all the same, and the error
                    logger.warning("could not take back a subscription", exc_info=True)
            raise

    def _keep_places(self, connection: Connection, channel: str, message: Message) -> None:
        """Let a connection keep a subscription that is written, or end it.

        Raises:
            BadRequest: others have its places on the channel now.
        """
        try:
            self._rates_cap.keep(connection, channel, message)
        except BadRequest:
            self._connections.unsubscribe(connection.connection_id, channel)
            raise

    def _give_back_places(self, connection: Connection, message: Message) -> None:
        """Give back the places of a connection that has unsubscribed, unless another message has subscribed it again
        meanwhile: else a connection could stay subscribed without a place."""
        self._rates_cap.give_back(connection)
        now = self._connections.get(connection.connection_id)
        if RATES in now.subscriptions:
            self._keep_places(now, RATES, message)

    def _reduce(self, connection: Connection, channel: str, ended: Unsubscription, message: Message) -> Sequence[str]:
        """Remove symbols from a channel's subscription. Returns those left. Retries if another message changes it."""
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

    def _post_in_order(self, connection_id: str, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self._gateway.post(connection_id, frame)

    def _post_changes(self, connection_id: str, channel: str, view: View, moved: Delta) -> None:
        """Send what changed. On `rates`, whose readers need not look at `seq`, a tick that `publish` posted meanwhile
        may have come before these frames, so what changed since follows them: the last word is the newest."""
        frames = self._changes(moved).of(channel, view)
        if moved.old.late and not moved.new.late and not frames:
            frames = (protocol.heartbeat_frame(moved.new),)  # says that the feed is no longer late
        if not has_one_frame_per_symbol(channel):
            self._post_in_order(connection_id, frames)  # the parts of an update may not come in any order
            return
        for _ in range(TRIES):
            if not frames:
                return
            self._gateway.post_unordered(connection_id, frames)
            moved = Delta(moved.new, self._quotes.snapshot_now(self._limits))
            frames = self._changes(moved).of(channel, view) if moved.new.seq > moved.old.seq else ()

    def _post_snapshot(self, connection_id: str, channel: str, view: View, snapshot: Snapshot) -> None:
        texts = protocol.QuoteTexts(snapshot, self._rates_change)
        self._gateway.post_unordered(connection_id, protocol.snapshot_frames(snapshot, channel, view, texts=texts))

    def _changes(self, moved: Delta) -> protocol.UpdateFrames:
        return protocol.UpdateFrames(moved, texts=protocol.QuoteTexts(moved.new, self._rates_change))

    def _first(self, channel: str) -> Snapshot:
        """The snapshot to begin with. What has changed since is told after the one that is read then."""
        fresh = self._quotes.snapshot_now if has_one_frame_per_symbol(channel) else self._warm.now
        return fresh(self._limits)

    def _join_audience(self) -> Lease:
        """Join the audience, and start an ingest if none runs. Returns the lease."""
        now_ms = time.time_ns() // 1_000_000
        self._quotes.join_audience(now_ms)
        return wake_ingest_if_none_runs(self._quotes, now_ms, self._limits.late_ms, self._wake_ingest)


class Requests:
    """The requests that change nothing: ping, subscriptions, snapshot, assets, explain, history, trends."""

    def __init__(
        self,
        quotes: QuotesTable,
        history: WholeHistory,
        minutes: MinutesBackfill,
        trends: TrendsTable,
        gateway: Gateway,
        limits: Ages,
        rates_cap: RatesCap = NO_CAP,
        long_answers: LongAnswers = UNPACED,
        rates_change: str = AMOUNT,
    ) -> None:
        self._quotes = quotes
        self._limits = limits
        self._rates_cap = rates_cap
        self._rates_change = rates_change
        self._long_answers = long_answers
        self._history = history
        self._minutes = minutes
        self._trends = trends
        self._gateway = gateway

    def answer(self, connection: Connection, message: Message) -> None:
        """Post the answer to a request.

        Raises:
            BadRequest: an unknown event, fields that do not fit the event, or an answer that is not available now.
            RateLimited: too many long answers wait already.
            Gone: the connection has ended.
            PostFailed: a frame did not arrive.
        """
        self._gateway.post_unordered(connection.connection_id, self._frames(connection, message))

    def _frames(self, connection: Connection, message: Message) -> tuple[bytes, ...]:
        match message.event:
            case "ping":
                now_ms = time.time_ns() // 1_000_000
                return (protocol.pong_frame(now_ms, message.message_id, protocol.parse_timestamp(message)),)
            case "subscriptions":
                return (protocol.subscriptions_frame(connection, message.message_id),)
            case "snapshot":
                return self._snapshot(connection, message)
            case "assets":
                return protocol.assets_frames(self._quotes.snapshot_now(self._limits), message.message_id)
            case "explain":
                return (self._explanation(message),)
            case "history":
                open_candles = self._quotes.snapshot_now(self._limits).candles  # read before the table: none is missed
                return history_frames(message, self._history, open_candles, self._minutes, time.time_ns() // 1_000_000)
            case "trends":
                return protocol.trends_frames(self._trends.read(), message.message_id)
            case _:
                raise protocol.unknown_event(message.event, message.message_id)

    def _snapshot(self, connection: Connection, message: Message) -> tuple[bytes, ...]:
        """The quotes of the symbols in the message, else of the channel's subscription, else of all."""
        asked = protocol.parse_subscription(message)
        check_allowed(connection, asked.channel, message)
        self._rates_cap.check(asked.channel, message)
        view = asked.view
        if message.body.get("symbols") is None:
            view = connection.subscriptions.get(asked.channel)
        self._long_answers.wait(asked.channel, view)
        snapshot = self._quotes.snapshot_now(self._limits)
        if not snapshot.seq:
            raise BadRequest("unavailable", "the feed has no prices yet; try again", message.message_id)
        if has_one_frame_per_symbol(asked.channel) and not any(
            symbol in snapshot.quotes for symbol in protocol.symbols_of(view)
        ):
            raise BadRequest("unavailable", "none of these has a price now", message.message_id)
        texts = protocol.QuoteTexts(snapshot, self._rates_change)
        return protocol.snapshot_frames(snapshot, asked.channel, view, message.message_id, texts)

    def _explanation(self, message: Message) -> bytes:
        symbol, explanations = protocol.parse_explain(message), self._quotes.explanations()
        if symbol not in explanations.by_symbol:
            raise BadRequest("unavailable", "no tick has been explained yet; try again", message.message_id)
        return protocol.explain_frame(explanations.by_symbol[symbol], explanations, message.message_id)


def _without(view: View, symbols: View) -> tuple[str, ...]:
    ended = set(symbols or ())
    return tuple(symbol for symbol in protocol.symbols_of(view) if symbol not in ended)
