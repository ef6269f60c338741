"""The exchange's CoinGecko: the chart of a coin, and how far it reaches."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import requests

from tests.clock import Clock
from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

NOW_MS = Clock().ms + 4_000_500


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    market = SimulatedMarket(seed=1)
    with exchange_in_thread(market, clock_ms=Clock(NOW_MS), coingecko_limit=1_000) as running:
        yield running


def ask(exchange: Exchange, coin: str = "bitcoin", **query: object) -> requests.Response:
    asked = {"vs_currency": "cad", "precision": "full"} | query
    url = f"{exchange.url}/api/v3/coins/{coin}/market_chart"
    return requests.get(url, params={name: value for name, value in asked.items() if value}, timeout=5)  # type: ignore[arg-type]


def points(exchange: Exchange, **query: object) -> Any:
    response = ask(exchange, **query)  # type: ignore[arg-type]
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["prices", "market_caps", "total_volumes"]
    assert len({len(values) for values in body.values()}) == 1
    return body["prices"]


@pytest.mark.parametrize(
    ("days", "every_ms", "count"),
    [(1, 5 * MINUTE_MS, 288), (2, HOUR_MS, 48), (90, HOUR_MS, 90 * 24), (91, DAY_MS, 91), (365, DAY_MS, 365)],
)
def test_points_are_as_dense_as_the_days_allow(exchange: Exchange, days: int, every_ms: int, count: int) -> None:
    found = points(exchange, days=days)
    assert len(found) == count + 1
    assert found[-1][0] == NOW_MS
    grid = [at // every_ms * every_ms for at, _ in found[:-1]]
    assert grid == list(range(grid[0], grid[0] + count * every_ms, every_ms))
    assert NOW_MS - days * DAY_MS <= grid[0]
    late = [at % every_ms for at, _ in found[:-1]]
    assert max(late) < (1 if every_ms == DAY_MS else MINUTE_MS)
    assert all(isinstance(price, float) and price > 0 for _, price in found)


def test_the_last_point_is_the_present_price(exchange: Exchange) -> None:
    now = requests.get(
        f"{exchange.url}/api/v3/simple/price?ids=bitcoin&vs_currencies=cad,usd&precision=full", timeout=5
    ).json()["bitcoin"]
    for currency, price in now.items():
        found = points(exchange, days=1, vs_currency=currency)
        assert found[-1][1] == price
        assert all(abs(b / a - 1) < 0.02 for (_, a), (_, b) in pairwise(found))


def test_a_day_of_any_density_has_one_price(exchange: Exchange) -> None:
    hours = {at // HOUR_MS: price for at, price in points(exchange, days=90)[:-1]}
    for at, price in points(exchange, days=91)[2:-1]:
        assert hours[at // HOUR_MS] == price
    assert points(exchange, days=90, interval="daily")[1:] == points(exchange, days=91)[2:]


def test_precision_is_as_asked(exchange: Exchange) -> None:
    assert all(
        Decimal(str(price)) == round(Decimal(str(price)), 2) for _, price in points(exchange, days=2, precision="2")
    )


@pytest.mark.parametrize("days", ["366", "max"])
def test_more_than_a_year_needs_a_paid_key(exchange: Exchange, days: str) -> None:
    refused = ask(exchange, days=days)
    assert refused.status_code == 401
    assert refused.json()["error"]["status"]["error_code"] == 10_012


@pytest.mark.parametrize(
    ("coin", "query", "status"),
    [
        ("nosuch", {"days": "1"}, 404),
        ("bitcoin", {"days": "soon"}, 422),
        ("bitcoin", {"days": None}, 422),
        ("bitcoin", {"days": "1", "vs_currency": None}, 422),
        ("bitcoin", {"days": "1", "vs_currency": "xyz"}, 422),
        ("bitcoin", {"days": "1", "precision": "19"}, 400),
    ],
)
def test_a_wrong_request_says_so(exchange: Exchange, coin: str, query: dict[str, object], status: int) -> None:
    response = ask(exchange, coin, **query)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    if status == 404:
        assert response.json() == {"error": "coin not found"}


def test_a_coin_without_a_price_has_no_points(exchange: Exchange) -> None:
    assert ask(exchange, "qcad", days="1").json() == {"prices": [], "market_caps": [], "total_volumes": []}


def test_charts_share_the_limit_per_minute() -> None:
    with exchange_in_thread(SimulatedMarket(), clock_ms=Clock(), coingecko_limit=2) as exchange:
        assert [ask(exchange, days="91").status_code for _ in range(3)] == [200, 200, 429]
        price = requests.get(f"{exchange.url}/api/v3/simple/price?ids=bitcoin&vs_currencies=cad", timeout=5)
        assert price.status_code == 429
