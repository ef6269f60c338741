"""A feed deployed into the local stack, another version or other settings over it, and clients that stay.

The clients are the Python client, which notices a missed frame and reconnects by itself. They connect over wss.
"""

import asyncio
import os
import re
import ssl
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from aiohttp import web
from botocore.config import Config

from cadfeed_client import Feed, Heard, Link, Quote, State
from shared.model.candles import Candle
from shared.model.channels import RATES, RATES_BATCH
from shared.store.candles_table import CandlesTable
from shared.store.quotes_table import QuotesTable
from tests.e2e.local_stack import ROOT, SESSION
from tools.local import aws, certificates, market
from tools.local.edge import Edge, start_edge
from tools.local.origin import OriginSecret
from tools.local.ports import free_port
from tools.local.processes import Processes
from tools.simulator.faults import UPSTREAMS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from tools.local.aws import Deployed

EARLIER = "28f5074"
CLIENTS = int(os.environ.get("CADFEED_UPGRADE_CLIENTS", "20"))
TICK = int(os.environ.get("CADFEED_UPGRADE_TICK", "1"))
TICKS = 3
WITHIN_S = 60 + CLIENTS
JOINED_WITHIN_S = 90  # a client whose subscription got lost, as in a deployment, reconnects after 45 s
HEAD = re.compile(r'"event":"(?P<event>update|snapshot)","seq":(?P<seq>\d+)(?:,"prev_seq":(?P<prev>\d+))?')
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
SYMBOL = "BTC_CAD"
FEW = tuple(f"{code}_CAD" for code in ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC", "LINK", "DOT", "AVAX"))
SETTINGS = ("TICK_SECONDS", "STALE_AFTER_SECONDS", "CONNECTION_SHARDS", "MESSAGE_BURST")


def is_known(commit: str) -> bool:
    """Return whether this clone has the commit; a shallow one does not."""
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0


def files_of(commit: str) -> Path:
    """Return a folder with the files of a commit. It stays, and with it the bundles that are made there."""
    folder = ROOT / ".local" / "versions" / commit
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            files = Path(part) / "files"
            files.mkdir()
            subprocess.run(["tar", "-x", "-C", str(files)], input=archive, check=True)
            files.rename(folder)
    return folder


@dataclass(slots=True)
class Member:
    """A client that stays: what it heard, what it noticed that it had missed, and how often it reconnected."""

    channel: str
    symbols: tuple[str, ...] = ()
    feed: Feed | None = None
    seq: int = 0
    gaps: int = 0
    reconnects: int = 0
    reasons: list[str] = field(default_factory=list)  # why it reconnected, and texts that are not frames
    heard: set[tuple[str, int]] = field(default_factory=set)
    first: dict[str, int] = field(default_factory=dict)  # the first `seq` of each symbol

    def on_state(self, state: State) -> None:
        if state.link is Link.RECONNECTING:
            self.reconnects += 1
            self.reasons.append(state.reason)

    def on_heard(self, heard: Heard) -> None:
        if heard.message:
            self.reasons.append(f"{heard.message} {heard.text[:60]!r}")
        for change in heard.changes:
            if isinstance(change, Quote):
                self.heard.add((change.symbol, change.seq))
                self.first.setdefault(change.symbol, change.seq)
                if self.channel == RATES:
                    self.seq = max(self.seq, change.seq)
        if self.channel == RATES_BATCH and (head := HEAD.search(heard.text[:200])):
            if head["prev"]:
                self.gaps += int(head["prev"]) > self.seq
            self.seq = max(self.seq, int(head["seq"]))

    def shows(self, stored: Mapping[str, Any]) -> bool:
        """Return whether the client has exactly the stored quotes of its symbols."""
        assert self.feed
        wanted = {symbol: numbers(quote) for symbol, quote in stored.items() if symbol in (self.symbols or stored)}
        return {symbol: numbers(quote) for symbol, quote in self.feed.book.quotes.items()} == wanted

    def differs(self, stored: Mapping[str, Any]) -> str:
        """Say in what a client differs from the stored quotes."""
        assert self.feed
        shown = self.feed.book.quotes
        symbols = [symbol for symbol in (self.symbols or stored) if symbol in stored]
        seqs = {symbol: (shown[symbol].seq if symbol in shown else 0, stored[symbol].seq) for symbol in symbols}
        return f"{self.channel}, {self.feed.state}, seq and stored seq {seqs}, besides {shown.keys() - set(symbols)}"


def numbers(quote: Any) -> tuple[Decimal, ...]:
    return (quote.bid, quote.ask, quote.spot, quote.change, Decimal(quote.seq))


class Emulated:
    """The emulator and the simulated exchange, without a deployment yet."""

    def __init__(self, state: Path, tick: int) -> None:
        self._state = state
        self._tick = tick
        self._processes = Processes(state / "processes.json")
        self._exchange = ""
        self._edge: Edge | None = None
        self.endpoint = ""
        self.deployed: Deployed | None = None

    async def __aenter__(self) -> "Emulated":
        self._state.mkdir(parents=True, exist_ok=True)
        try:
            self._exchange = await market.start_exchange(self._processes, self._state, ["--seed=11"])
            self.endpoint = await aws.start(self._processes, free_port(), self._state)
            await aws.bootstrap(self._processes, self.endpoint, self._state)
        except BaseException:
            await self._processes.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._edge:
            await self._edge.stop()
        await self._processes.stop()

    async def start_again(self) -> None:
        """Start the emulator, which has ended, at the same address."""
        await aws.start(self._processes, int(self.endpoint.rpartition(":")[2]), self._state)

    async def synthesise(self, root: Path, assembly: str, **settings: str) -> Path:
        """Return the folder with the template of the app in `root`, with those of its settings that it knows."""
        known = (root / "infra" / "config.py").read_text(encoding="utf-8")
        known += "".join(path.read_text(encoding="utf-8") for path in (root / "shared" / "sources").glob("*.py"))
        wanted = {
            "tick_seconds": str(self._tick),
            "message_burst": "77",
            "backfill": "false",
            **market.base_urls(self._exchange),
            **settings,
        }
        context = {name: value for name, value in wanted.items() if name in known or name.endswith("_base_url")}
        folder = self._state / assembly
        await aws.synthesise(self._processes, self.endpoint, self._state, folder, context, root=root)
        return folder

    async def deploy(self, assembly: Path) -> float:
        """Deploy, and return the seconds that it took."""
        began = time.monotonic()
        self.deployed = await aws.deploy_assembly(self._processes, self.endpoint, self._state, assembly)
        return time.monotonic() - began

    async def served(self) -> tuple[str, ssl.SSLContext]:
        """Return the address of the deployed feed over wss, and a context that trusts it. The feed is deployed."""
        assert self.deployed
        made = certificates.ensure(self._state / "tls")
        if not self._edge:  # a later deployment keeps the API
            self._edge = await start_edge(made, self.deployed.socket_url, 0, self._state, self._added)
        return f"wss://localhost:{self._edge.port}/markets/ws/", ssl.create_default_context(cafile=made.ca_pem)

    async def _added(self, request: web.Request) -> Mapping[str, str]:
        """Return what the edge sends with a handshake, which the next deployment may change."""
        assert self.deployed
        return await OriginSecret(self.endpoint, self.deployed.origin_secret).added_to(request)

    def table(self, name: str = "Quotes") -> "Table":
        """Return the deployed quotes table, or that of the connections. A call is not repeated: a reader that waits for
        its next try overlooks what the emulator stores meanwhile."""
        once = Config(retries={"total_max_attempts": 1})
        resource = SESSION.resource("dynamodb", endpoint_url=self.endpoint, config=once)
        return resource.Table(self.physical(f"Storage{name}"))

    def fault(self, fault: Mapping[str, Any]) -> None:
        """Set a fault of every source."""
        faults = dict.fromkeys(UPSTREAMS, fault)
        requests.post(f"{self._exchange}/control/faults", json=faults, timeout=10).raise_for_status()

    def settings(self) -> dict[str, set[str]]:
        """Return the values that the functions have of some settings."""
        functions = SESSION.client("lambda", endpoint_url=self.endpoint).list_functions()["Functions"]
        given = [function.get("Environment", {}).get("Variables", {}) for function in functions]
        return {name: {each[name] for each in given if name in each} for name in SETTINGS}

    def log(self) -> str:
        return (self._state / "aws.log").read_text(encoding="utf-8", errors="replace")

    def physical(self, logical: str) -> str:
        """Return the name of the resource whose logical ID begins like this."""
        assert self.deployed
        client = SESSION.client("cloudformation", endpoint_url=self.endpoint)
        resources = client.describe_stack_resources(StackName=self.deployed.stack)["StackResources"]
        (found,) = (each for each in resources if each["LogicalResourceId"].startswith(logical))
        return str(found["PhysicalResourceId"])


async def joined(block: AsyncExitStack, emulated: Emulated, clients: int) -> list[Member]:
    """Connect clients, and wait until each has prices. Half of them want all symbols on `rates_batch`, the others a few
    on `rates`, which costs a post for each."""
    few = [tuple(FEW[(number + n) % len(FEW)] for n in range(3)) for number in range(clients)]
    members = [Member(RATES, few[number]) if number % 2 else Member(RATES_BATCH) for number in range(clients)]
    url, tls = await emulated.served()
    for number, member in enumerate(members):
        calls: dict[str, Any] = {"on_state": member.on_state, "on_heard": member.on_heard}
        feed = Feed(url, member.symbols or None, channel=member.channel, ssl=tls, max_size=None, **calls)
        member.feed = await block.enter_async_context(feed)
        if number % 10 == 9:
            await until(lambda: all(each.seq for each in members if each.feed), JOINED_WITHIN_S)
    await until(lambda: all(each.seq for each in members), JOINED_WITHIN_S)
    return members


async def until(holds: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.1)


async def ticks(table: "Table", members: Iterable[Member], count: int, seconds: float) -> int:
    """Wait until every client has a tick that is `count` ticks ahead of the stored one; return the stored one now."""
    quotes = QuotesTable(table)
    target = (await asyncio.to_thread(quotes.snapshot)).seq + count
    behind = list(members)
    async with asyncio.timeout(seconds):
        while behind := [each for each in behind if each.seq < target]:
            await asyncio.sleep(0.1)
    return target


async def all_equal(emulated: Emulated, members: Iterable[Member], seconds: float) -> int:
    """Hold the market's prices until every client shows exactly the stored snapshot; return the snapshot's `seq`."""
    quotes = QuotesTable(emulated.table())
    end = time.monotonic() + seconds
    emulated.fault({"prices_frozen": True})
    while True:
        snapshot = await asyncio.to_thread(quotes.snapshot)
        differ = [each.differs(snapshot.quotes) for each in members if not each.shows(snapshot.quotes)]
        if snapshot.quotes and not differ:
            emulated.fault({})
            return snapshot.seq
        assert time.monotonic() < end, f"{len(differ)} clients differ from the snapshot {snapshot.seq}: {differ[:3]}"
        await asyncio.sleep(0.2)


def day_candle() -> Candle:
    """Return a candle as a version stored it that did not count ticks yet."""
    price = Decimal("86762.650000000000000000000000000000000001")
    return Candle(MIDNIGHT_MS, price, price + 2, price - 1, price + 1, None)


def write_candles(table: "Table") -> None:
    """Store that candle of a day."""
    CandlesTable(table).write([(SYMBOL, "1d", day_candle())])


def candles(table: "Table") -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return every candle that is stored, by its key."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    key: Any = None
    while True:
        answer = table.scan(ConsistentRead=True, **({"ExclusiveStartKey": key} if key else {}))
        found |= {(str(i["pk"]), str(i["sk"])): i for i in answer["Items"] if str(i["pk"]).startswith("CANDLE#")}
        key = answer.get("LastEvaluatedKey")
        if not key:
            return found


@dataclass(frozen=True, slots=True)
class Lacks:
    """The quotes, each a symbol and a `seq`, that others got and a client on `rates` did not: those that a newer one of
    the same symbol `replaced` before they were told, and those that were `lost`."""

    member: Member
    replaced: set[tuple[str, int]]
    lost: set[tuple[str, int]]


def lacking(members: Iterable[Member], from_seq: int, until_seq: int) -> list[Lacks]:
    """Return what each client on `rates` lacks of the ticks after `from_seq`.

    The others are those that were there before and stayed: a subscription may tell a tick that `publish` combines with
    the next one for everybody.
    """
    rates = [each for each in members if each.channel == RATES]
    stayed = [each for each in rates if not each.reconnects and max(each.first.values()) <= from_seq]
    sent = {pair for each in stayed for pair in each.heard if from_seq < pair[1] <= until_seq}
    found = []
    for each in rates:
        newest: dict[str, int] = {}
        for symbol, seq in each.heard:
            newest[symbol] = max(seq, newest.get(symbol, 0))
        lacks = {(symbol, seq) for symbol, seq in sent - each.heard if seq > each.first.get(symbol, until_seq)}
        lost = {(symbol, seq) for symbol, seq in lacks if seq > newest[symbol]}
        found.append(Lacks(each, lacks - lost, lost))
    return found


def report(step: str, members: Sequence[Member], from_seq: int, until_seq: int, seconds: float) -> str:
    """Print what was missed in the ticks after `from_seq`, and forget it. Return what clients missed that did not
    reconnect; nothing, if nobody did. A quote that a newer one replaced is not missed."""
    rates = lacking(members, from_seq, until_seq)
    replaced, lost = sum(len(each.replaced) for each in rates), sum(len(each.lost) for each in rates)
    gaps, reconnects = sum(each.gaps for each in members), sum(each.reconnects for each in members)
    deaf = [each for each in members if each.gaps and not each.reconnects]
    deaf += [each.member for each in rates if each.lost and not each.member.reconnects]
    print(f"\n{step}: deployed in {seconds:.1f} s, ticks {from_seq} to {until_seq}, load {os.getloadavg()[1]:.1f}")
    missed = f"missed: {gaps} updates on rates_batch, {lost} quotes on rates; replaced: {replaced} quotes on rates"
    print(f"{len(members)} clients equal the snapshot; reconnects: {reconnects}; {missed}")
    print(f"reasons: {dict(Counter(reason for each in members for reason in each.reasons))}", flush=True)
    for each in members:
        each.gaps = each.reconnects = 0
        each.reasons.clear()
    return f"{missed}; {len(deaf)} clients did not reconnect" if deaf else ""
