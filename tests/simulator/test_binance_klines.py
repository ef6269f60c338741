"""The exchange's Binance: klines, their parameters, weight and delisted symbols."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.clock import Clock
from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

NOW_MS = Clock().ms + 90_500


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=Clock(NOW_MS)) as running:
        yield running


def get(exchange: Exchange, **query: object) -> requests.Response:
    return requests.get(f"{exchange.url}/api/v3/klines", params=query, timeout=5)  # type: ignore[arg-type]


def klines(exchange: Exchange, **query: object) -> Any:
    response = get(exchange, **query)
    assert response.status_code == 200
    return response.json()


def test_a_row_has_the_documented_shape(exchange: Exchange) -> None:
    row = klines(exchange, symbol="BTCUSDT", interval="1h", limit=2)[0]
    assert [type(value) for value in row] == [int, str, str, str, str, str, int, str, int, str, str, str]
    assert row[6] == row[0] + HOUR_MS - 1
    assert all(len(price.partition(".")[2]) == 8 for price in row[1:6])
    assert row[-1] == "0"


def test_without_times_the_newest_come_with_the_one_in_progress(exchange: Exchange) -> None:
    rows = klines(exchange, symbol="BTCUSDT", interval="1m")
    assert [row[0] for row in rows] == list(range(rows[0][0], rows[0][0] + 500 * MINUTE_MS, MINUTE_MS))
    assert rows[-1][0] == NOW_MS // MINUTE_MS * MINUTE_MS
    ticker = requests.get(f"{exchange.url}/api/v3/ticker/24hr?symbol=BTCUSDT", timeout=5).json()
    assert rows[-1][4] == ticker["lastPrice"]


def test_times_choose_from_a_start_or_up_to_an_end(exchange: Exchange) -> None:
    asked: dict[str, object] = {"symbol": "ETHUSDT", "interval": "1d", "limit": 3}
    start = NOW_MS // DAY_MS * DAY_MS - 100 * DAY_MS
    times = [start + at * DAY_MS for at in range(5)]
    assert [row[0] for row in klines(exchange, **asked, startTime=start)] == times[:3]
    assert [row[0] for row in klines(exchange, **asked, startTime=start - 1)] == times[:3]
    assert [row[0] for row in klines(exchange, **asked, startTime=start + 1)] == times[1:4]
    assert [row[0] for row in klines(exchange, **asked, endTime=times[4])] == times[2:]
    assert [row[0] for row in klines(exchange, **asked, startTime=start, endTime=times[1])] == times[:2]
    assert klines(exchange, **asked, startTime=NOW_MS + DAY_MS) == []
    assert klines(exchange, **asked, startTime=times[1], endTime=start) == []
    first = klines(exchange, **asked, startTime=0)
    assert len(first) == 3
    assert first[0][0] < NOW_MS - 800 * DAY_MS


def test_a_thousand_are_the_most(exchange: Exchange) -> None:
    assert len(klines(exchange, symbol="BTCUSDT", interval="1h", limit=1_000)) == 1_000
    assert len(klines(exchange, symbol="BTCUSDT", interval="1h", limit=5_000)) == 1_000


def test_a_delisted_symbol_keeps_its_klines(exchange: Exchange) -> None:
    rows = klines(exchange, symbol="EOSUSDT", interval="1d")
    assert len(rows) == 500
    assert rows[-1][6] == 1_748_390_400_000 - 1  # 2025-05-28
    assert klines(exchange, symbol="EOSUSDT", interval="1m", startTime=rows[-1][6] + 1) == []
    new = klines(exchange, symbol="AUSDT", interval="1d", startTime=0)
    assert new[0][0] == rows[-1][6] + 1
    assert abs(Decimal(new[0][1]) / Decimal(rows[-1][4]) - 1) < Decimal("0.001")
    assert klines(exchange, symbol="DAIUSDT", interval="1d") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"interval": "1h"}, -1102),
        ({"symbol": "BTCUSDT"}, -1102),
        ({"symbol": "NOSUCH", "interval": "1h"}, -1121),
        ({"symbol": "btcusdt", "interval": "1h"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1H"}, -1120),
        ({"symbol": "BTCUSDT", "interval": "1h", "startTime": "soon"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": "-1"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": "0"}, -1130),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": ""}, -1105),
        ({"symbol": ["BTCUSDT", "ETHUSDT"], "interval": "1h"}, -1101),
        ({"symbol": "BTCUSDT", "interval": "1h", "since": "1"}, -1104),
    ],
)
def test_a_wrong_parameter_is_400_with_its_code(exchange: Exchange, query: dict[str, object], code: int) -> None:
    response = get(exchange, **query)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_a_request_weighs_two_and_counts_with_the_others() -> None:
    with exchange_in_thread(SimulatedMarket(), clock_ms=Clock(), weight_limit=5) as exchange:
        asked: dict[str, object] = {"symbol": "BTCUSDT", "interval": "1h", "limit": 1}
        used = [get(exchange, **asked).headers["X-MBX-USED-WEIGHT-1M"] for _ in range(2)]
        assert used == ["2", "4"]
        refused = get(exchange, **asked)
        assert (refused.status_code, refused.json()["code"]) == (429, -1003)
        assert int(refused.headers["Retry-After"]) > 0
        counts = requests.get(f"{exchange.url}/control/state", timeout=5).json()["paths"]["/api/v3/klines"]
        assert counts == {
            "upstream": "binance",
            "since_start": 3,
            "since_reset": 3,
            "over_limit_since_start": 1,
            "over_limit_since_reset": 1,
        }
        requests.post(f"{exchange.url}/control/reset_counts", json={}, timeout=5)
        counts = requests.get(f"{exchange.url}/control/state", timeout=5).json()["paths"]["/api/v3/klines"]
        assert (counts["since_start"], counts["since_reset"]) == (3, 0)
        assert (counts["over_limit_since_start"], counts["over_limit_since_reset"]) == (1, 0)
