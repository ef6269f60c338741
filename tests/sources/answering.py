"""Upstreams over HTTP with a test's answers, and the feed's own ticks on them: everything from payloads to quotes
except the tables."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.model.staleness import ages
from shared.model.values import Quote, Snapshot
from shared.model.wire import dumps
from shared.pricing.next_snapshot import next_snapshot
from shared.sources import all_sources
from shared.sources.all_sources import SOURCES, AllSources
from tests.clock import Clock
from tests.sources.test_upstream import respond, server

TICK_S = 5
TIMEOUT_S = 5.0
PATHS = {source.path: source.name for source in (make() for make in SOURCES)}


class Answering:
    """A feed whose upstreams answer with `payloads` by source; one without a payload is down (HTTP 503)."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.payloads: dict[str, Any] = {}
        self.snapshot = Snapshot()
        self.url = ""
        self._sources: AllSources | None = None

    def cold_start(self) -> None:
        """Continue as a new Lambda, with only the stored state."""
        self._sources = None

    def tick(self, payloads: Mapping[str, Any], *, then_s: int = TICK_S) -> Snapshot:
        """Return the snapshot of the upstreams' answers now, then let these seconds pass until the next tick."""
        self.payloads = dict(payloads)
        if self._sources is None:
            urls = dict.fromkeys(PATHS.values(), self.url)
            self._sources = AllSources(urls, random=lambda: 0.5, monotonic=lambda: 0)
            self._sources.resume(self.snapshot.sources)
        polled = self._sources.poll(TIMEOUT_S)
        self.snapshot = next_snapshot(self.snapshot, polled, self.clock.ms, ages(TICK_S, 30))
        self.clock.ms += then_s * 1000
        return self.snapshot

    def quote(self, symbol: str) -> Quote:
        return self.snapshot.quotes[symbol]

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        payload = self.payloads.get(PATHS[urlsplit(request.path).path])
        status, body = (503, {}) if payload is None else (200, payload)
        respond(status, dumps(body).encode())(request)


@contextmanager
def answering(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """Yield the feed with its upstreams listening and a controlled clock."""
    monkeypatch.setattr(all_sources, "_now_ms", clock)
    made = Answering(clock)
    with server(made.respond) as made.url:
        yield made


def binance_row(symbol: str, last: str, *, clock: Clock, opened: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a row of Binance's `ticker/24hr`, by default with a book as tight as its last digit."""
    row = {"symbol": symbol, "lastPrice": last, "bidPrice": last, "askPrice": last, "openPrice": opened or last}
    return {**row, "closeTime": clock.ms, "count": 1000, **fields}


def kraken_row(last: str, bid: str | None = None, ask: str | None = None, trades: int = 50) -> dict[str, Any]:
    """Return a row of Kraken's `Ticker`."""
    first, second = bid or last, ask or last
    return {"b": [first, "1", "1"], "a": [second, "1", "1"], "c": [last, "5"], "t": [trades, trades]}


def kraken_answer(**rows: dict[str, Any]) -> dict[str, Any]:
    return {"error": [], "result": rows}


def coinbase_answer(**lasts: str) -> dict[str, Any]:
    """Return an answer by product, with `_` for `-`."""
    return {
        name.replace("_", "-"): {"stats_24hour": {"open": last, "last": last, "volume": "1000"}}
        for name, last in lasts.items()
    }


def coingecko_answer(clock: Clock, **prices: tuple[str, str]) -> dict[str, Any]:
    """Return an answer by ID, with `_` for `-`, and the prices in CAD and USD."""
    return {
        name.replace("_", "-"): {"cad": Decimal(cad), "usd": Decimal(usd), "last_updated_at": clock.ms // 1000 - 20}
        for name, (cad, usd) in prices.items()
    }


def bank_answer(rate: str, day: str) -> dict[str, Any]:
    return {"observations": [{"d": day, "FXUSDCAD": {"v": rate}}]}


def er_api_answer(rate: str, clock: Clock) -> dict[str, Any]:
    return {
        "result": "success",
        "base_code": "USD",
        "time_last_update_unix": clock.ms // 1000 - 3600,
        "rates": {"CAD": Decimal(rate)},
    }
