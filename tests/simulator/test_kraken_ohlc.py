"""The exchange's Kraken: OHLC of the newest 720 intervals, and one request a second for each pair."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.clock import Clock
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

NOW_MS = Clock().ms + 4_000_500


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=Clock(NOW_MS), kraken_ohlc_gap_ms=0) as running:
        yield running


def get(exchange: Exchange, **query: object) -> Any:
    response = requests.get(f"{exchange.url}/0/public/OHLC", params=query, timeout=5)  # type: ignore[arg-type]
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize(("interval", "seconds"), [(1, 60), (60, 3_600), (1440, 86_400)])
def test_the_newest_720_come_with_the_one_in_progress(exchange: Exchange, interval: int, seconds: int) -> None:
    answer = get(exchange, pair="XBTCAD", interval=interval)
    assert answer["error"] == []
    rows = answer["result"]["XXBTZCAD"]
    assert len(rows) == 720
    assert rows[-1][0] == NOW_MS // 1_000 // seconds * seconds
    assert [row[0] for row in rows] == list(range(rows[0][0], rows[-1][0] + 1, seconds))
    assert answer["result"]["last"] == rows[-2][0]
    for row in rows:
        assert [type(value) for value in row] == [int, str, str, str, str, str, str, int]
        opened, high, low, close, average = map(Decimal, row[1:6])
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert low <= average <= high


def test_the_last_close_is_the_tickers(exchange: Exchange) -> None:
    row = get(exchange, pair="XBTCAD", interval=60)["result"]["XXBTZCAD"][-1]
    ticker = requests.get(f"{exchange.url}/0/public/Ticker?pair=XBTCAD", timeout=5).json()["result"]["XXBTZCAD"]
    assert row[4] == ticker["c"][0]


def test_since_leaves_out_what_is_not_newer_but_never_the_last(exchange: Exchange) -> None:
    rows = get(exchange, pair="ETHCAD")["result"]["XETHZCAD"]
    for since, count in (
        (rows[700][0], 19),
        (rows[700][0] - 1, 20),
        (rows[-2][0], 1),
        (rows[-1][0] + 900, 1),
        (1, 720),
    ):
        answer = get(exchange, pair="ETHCAD", since=since)["result"]
        assert answer["XETHZCAD"] == rows[-count:]
        assert answer["last"] == rows[-2][0]


@pytest.mark.parametrize("name", ["USDCAD", "USD/CAD", "ZUSDZCAD"])
def test_a_pair_answers_to_its_names(exchange: Exchange, name: str) -> None:
    assert list(get(exchange, pair=name)["result"]) == ["ZUSDZCAD", "last"]


def test_a_dead_pair_has_no_candles(exchange: Exchange) -> None:
    assert get(exchange, pair="ETHWUSD")["result"] == {"ETHWUSD": [], "last": 0}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
        ({}, "EQuery:Unknown asset pair"),
        ({"pair": "XBTUSD", "interval": "7"}, "EGeneral:Invalid arguments"),
        ({"pair": "XBTUSD", "since": "soon"}, "EGeneral:Invalid arguments"),
    ],
)
def test_an_error_comes_with_200(exchange: Exchange, query: dict[str, object], error: str) -> None:
    assert get(exchange, **query) == {"error": [error]}


def test_one_request_a_second_passes_for_each_pair() -> None:
    clock = Clock()
    with exchange_in_thread(SimulatedMarket(), clock_ms=clock) as exchange:
        limited = {"error": ["EGeneral:Too many requests"]}
        assert get(exchange, pair="XBTCAD", since=clock.ms)["error"] == []
        assert get(exchange, pair="XXBTZCAD", since=clock.ms) == limited
        assert get(exchange, pair="ETHCAD", since=clock.ms)["error"] == []
        clock.ms += 899
        assert get(exchange, pair="XBTCAD", since=clock.ms) == limited
        clock.ms += 1
        assert get(exchange, pair="XBTCAD", since=clock.ms)["error"] == []
        counts = requests.get(f"{exchange.url}/control/state", timeout=5).json()["paths"]["/0/public/OHLC"]
        assert (counts["since_start"], counts["over_limit_since_start"]) == (5, 2)
        # The tickers have no such limit.
        assert requests.get(f"{exchange.url}/0/public/Ticker?pair=XBTCAD", timeout=5).json()["error"] == []
