"""The exchange's NDAX: CAD books in one answer, numbers as JSON numbers, frozen and empty books included."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from shared.model.assets import market_names
from shared.model.wire import loads
from tests.clock import Clock
from tests.recordings import recorded_json
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

FROZEN, EMPTY = "MATIC_CAD", "BAL_CAD"


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=Clock()) as running:
        yield running


def rows(exchange: Exchange) -> Any:
    response = requests.get(f"{exchange.url}/v1/ticker", timeout=5)
    assert response.headers["X-Cadfeed-Market"] == "simulated"
    return loads(response.text)


def test_one_answer_has_every_market_of_the_catalogue(exchange: Exchange) -> None:
    assert set(rows(exchange)) == {*market_names("ndax"), FROZEN, EMPTY}
    assert len(market_names("ndax")) >= 6


def test_rows_have_the_recorded_fields_as_json_numbers(exchange: Exchange) -> None:
    recorded = recorded_json("canada/ndax_facts.json")["v1_ticker"]["row_fields"]
    for row in rows(exchange).values():
        assert list(row) == recorded
        assert all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in row.values())


def test_a_row_is_consistent(exchange: Exchange) -> None:
    found = rows(exchange)
    for name in market_names("ndax"):
        row = found[name]
        assert 0 < row["highestBid"] < row["lowestAsk"]
        assert row["low24hr"] <= row["last"] <= row["high24hr"]
        assert row["isFrozen"] == 0
        assert row["baseVolume"] > 0
        assert abs(row["percentChange"]) < 25
    assert len({row["id"] for row in found.values()}) == len(found)


def test_a_frozen_market_looks_well_and_is_far_off(exchange: Exchange) -> None:
    row = rows(exchange)[FROZEN]
    assert row["isFrozen"] == 1
    assert 0 < row["highestBid"] < row["last"] < row["lowestAsk"]
    polygon = requests.get(f"{exchange.url}/api/v3/ticker/24hr?symbol=POLUSDT", timeout=5).json()
    assert row["last"] > 2 * Decimal(polygon["lastPrice"])


def test_a_book_without_an_order_is_zero_on_both_sides(exchange: Exchange) -> None:
    row = rows(exchange)[EMPTY]
    assert (row["highestBid"], row["lowestAsk"], row["isFrozen"], row["baseVolume"]) == (0, 0, 0, 0)
    assert row["last"] > 0
