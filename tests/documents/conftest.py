"""Documents over tables in moto, by a clock that the test sets."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.documents.answers import Answer
from shared.documents.documents import Documents, Request
from shared.documents.readers import Readers
from shared.model.values import Snapshot
from shared.model.wire import loads
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.quotes_table import QuotesTable
from shared.store.whole_history import WholeHistory
from tests.samples import LIMITS, NOW_MS, after, quote, quotes

TICK_S = 5
FIRST = after(Snapshot(), quotes() | {"BTC_CAD": quote(spot="88000.5")}, NOW_MS)


@dataclass
class Served:
    """Documents, what they store, and what they did beside answering."""

    documents: Documents
    quotes: QuotesTable
    candles: CandlesTable
    now_ms: int = NOW_MS
    woken: list[int] = field(default_factory=list)
    failures: list[None] = field(default_factory=list)

    def store(self, snapshot: Snapshot) -> None:
        self.quotes.write_snapshot(snapshot, 1)

    def store_again(self, **changes: Any) -> Snapshot:
        """Store the snapshot that follows the stored one, with these changes."""
        old = self.quotes.snapshot()
        new = replace(old, seq=old.seq + 1, **changes)
        self.store(new)
        return new

    def get(self, address: str, method: str = "GET", **headers: str) -> Answer:
        path, _, query = address.partition("?")
        named = {name.lower().replace("_", "-"): value for name, value in headers.items()}
        return self.documents.answer(Request(method, path, query, named))

    def json(self, address: str) -> Any:
        answer = self.get(address)
        assert answer.status == 200, answer
        return loads(answer.body)

    def problem(self, address: str, method: str = "GET") -> tuple[int, str]:
        answer = self.get(address, method)
        assert answer.headers["Content-Type"] == "application/problem+json"
        body = loads(answer.body)
        assert body["status"] == answer.status
        return int(answer.status), str(body["code"])


Serve = Callable[[], Served]


@pytest.fixture
def empty(quotes_items: Table, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Documents before the first tick."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "cadfeed")
    table, candles = QuotesTable(quotes_items), CandlesTable(quotes_items)
    served: Served
    readers = Readers(table, lambda: served.woken.append(served.now_ms), LIMITS.late_ms)
    documents = Documents(
        table,
        WholeHistory(candles, CandleBlocksTable(quotes_items)),
        readers,
        LIMITS,
        tick_seconds=TICK_S,
        failed=lambda: served.failures.append(None),
        now_ms=lambda: served.now_ms,
    )
    served = Served(documents, table, candles)
    return served


@pytest.fixture
def served(empty: Served) -> Served:
    """Documents after the first tick, which was just written."""
    empty.store(FIRST)
    return empty
