"""The exchange's Coinbase: products, tickers, statistics, user agent and limit of requests."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from shared.model.assets import market_names
from tests.clock import Clock
from tests.recordings import recorded_json
from tools.simulator.listings import DEAD
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

LIVE = [name for name in market_names("coinbase") if name not in DEAD["coinbase"]]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=Clock(), coinbase_limit=1_000) as running:
        yield running


def get(exchange: Exchange, path: str) -> Any:
    response = requests.get(exchange.url + path, timeout=5)
    assert response.status_code == 200
    return response.json()


def test_products_have_the_shape_of_the_recorded_ones(exchange: Exchange) -> None:
    recorded = recorded_json("coinbase/products_2021-04-17.json")[0]
    products = get(exchange, "/products")
    assert [product["id"] for product in products] == LIVE
    for product in products:
        assert {key: type(value) for key, value in product.items()} == {k: type(v) for k, v in recorded.items()}
    assert products[0]["display_name"] == "BTC/USD"


def test_statistics_of_all_products_come_at_once(exchange: Exchange) -> None:
    stats = get(exchange, "/products/stats")
    assert list(stats) == LIVE
    for row in stats.values():
        assert list(row) == ["stats_30day", "stats_24hour"]
        day = {key: Decimal(value) for key, value in row["stats_24hour"].items()}
        assert list(day) == ["open", "high", "low", "last", "volume"]
        assert 0 < day["low"] <= min(day["open"], day["last"]) <= max(day["open"], day["last"]) <= day["high"]
        assert Decimal(row["stats_30day"]["volume"]) > day["volume"] > 0


def test_a_product_has_its_own_statistics(exchange: Exchange) -> None:
    recorded = recorded_json("coinbase/stats_example_2015.json")
    stats = get(exchange, "/products/BTC-USD/stats")
    assert recorded.keys() <= stats.keys()
    every = get(exchange, "/products/stats")["BTC-USD"]
    assert stats == {**every["stats_24hour"], "volume_30day": every["stats_30day"]["volume"]}


def test_a_ticker_has_the_shape_of_the_recorded_one(exchange: Exchange) -> None:
    recorded = recorded_json("coinbase/ticker_BTC-USD_2017-10-03.json")
    ticker = get(exchange, "/products/BTC-USD/ticker")
    assert {key: type(value) for key, value in ticker.items()} == {k: type(v) for k, v in recorded.items()}
    assert Decimal(ticker["bid"]) < Decimal(ticker["ask"])
    assert ticker["price"] in (ticker["bid"], ticker["ask"])
    # Its prices are a second or two old.
    assert ticker["time"] in ("2025-12-31T23:59:58.000000Z", "2025-12-31T23:59:59.000000Z")


@pytest.mark.parametrize("path", ["/products/MATIC-USD/ticker", "/products/MATIC-USD/stats", "/products/DAI-USD/stats"])
def test_an_unknown_product_is_404(exchange: Exchange, path: str) -> None:
    response = requests.get(exchange.url + path, timeout=5)
    assert (response.status_code, response.json()) == (404, {"message": "NotFound"})


def test_a_request_without_a_user_agent_is_refused(exchange: Exchange) -> None:
    # Without an explicit one, requests would send its default.
    response = requests.get(f"{exchange.url}/products", headers={"User-Agent": ""}, timeout=5)
    assert (response.status_code, response.json()) == (400, {"message": "User-Agent header is required."})


def test_ten_requests_pass_in_any_second() -> None:
    clock = Clock()
    with exchange_in_thread(SimulatedMarket(), clock_ms=clock) as exchange:

        def status() -> int:
            return requests.get(f"{exchange.url}/products/BTC-USD/ticker", timeout=5).status_code

        assert [status() for _ in range(11)] == [200] * 10 + [429]
        clock.ms += 999
        refused = requests.get(f"{exchange.url}/products/stats", timeout=5)
        assert (refused.status_code, refused.json()) == (429, {"message": "Public rate limit exceeded"})
        clock.ms += 1
        assert status() == 200
