"""The feed's own routes, tables and fan-out on a simulated market and a simulated clock."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from shared.gateway.delivery import Delivery
from shared.model.delta import Delta
from shared.model.message_limit import MessageLimit
from shared.model.pace import Pace
from shared.model.values import Connection, Opening, Progress, Quote, Snapshot
from shared.publishing import fan_out
from shared.publishing.fan_out import FanOut
from shared.requests import routes, subscriptions, warm_snapshot
from shared.requests.routes import Admission, route
from shared.requests.subscriptions import Subscriptions
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import Lease, QuotesTable
from tests.answering import requests_on
from tests.clients import Clients, gone
from tests.clock import Clock
from tests.samples import AGELESS, SYMBOLS, after, quote

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TICK_MS = 5_000
SUBSCRIPTION_EVENTS = ("subscribe", "unsubscribe")
Deliver = Callable[[str, bytes], None]


class Market:
    """A market whose ticks move some prices or none, leave some unconfirmed, and remove some for a while."""

    def __init__(self, draw: random.Random, now_ms: int) -> None:
        self._draw = draw
        self._prices = {symbol: quote(symbol, ts_ms=now_ms) for symbol in SYMBOLS}
        self._without: dict[str, int] = {}
        self._silent: dict[str, int] = {}
        self.snapshot = after(Snapshot(), self._prices, now_ms)

    def tick(self, now_ms: int) -> Delta:
        old, draw = self.snapshot, self._draw
        quiet = draw.random() < 0.15
        for symbol in () if quiet else draw.sample(SYMBOLS, draw.randrange(20)):
            spot = Decimal(draw.randrange(1, 10**9)).scaleb(-draw.randrange(8))
            self._prices[symbol] = quote(symbol, str(spot), ts_ms=now_ms)
        self._absent(self._without, 0 if quiet else 0.2, now_ms)
        self._absent(self._silent, 0 if quiet else 0.1, now_ms)
        fresh = {
            symbol: each
            for symbol, each in self._prices.items()
            if symbol not in self._without and symbol not in self._silent
        }
        known = {symbol: each for symbol, each in old.quotes.items() if symbol not in self._without}
        self.snapshot = after(replace(old, quotes=known), fresh, now_ms)
        return Delta(old, self.snapshot)

    def _absent(self, symbols: dict[str, int], probability: float, now_ms: int) -> None:
        for symbol in [symbol for symbol, until_ms in symbols.items() if until_ms <= now_ms]:
            del symbols[symbol]
        if self._draw.random() < probability:
            symbols[self._draw.choice(SYMBOLS)] = now_ms + self._draw.randrange(120_000)


class _Quotes(QuotesTable):
    """The market's snapshot in place of an equal stored one."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def readable_snapshot(self) -> Snapshot:
        return self._market.snapshot

    def join_audience(self, now_ms: int) -> None:
        pass

    def lease(self) -> Lease:
        return Lease(1, 0, 2**62, self._market.snapshot.seq)

    def claim_wake(self, _now_ms: int, _longest_ms: int) -> bool:
        return False


class _Connections(ConnectionsTable):
    """The real table, read once after each change instead of at every tick, since moto takes 15 ms for it."""

    _held: list[Connection] | None = None

    def subscribers(self, partitions: Sequence[int] | None, now_s: int, after: str = "") -> Iterator[Connection]:
        assert not after, "a batch was cut short"
        if self._held is None:
            self._held = list(super().subscribers(partitions, now_s))
        return iter(self._held)

    def add(self, connection_id: str, now_s: int, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._held = None
        super().add(connection_id, now_s, more)

    def remove(self, connection_id: str) -> None:
        self._held = None
        super().remove(connection_id)

    def remove_all(self, connection_ids: Sequence[str], known_s: int) -> None:
        self._held = None
        super().remove_all(connection_ids, known_s)

    def subscribe(
        self, connection_id: str, channel: str, symbols: tuple[str, ...] | None, pace: Pace | None = None
    ) -> None:
        self._held = None
        super().subscribe(connection_id, channel, symbols, pace)

    def _open(self, connection_id: str, partition: int, opening: Opening, seen: object) -> bool:
        self._held = None
        return super()._open(connection_id, partition, opening, seen)

    def take_back(self, connection_id: str, opening: Opening) -> None:
        self._held = None
        super().take_back(connection_id, opening)


class _Wires(Clients):
    """Deliver frames as soon as API Gateway accepts them, concurrent ones in any order."""

    def __init__(self, deliver: Deliver, draw: random.Random) -> None:
        super().__init__()
        self._deliver = deliver
        self._draw = draw

    def step(self, wait_s: float) -> Iterator[tuple[Delivery, int, str, str]]:
        ended = list(super().step(wait_s))
        self._draw.shuffle(ended)
        for tag, status, kind, words in ended:
            if status == 200:
                frames = self.received[tag.connection_id]
                self._deliver(tag.connection_id, frames.pop(self._draw.randrange(len(frames))))
            yield tag, status, kind, words


class Server:
    """The feed. `interrupt` is called with each frame that answers a client, so that a test can act meanwhile."""

    def __init__(self, table: "Table", market: Market, clock: Clock, deliver: Deliver, draw: random.Random) -> None:
        self.market = market
        self._clock = clock
        self._connections = _Connections(table)
        self._answers, self._ticks = _Wires(deliver, draw), _Wires(deliver, draw)
        self._gateway = self._answers.gateway
        quotes = _Quotes(market)
        self._subscriptions = Subscriptions(
            quotes, self._connections, self._gateway, lambda: None, AGELESS, tick_s=TICK_MS // 1_000
        )
        self._requests = requests_on(table, self._gateway, AGELESS, quotes=quotes)
        self._admission = Admission(self._connections, MessageLimit(5, 200), self._subscriptions.opening)
        self._fan_out = FanOut(self._connections, self._ticks.gateway)
        self._progress = Progress()

    def interrupted_by(self, interrupt: Callable[[], None]) -> None:
        self._answers.on_post = lambda _frame: interrupt()

    def connect(self, connection_id: str, age_s: int) -> None:
        """Open a connection that is already this old."""
        self._connections.add(connection_id, self._clock.ms // 1000 - age_s)

    def disconnect(self, connection_id: str) -> None:
        """Run what API Gateway runs when the client is gone."""
        self._connections.remove(connection_id)
        self._answers.refusals[connection_id] = self._ticks.refusals[connection_id] = gone

    def hear(self, connection_id: str, text: str) -> None:
        """Pass a client's message to its Lambda."""
        event = {"requestContext": {"connectionId": connection_id}, "body": text}
        is_subscription = json.loads(text)["event"] in SUBSCRIPTION_EVENTS
        act = self._subscriptions.act if is_subscription else self._requests.answer
        route(event, self._gateway, self._admission, act)

    def tick(self) -> None:
        """Let the market move, and publish it."""
        delta = self.market.tick(self._clock.ms)
        posted, self._progress = self._fan_out.post(delta, None, self._progress, deadline_s=60)
        assert posted.error is None

    def quotes(self, symbols: tuple[str, ...]) -> dict[str, Quote]:
        """Return what a client of these symbols should show."""
        return {symbol: each for symbol in symbols if (each := self.market.snapshot.quotes.get(symbol))}


def on_the_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let the feed's code see the simulated time."""
    time = SimpleNamespace(time=lambda: clock.ms / 1000, time_ns=lambda: clock.ms * 1_000_000)
    for module in (fan_out, routes, subscriptions, warm_snapshot):
        monkeypatch.setattr(module, "time", time)
