"""The fan-out over the two tables in moto, against a sink over TLS in its own process."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.credentials import Credentials
from moto import mock_aws
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.table import Table as StoredTable
from mypy_boto3_dynamodb.service_resource import Table

from shared.gateway import Gateway, open_gateway
from shared.publishing.fan_out import FanOut
from shared.publishing.publisher import Publisher, Worker
from shared.store.connections_table import ConnectionsTable
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import QuotesTable
from tests.fan_out.audience import REGION, Audience
from tests.fan_out.feed import Feed
from tests.tables import create_table, dynamodb
from tools.simulator.sink import Sink, running

MOST_LOGGED_BYTES = 65_536
SHARDS = 2


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    folder = tmp_path_factory.mktemp("sink")
    with running(folder, latency_ms=5, log=folder / "posts.log", logged_bytes=MOST_LOGGED_BYTES) as started:
        yield started


@pytest.fixture(autouse=True)
def _fast_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speed moto up: it serializes each value slowly, and copies the table for each item of a transaction."""
    by_the_shape = BaseJSONSerializer._serialize_type_structure

    def as_it_is(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue":
            self._default_serialize(serialized, value, shape, key)
        else:
            by_the_shape(self, serialized, value, shape, key)

    def without_the_items(table: Any, _memo: object) -> Any:
        made = copy.copy(table)
        made.items = type(table.items)(table.items.default_factory)
        made.items.update((key, dict(items)) for key, items in table.items.items())
        return made

    monkeypatch.setattr(BaseJSONSerializer, "_serialize_type_structure", as_it_is)
    monkeypatch.setattr(StoredTable, "__deepcopy__", without_the_items, raising=False)


@dataclass(frozen=True)
class Stage:
    """A feed, its clients, and everything between them."""

    sink: Sink
    items: Table
    quotes: QuotesTable
    feed: Feed
    audience: Audience

    def gateway(self, **options: Any) -> Gateway:
        keys = Credentials("key", "secret", "token")
        return open_gateway(self.sink.url, ca_file=self.sink.ca, credentials=keys, region=REGION, **options)

    def fan_out(self, items: Any = None, **options: Any) -> FanOut:
        """Return a fan-out over these items, by default the stage's own; `options` are the gateway's."""
        return FanOut(ConnectionsTable(items or self.items, SHARDS), self.gateway(**options))

    def publisher(self, items: Any = None, **options: Any) -> Publisher:
        """Return a publisher that never has workers."""
        fan_out = self.fan_out(items, **options)
        return Publisher(self.quotes, ProgressTable(self.items), fan_out, shards=SHARDS, connections_per_worker=10**9)

    def worker(self, items: Any = None, **options: Any) -> Worker:
        return Worker(ProgressTable(self.items), self.fan_out(items, **options))


@pytest.fixture
def stage(sink: Sink) -> Iterator[Stage]:
    with mock_aws():
        items, quotes = create_table(dynamodb(), "connections"), create_table(dynamodb(), "quotes")
        feed = Feed()
        yield Stage(sink, items, QuotesTable(quotes), feed, Audience(items, sink, feed, SHARDS))
    sink.tell(down_s=0)
