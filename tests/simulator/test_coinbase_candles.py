"""The exchange's Coinbase: candles, their range, and the limit that they share."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from shared.model.wire import loads
from tests.clock import Clock
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

NOW_S = Clock().ms // 1_000 + 90


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    market = SimulatedMarket(seed=1)
    with exchange_in_thread(market, clock_ms=Clock(NOW_S * 1_000), coinbase_limit=1_000) as running:
        yield running


def ask(exchange: Exchange, product: str = "BTC-USD", **query: object) -> requests.Response:
    return requests.get(f"{exchange.url}/products/{product}/candles", params=query, timeout=5)  # type: ignore[arg-type]


def rows(exchange: Exchange, **query: object) -> Any:
    response = ask(exchange, **query)  # type: ignore[arg-type]
    assert response.status_code == 200
    return loads(response.text)


@pytest.mark.parametrize("granularity", [60, 3_600, 86_400])
def test_the_newest_300_come_newest_first(exchange: Exchange, granularity: int) -> None:
    found = rows(exchange, granularity=granularity)
    newest = NOW_S // granularity * granularity
    assert [row[0] for row in found] == list(range(newest, newest - 300 * granularity, -granularity))
    for _, low, high, opened, close, volume in found:
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert all(isinstance(value, Decimal | int) for value in (low, high, opened, close, volume))
    ticker = requests.get(f"{exchange.url}/products/BTC-USD/ticker", timeout=5).json()
    assert found[0][4] == Decimal(ticker["price"])


def test_a_range_includes_both_ends_in_either_form(exchange: Exchange) -> None:
    start, end = NOW_S // 3_600 * 3_600 - 36_000, NOW_S // 3_600 * 3_600 - 18_000
    times = list(range(end, start - 1, -3_600))
    assert [row[0] for row in rows(exchange, granularity=3_600, start=start, end=end)] == times
    iso = [datetime.fromtimestamp(at, UTC).isoformat() for at in (start, end)]
    assert [row[0] for row in rows(exchange, granularity=3_600, start=iso[0], end=iso[1])] == times
    # One of them alone is ignored.
    assert len(rows(exchange, granularity=3_600, start=start)) == 300


def test_more_than_300_are_refused(exchange: Exchange) -> None:
    end = NOW_S // 60 * 60
    assert len(rows(exchange, granularity=60, start=end - 300 * 60, end=end)) == 300
    refused = ask(exchange, granularity=60, start=end - 301 * 60, end=end)
    assert refused.status_code == 400
    assert "exceeds 300" in refused.json()["message"]


@pytest.mark.parametrize(
    ("product", "query", "status"),
    [
        ("MATIC-USD", {"granularity": 60}, 404),
        ("BTC-USD", {"granularity": 61}, 400),
        ("BTC-USD", {"granularity": 60, "start": "soon", "end": "later"}, 400),
    ],
)
def test_a_wrong_request_says_so(exchange: Exchange, product: str, query: dict[str, object], status: int) -> None:
    response = ask(exchange, product, **query)
    assert response.status_code == status
    assert list(response.json()) == ["message"]


def test_candles_share_the_limit_and_need_a_user_agent() -> None:
    with exchange_in_thread(SimulatedMarket(), clock_ms=Clock()) as exchange:
        nobody = requests.get(f"{exchange.url}/products/BTC-USD/candles", headers={"User-Agent": ""}, timeout=5)
        assert nobody.status_code == 400
        for _ in range(5):
            assert ask(exchange, granularity=86_400, start=0, end=86_400).status_code == 200
            assert requests.get(f"{exchange.url}/products/BTC-USD/ticker", timeout=5).status_code == 200
        assert ask(exchange, granularity=86_400, start=0, end=86_400).status_code == 429
        paths = requests.get(f"{exchange.url}/control/state", timeout=5).json()["paths"]
        assert paths["/products/{product}/candles"]["over_limit_since_start"] == 1
        assert paths["/products/{product}/ticker"]["over_limit_since_start"] == 0
