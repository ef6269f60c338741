"""Clients, a server and connections between them on one simulated clock. Connections break and lose frames."""

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from cadfeed_client import Heard, Link, State
from cadfeed_client.machine import Action, Changed, End, Machine, Open, Send
from cadfeed_client.quote import Quote
from cadfeed_client.requests import Subscription
from tests.client.simulated_server import Server
from tests.clock import Clock

TWO_HOURS_MS = 2 * 3600 * 1000


@dataclass(frozen=True)
class Habits:
    """The faults of a client's connections. Times in ms, `None`: never.

    `cut_every_ms`: mean time between cuts; `ages_s`: the age that API Gateway assumes for a new connection; `loses`:
    the share of lost frames.
    """

    cut_every_ms: int | None
    ages_s: tuple[int, int] = (0, 0)
    loses: float = 0.0


class Network:
    """The scheduled events and all connections."""

    def __init__(self, clock: Clock, draw: random.Random) -> None:
        self.clock = clock
        self.draw = draw
        self.wires: dict[str, Wire] = {}
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()

    def later(self, delay_ms: float, event: Callable[[], None]) -> None:
        self.at(self.clock.ms + round(delay_ms), event)

    def at(self, at_ms: int, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(at_ms, self.clock.ms), next(self._order), event))

    def run(self, until_ms: int, between: Callable[[], None]) -> None:
        while self._events and self._events[0][0] <= until_ms:
            self.clock.ms, _, event = heapq.heappop(self._events)
            event()
            between()
        self.clock.ms = until_ms

    def deliver(self, connection_id: str, frame: bytes) -> None:
        """Send a frame that API Gateway accepted for that connection."""
        self.wires[connection_id].send_down(frame.decode())


class Wire:
    """A connection. Frames arrive in order, some milliseconds later, and not at all once it is cut."""

    def __init__(self, network: Network, server: Server, client: "Client", number: int, age_s: int) -> None:
        self.connection_id = f"{client.name}-{number}="
        self.alive = True
        self.in_flight = 0
        self.lost_a_frame = False
        self.delivered = 0
        self.cut_after: int | None = None
        self._network, self._server, self._client, self._number = network, server, client, number
        self._down_ms = self._up_ms = 0
        network.wires[self.connection_id] = self
        server.connect(self.connection_id, age_s)
        network.later(TWO_HOURS_MS - age_s * 1000, lambda: self.cut(told=True, noticed=True))

    def send_down(self, text: str) -> None:
        if not self.alive:
            return
        if self._network.draw.random() < self._client.habits.loses:
            self.lost_a_frame = True
            return
        self._down_ms = max(self._down_ms, self._network.clock.ms + self._network.draw.randrange(1, 80))
        self.in_flight += 1
        self._network.at(self._down_ms, lambda: self._arrive(text))

    def send_up(self, text: str) -> None:
        self._up_ms = max(self._up_ms, self._network.clock.ms + self._network.draw.randrange(1, 80))
        self.in_flight += 1
        self._network.at(self._up_ms, lambda: self._ask(text))

    def cut(self, *, told: bool, noticed: bool) -> None:
        """Break the connection. `told`: the client notices at once; `noticed`: API Gateway does."""
        if not self.alive:
            return
        self.alive = False
        self._client.cuts += 1
        self._client.cut_after.add(self.delivered)
        delay_ms = 0 if noticed else self._network.draw.randrange(20_000)
        self._network.later(delay_ms, lambda: self._server.disconnect(self.connection_id))
        if told:
            self._network.later(self._network.draw.randrange(50), lambda: self._client.lost(self._number))

    def hang_up(self) -> None:
        """Close the connection from the client's side."""
        if self.alive:
            self.alive = False
            self._network.later(30, lambda: self._server.disconnect(self.connection_id))

    def _arrive(self, text: str) -> None:
        self.in_flight -= 1
        if not self.alive:
            return
        self.delivered += 1
        self._client.received(self._number, text)
        if self.delivered == self.cut_after and self._client.habits.cut_every_ms:
            self.cut(told=True, noticed=self._network.draw.random() < 0.5)

    def _ask(self, text: str) -> None:
        if self.alive:
            self._server.hear(self.connection_id, text)
        self.in_flight -= 1


class Client:
    """The real client's protocol logic at the end of a connection, and what its user sees."""

    def __init__(
        self, name: str, network: Network, server: Server, habits: Habits, symbols: tuple[str, ...], listed: bool = True
    ) -> None:
        self.name, self.habits, self.symbols = name, habits, symbols
        self.network, self.server = network, server
        # The client's random numbers are its own, so they do not change the network's.
        chance = random.Random(name)
        self.machine = Machine(Subscription(symbols=symbols if listed else ()), draw=chance.uniform)
        self.wires: dict[int, Wire] = {}
        self.cuts = 0
        self.cut_after: set[int] = set()
        self.links: list[Link] = []
        self.shown: dict[str, int] = {}
        self.heard = self.exact = 0
        self.times_live = 0
        self._checked = (0, 0)
        self._wakes_ms: int | None = None
        self._act(self.machine.start())

    @property
    def quiet(self) -> bool:
        """Return whether it knows everything: it is live, and it lost no frame that it cannot notice."""
        if self.machine.state.link is not Link.LIVE:
            return False
        wire = self.wires.get(self._main)
        return wire is not None and wire.alive and not wire.in_flight and not wire.lost_a_frame

    @property
    def _main(self) -> int:
        return self.machine._main.number if self.machine._main else 0

    def received(self, number: int, text: str) -> None:
        self._act(self.machine.received(number, text, self.network.clock.ms))
        # A snapshot restores everything that was lost before it.
        connection = self.machine._find(number)
        if connection and connection.book.whole and '"event":"snapshot"' in text and '"parts"' not in text:
            self.wires[number].lost_a_frame = False

    def lost(self, number: int) -> None:
        self._act(self.machine.lost(number, "cut", self.network.clock.ms))

    def check(self) -> None:
        """Assert that it is exact whenever it knows everything."""
        now = (self.heard, self.server.market.snapshot.seq)
        if now != self._checked and self.quiet:
            self._checked = now
            self.assert_exact()

    def assert_exact(self) -> None:
        """Assert that it shows what the server has, to the last digit."""
        snapshot, book = self.server.market.snapshot, self.machine.book
        expected = self.server.quotes(self.symbols)
        assert book.quotes.keys() == expected.keys(), self.name
        for symbol, quote in expected.items():
            assert fields_of(book.quotes[symbol]) == fields_of(quote), (self.name, symbol)
        assert book.unavailable == {symbol for symbol in self.symbols if symbol in snapshot.unavailable}, self.name
        self.exact += 1

    def _act(self, actions: Iterable[Action]) -> None:
        network = self.network
        self.heard += 1
        for action in actions:
            match action:
                case Open(number):
                    network.later(network.draw.randrange(20, 400), lambda number=number: self._connect(number))  # type: ignore[misc]
                case Send(number, text):
                    self.wires[number].send_up(text)
                case End(number):
                    if wire := self.wires.pop(number, None):
                        wire.hang_up()
                case Heard() | Changed():
                    self._show(action)
                case State():
                    self.links.append(action.link)
                    self.times_live += action.link is Link.LIVE
        self._wake()

    def _connect(self, number: int) -> None:
        network, draw = self.network, self.network.draw
        if self.habits.cut_every_ms and draw.random() < 0.1:
            self._act(self.machine.lost(number, "HTTP 429", network.clock.ms))
            return
        wire = Wire(network, self.server, self, number, draw.randint(*self.habits.ages_s))
        self.wires[number] = wire
        if self.habits.cut_every_ms:
            # Some break right after opening: between the acknowledgement and the snapshot, or between its parts.
            wire.cut_after = draw.randrange(1, 9) if draw.random() < 0.4 else None
            network.later(draw.expovariate(1 / self.habits.cut_every_ms), lambda: self._cut(wire))
        self._act(self.machine.opened(number, network.clock.ms))

    def _cut(self, wire: Wire) -> None:
        draw = self.network.draw
        if self.habits.cut_every_ms:
            wire.cut(told=draw.random() < 0.8, noticed=draw.random() < 0.5)

    def _show(self, what: Heard | Changed) -> None:
        for change in what.changes:
            if isinstance(change, Quote):
                assert change.seq >= self.shown.get(change.symbol, 0), (self.name, change)
                self.shown[change.symbol] = change.seq

    def _wake(self) -> None:
        due_ms = self.machine.due_ms()
        if due_ms is not None and (self._wakes_ms is None or due_ms < self._wakes_ms):
            self._wakes_ms = due_ms
            self.network.at(due_ms, self._woken)

    def _woken(self) -> None:
        self._wakes_ms = None
        self._act(self.machine.tick(self.network.clock.ms))


def fields_of(quote: object) -> Sequence[object]:
    """Return a quote's fields on the wire, which the server's and the client's quotes share."""
    names = ("bid", "ask", "spot", "change", "change_pct", "ts_ms", "seq", "source", "stale", "simulated")
    return [getattr(quote, name) for name in names]
