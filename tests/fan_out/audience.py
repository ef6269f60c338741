"""Connections in the table, and what each received by the sink's log and concludes from it."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from mypy_boto3_dynamodb.service_resource import Table

from cadfeed_client import Book, Quote
from shared.model.channels import RATES_BATCH
from shared.model.values import Connection, Snapshot
from shared.model.wire import loads
from shared.protocol import View, snapshot_frames
from shared.store.connections_table import LIFETIME_S, ConnectionsTable
from tests.fan_out.feed import Feed
from tests.stored import stored
from tools.simulator.sink import Sink

REGION = "ca-central-1"
Sees = tuple[tuple[str, View], ...]
DELIVERED = ("200", "cut")  # a cut answer had status 200 before it was cut


class Post(NamedTuple):
    """A line of the sink's log."""

    outcome: str
    text: str

    @property
    def frame(self) -> dict[str, Any]:
        return _frame(self.text)

    @property
    def seq(self) -> int:
        """Return its tick."""
        return int(self.frame["seq"] if "seq" in self.frame else self.frame["data"]["seq"])

    def follows(self, seq: int) -> bool:
        """Return whether it holds exactly the changes after that tick; a snapshot follows any tick."""
        return bool(self.frame["event"] == "snapshot" or self.frame["prev_seq"] == seq)


class State(NamedTuple):
    """A client's state."""

    quotes: Mapping[str, Quote]
    unavailable: frozenset[str]
    asked: bool  # it noticed a gap


class Audience:
    """The clients that listen from the feed's current snapshot on."""

    def __init__(self, table: Table, sink: Sink, feed: Feed, shards: int) -> None:
        self.connections: dict[str, Connection] = {}
        self._table = table
        self._shards = shards
        self._sink = sink
        self._first = feed.snapshot
        assert sink.log
        sink.counts()
        self._log, self._offset = sink.log, sink.log.stat().st_size

    def join(self, ids: Iterable[str], **subscriptions: View) -> None:
        """Subscribe them, by default to everything on `rates_batch`."""
        joining = [Connection(each, subscriptions or {RATES_BATCH: None}) for each in ids]
        write(self._table, joining, self._shards, self._first.ts_ms // 1000)
        self.connections |= {connection.connection_id: connection for connection in joining}

    def in_table(self) -> set[str]:
        return {str(item["sk"]) for item in stored(self._table) if str(item["pk"]).startswith("SHARD#")}

    def posts(self) -> dict[str, list[Post]]:
        """Return the posts to each client in the order of arrival."""
        self._sink.counts()
        posts: dict[str, list[Post]] = defaultdict(list)
        with self._log.open(encoding="utf-8") as log:
            log.seek(self._offset)
            for line in log:
                _, outcome, connection_id, text = line.split(" ", 3)
                posts[connection_id].append(Post(outcome, text))
        return posts

    def arrived(self) -> dict[str, list[Post]]:
        """Return the arrived posts of each client that got any."""
        arrived = {name: [post for post in posts if post.outcome in DELIVERED] for name, posts in self.posts().items()}
        return {name: posts for name, posts in arrived.items() if posts}

    def assert_all_know(self, snapshot: Snapshot, ids: Iterable[str]) -> None:
        """Assert that each client has this snapshot from its frames and never asked for one."""
        for each, (known, expected) in self._states(snapshot, ids).items():
            assert not known.asked, each
            assert known.unavailable == expected.unavailable, each
            # A client of `rates` does not hear that a price is gone.
            assert {symbol: known.quotes.get(symbol) for symbol in expected.quotes} == expected.quotes, each

    def asked(self, snapshot: Snapshot, ids: Iterable[str]) -> set[str]:
        """Return the clients that noticed a gap."""
        return {each for each, (known, _) in self._states(snapshot, ids).items() if known.asked}

    def _states(self, snapshot: Snapshot, ids: Iterable[str]) -> dict[str, tuple[State, State]]:
        """Yield each client's actual and expected state; equal ones are computed once."""
        arrived = self.arrived()
        known: dict[tuple[Sees, tuple[str, ...]], State] = {}
        expected: dict[Sees, State] = {}
        states = {}
        for each in ids:
            sees = tuple(self.connections[each].subscriptions.items())
            texts = tuple(post.text for post in arrived.get(each, []))
            if (sees, texts) not in known:
                known[sees, texts] = _state(sees, self._first, texts)
            if sees not in expected:
                expected[sees] = _state(sees, snapshot, ())
            states[each] = known[sees, texts], expected[sees]
        return states


class Paged:
    """The table in pages of 40. `on_page` has an action to run before the page of that number is read, from 1 on."""

    def __init__(self, table: Table, on_page: Mapping[int, Callable[[], object]] | None = None) -> None:
        self._table = table
        self.on_page = dict(on_page or {})
        self.pages = 0

    def query(self, **query: Any) -> Any:
        self.pages += 1
        if self.pages in self.on_page:
            self.on_page[self.pages]()
        return self._table.query(**query, Limit=40)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def named(prefix: str, count: int, *words: str) -> list[str]:
    """Return IDs like API Gateway's, with the `words` in turn as instructions for the sink."""
    return [f"{prefix}{number:05}{words[number % len(words)] if words else ''}=" for number in range(count)]


def write(table: Table, connections: Iterable[Connection], shards: int, now_s: int) -> None:
    """Write them into the emulator's memory: through its API ten thousand take a minute."""
    partition_of = ConnectionsTable(table, shards).partition_of
    items = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[table.name]
    for connection in connections:
        channels = {
            channel: {"L": [{"S": symbol} for symbol in view or ()]}
            for channel, view in connection.subscriptions.items()
        }
        items.put_item(
            {
                "pk": {"S": f"SHARD#{partition_of(connection.connection_id)}"},
                "sk": {"S": connection.connection_id},
                "connected_at": {"N": str(now_s)},
                "expires_at": {"N": str(now_s + LIFETIME_S)},
                **channels,
            }
        )


def _state(sees: Sees, first: Snapshot, texts: tuple[str, ...]) -> State:
    """Return a client's state after its first snapshot and these frames."""
    book, asked = Book(), False
    begin = [loads(frame) for channel, view in sees for frame in snapshot_frames(first, channel, view)]
    for frame in [*begin, *map(_frame, texts)]:
        book.apply(frame, 0)
        asked |= book.gap
    return State(book.quotes, frozenset(book.unavailable), asked)


@cache
def _frame(text: str) -> dict[str, Any]:
    """Return the frame whose text the log holds as JSON."""
    frame: dict[str, Any] = loads(json.loads(text))
    return frame
