"""Clients that come, go, vanish and ask, and what they and the stack look like meanwhile."""

import asyncio
import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from cadfeed_client.compact import Legends
from shared.model.assets import catalogue
from shared.model.channels import CHANNELS, RATES, RATES_BATCH, RATES_COMPACT
from shared.model.values import Quote
from shared.model.wire import loads
from shared.protocol.quotes import quote_fields
from tests.e2e.ledger import Ledger, Update, values_of
from tests.e2e.local_stack import SESSION, Stack, programs_of
from tests.stored import stored
from tools.bench.read_units import item_bytes

SHORTEST_VISIT_S = 4.0
OPEN_TIMEOUT_S = 30
SUBSCRIBED_WITHIN_S = 5.0  # its snapshot, and what changed meanwhile, have come
VANISHES, ASKS, WANTS_ALL = 0.3, 0.03, 0.4  # the share of visits, of frames, and of visits again
MOST_ON_RATES = 5  # symbols, since each costs a post per tick, and the emulator makes few of them
FUNCTIONS = ("IngestFunction", "PublishFunction", "SubscribeFunction", "RequestFunction", "ConnectFunction")
PAST = ("CANDLE#", "PAST#", "TRENDS")  # what grows for good, or until it expires, or comes with the first whole hour
# What the emulator says about an invocation whose process was killed: while it ran, or before it got its event.
KILLED = ("Worker process died", "'NoneType' object has no attribute 'stdin'")


@dataclass
class Told:
    """What all clients together were told. `older`: quotes on `rates` that came after a newer one of their symbol.
    `overtaken`: those of a tick that the subscription had told before `publish` posted it."""

    ledger: Ledger = field(default_factory=Ledger)
    frames: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    older: list[str] = field(default_factory=list)
    overtaken: int = 0
    missed: int = 0  # updates


class SoakClient:
    """It keeps the newest quote of each symbol for as long as it is connected."""

    def __init__(self, stack: Stack, told: Told, seed: float, longest_visit_s: float) -> None:
        self._longest_visit_s = longest_visit_s
        self._stack = stack
        self._told = told
        self._choose = random.Random(seed)
        self._subscribed_s = 0.0
        self._subscribed_seq = 0  # the newest that the subscription itself told, or a tick right after it
        self._seq = 0
        self._channel = RATES_BATCH
        self._legends = Legends()
        self.book: dict[str, Mapping[str, Any]] = {}
        self.view: tuple[str, ...] = ()

    async def run(self, until_s: float) -> None:
        """Connect again and again until then, and then stay."""
        while True:
            stays_s = self._choose.uniform(SHORTEST_VISIT_S, self._longest_visit_s)
            left_s = until_s - time.monotonic()
            try:
                await self._visit(None if stays_s > left_s else stays_s)
            except (WebSocketException, OSError, TimeoutError) as error:
                self._told.connections[type(error).__name__] += 1
            await asyncio.sleep(self._choose.uniform(0.2, 2))

    async def _visit(self, seconds: float | None) -> None:
        self.book, self.view, self._seq, self._subscribed_seq, self._legends = {}, (), 0, 0, Legends()
        async with connect(self._stack.feed, ssl=self._stack.tls, max_size=None, open_timeout=OPEN_TIMEOUT_S) as socket:
            self._told.connections["opened"] += 1
            await socket.send(json.dumps(self._subscription()))
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._listen(socket)
            self._told.connections["with prices" if self.book else "without prices"] += 1
            if self._choose.random() < VANISHES and socket.transport:
                socket.transport.abort()

    def _subscription(self) -> dict[str, Any]:
        symbols = tuple(catalogue())
        wants_all = self._choose.random() < WANTS_ALL
        self._channel = self._choose.choice((RATES_BATCH, RATES_COMPACT) if wants_all else CHANNELS)
        if wants_all:
            self.view = symbols
            return {"event": "subscribe", "channel": self._channel}
        most = MOST_ON_RATES if self._channel == RATES else len(symbols)
        self.view = tuple(self._choose.sample(symbols, self._choose.randint(1, most)))
        return {"event": "subscribe", "channel": self._channel, "symbols": self.view}

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            if self._hear_text(str(await socket.recv())):  # as the clients do; the answer states the legend
                await socket.send(json.dumps({"event": "snapshot", "channel": self._channel, "id": 2}))
            if self._choose.random() < ASKS:
                await socket.send(json.dumps(self._question()))

    def _hear_text(self, text: str) -> bool:
        """Returns whether the frame's rows cannot be read, since the frame that states their legend has not come."""
        try:
            frame = self._legends.expanded(loads(text))
            frame["event"]
        except (ValueError, KeyError):  # the emulator sends what a function has raised, and writes it nowhere
            self._told.errors[f"no frame: {text[:60]}"] += 1
            return False
        if frame.get("rows") and not frame["data"]:
            self._told.missed += 1
            return True
        self._hear(frame)
        return False

    def _hear(self, frame: Mapping[str, Any]) -> None:
        self._told.frames[frame["event"]] += 1
        if frame["event"] == "error":
            self._told.errors[frame["code"]] += 1
        if frame["event"] == "subscribed":
            self._subscribed_s = time.monotonic()
        if frame["event"] == "update":
            self._told.missed += frame["prev_seq"] > self._seq
            symbols = frozenset(quote["symbol"] for quote in frame["data"])
            self._told.ledger.tell_update(Update(self.view, frame["prev_seq"], frame["seq"], symbols))
        if frame["event"] in ("update", "snapshot") and "id" not in frame:
            self._seq = max(self._seq, frame["seq"])
        data = frame.get("data")
        for quote in [data] if isinstance(data, dict) else data or ():
            self._told.ledger.tell(quote)
            if time.monotonic() < self._subscribed_s + SUBSCRIBED_WITHIN_S:
                self._subscribed_seq = max(self._subscribed_seq, quote["seq"])
            newest = self.book.get(quote["symbol"], quote)
            if quote["seq"] >= newest["seq"]:
                self.book[quote["symbol"]] = quote
            elif frame["event"] == "data" and "id" not in frame:
                self._hear_older(quote, newest)

    def _hear_older(self, quote: Mapping[str, Any], newest: Mapping[str, Any]) -> None:
        if quote["seq"] < self._subscribed_seq:
            self._told.overtaken += 1
        else:
            self._told.older.append(f"{quote['symbol']} {quote['seq']} after {newest['seq']}")

    def _question(self) -> dict[str, Any]:
        symbol = self._choose.choice(tuple(catalogue()))
        return self._choose.choice(
            [
                {"event": "ping"},
                {"event": "trends"},
                {"event": "explain", "symbol": symbol},
                {"event": "history", "symbol": symbol, "interval": "1m"},
                {"event": "nonsense"},
                {"event": "snapshot", "channel": RATES_BATCH, "symbols": self.view[:20], "id": 1},
            ]
        )

    def differs_from(self, quotes: Mapping[str, Quote]) -> list[str]:
        """Return the symbols of its view whose quote it lacks, or has otherwise than stored."""
        if not self.view:
            return ["not subscribed"]
        wanted = {symbol: values_of(quote_fields(quotes[symbol])) for symbol in self.view if symbol in quotes}
        return [s for s, values in wanted.items() if s not in self.book or values_of(self.book[s]) != values]


@dataclass(frozen=True, slots=True)
class Size:
    """The memory of the largest process of each function, MiB, and what the tables hold: `subscribed` counts the
    connections with a subscription. One that ended without has no posts that would find it gone; its TTL deletes it."""

    memory_mb: Mapping[str, int]
    subscribed: int
    state_items: int
    state_bytes: int
    candles: int


def size_of(stack: Stack) -> Size:
    quotes, connections = stored(stack.table("Quotes")), stored(stack.table("Connections"))
    state = [item for item in quotes if not str(item["pk"]).startswith(PAST)]
    return Size(
        memory_mb=_memory_mb(stack),
        subscribed=sum(any(channel in item for channel in CHANNELS) for item in connections),
        state_items=len(state),
        state_bytes=sum(map(item_bytes, state)),
        candles=len(quotes) - len(state),
    )


def _memory_mb(stack: Stack) -> dict[str, int]:
    programs = {line.split()[0]: line for line in programs_of(stack.state) if "ministack-lambda-" in line}
    command = ["ps", "-o", "pid=,rss=", "-p", ",".join(programs)]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout if programs else ""
    largest = dict.fromkeys(FUNCTIONS, 0)
    for pid, kb in map(str.split, listing.splitlines()):
        for name in FUNCTIONS:
            if name in programs.get(pid, ""):
                largest[name] = max(largest[name], int(kb) // 1024)
    return largest


def unhandled(stack: Stack) -> list[str]:
    """Return the lines of all logs about invocations that raised or timed out, but not about those that were killed."""
    texts = [log.read_text(encoding="utf-8", errors="replace") for log in sorted(stack.state.glob("*.log"))]
    return [line for text in (*texts, *logged(stack)) for line in text.splitlines() if is_unhandled(line)]


def logged(stack: Stack) -> Iterator[str]:
    """Yield what the emulator has in its CloudWatch Logs."""
    logs = SESSION.client("logs", endpoint_url=stack.aws)
    for group in (each for page in logs.get_paginator("describe_log_groups").paginate() for each in page["logGroups"]):
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            yield from (event["message"] for event in page["events"])


def is_unhandled(line: str) -> bool:
    raised = line.startswith("Traceback") or "errorMessage" in line or "Task timed out" in line
    return raised and not any(text in line for text in KILLED)


def complaints(stack: Stack) -> Counter[str]:
    """Return how often the functions logged each warning and error."""
    found: Counter[str] = Counter()
    for line in stack.aws_log().splitlines():
        if line.startswith('{"level":"') and not line.startswith('{"level":"INFO"'):
            with suppress(ValueError):
                entry = json.loads(line)
                found[f"{entry['service']}: {entry['message']}"] += 1
    return found
