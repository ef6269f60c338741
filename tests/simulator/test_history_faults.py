"""The faults of an upstream also apply to its history."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
import requests

from shared.model.wire import loads
from tests.clock import Clock
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

MARKETS = {
    "binance": ("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=5", "BTCUSDT"),
    "kraken": ("/0/public/OHLC?pair=XBTCAD&since=1767225400", "XBTCAD"),
    "coinbase": ("/products/BTC-USD/candles?granularity=60&start=1767225300&end=1767225600", "BTC-USD"),
    "coingecko": ("/api/v3/coins/bitcoin/market_chart?vs_currency=cad&days=91&precision=full", "bitcoin"),
    "bank_of_canada": ("/valet/observations/FXUSDCAD/json?start_date=2025-12-15&end_date=2025-12-24", "FXUSDCAD"),
}
EVERY = pytest.mark.parametrize("upstream", list(MARKETS))
CANDLES = pytest.mark.parametrize("upstream", ["binance", "kraken", "coinbase"])


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(clock: Clock) -> Iterator[Exchange]:
    limits = {"coinbase_limit": 1_000, "coingecko_limit": 1_000, "kraken_ohlc_gap_ms": 0}
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=clock, **limits) as exchange:
        yield exchange


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    running.set_faults({})
    return running


def break_it(exchange: Exchange, **faults: object) -> None:
    requests.post(f"{exchange.url}/control/faults", json=faults, timeout=5).raise_for_status()


def ask(exchange: Exchange, upstream: str, timeout_s: float = 5) -> requests.Response:
    return requests.get(exchange.url + MARKETS[upstream][0], timeout=timeout_s)


def prices(exchange: Exchange, upstream: str) -> list[list[Decimal]]:
    """Return open, high, low and close of each candle, oldest first, or the price of each point."""
    body = loads(ask(exchange, upstream).text)
    rows: list[list[Any]]
    match upstream:
        case "binance":
            rows = [row[1:5] for row in body]
        case "kraken":
            rows = [row[1:5] for row in body["result"]["XXBTZCAD"]]
        case "coinbase":
            rows = [[row[3], row[2], row[1], row[4]] for row in reversed(body)]
        case "coingecko":
            rows = [row[1:] for row in body["prices"]]
        case _:
            rows = [[row["FXUSDCAD"]["v"]] for row in body["observations"]]
    return [[Decimal(price) for price in row] for row in rows]


@EVERY
def test_a_status_comes_with_retry_after(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"status": 429, "retry_after": 30}})
    response = ask(exchange, upstream)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "30")
    assert response.headers["X-Cadfeed-Market"] == "simulated"


@EVERY
def test_bodies_break_as_those_of_tickers(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"cut": True}})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        ask(exchange, upstream)
    break_it(exchange, **{upstream: {"garbage": True}})
    assert ask(exchange, upstream).text.startswith("<!DOCTYPE html>")
    break_it(exchange, **{upstream: {"empty": True}})
    assert ask(exchange, upstream).text == ("[]" if upstream == "binance" else "{}")
    break_it(exchange, **{upstream: {"bad_json": True}})
    with pytest.raises(json.JSONDecodeError):
        json.loads(ask(exchange, upstream).text)


@EVERY
def test_an_answer_can_hang_or_be_late(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"hang": True}})
    with pytest.raises(requests.ReadTimeout):
        ask(exchange, upstream, timeout_s=0.1)
    break_it(exchange, **{upstream: {"latency_ms": 200}})
    began = monotonic()
    assert ask(exchange, upstream).status_code == 200
    assert monotonic() - began > 0.2


@EVERY
def test_a_missing_market_has_no_past(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"missing": [MARKETS[upstream][1]]}})
    response = ask(exchange, upstream)
    if upstream in ("coinbase", "coingecko"):
        assert response.status_code == 404
        return
    body = response.json()
    assert (response.status_code, body if upstream == "binance" else None) == (
        200,
        [] if upstream == "binance" else None,
    )
    if upstream == "kraken":
        assert body == {"error": [], "result": {"last": 0}}
    if upstream == "bank_of_canada":
        assert body["observations"] == []


@EVERY
def test_a_lie_is_told_about_the_past_too(exchange: Exchange, upstream: str) -> None:
    true = prices(exchange, upstream)
    assert len(true) >= 4
    break_it(exchange, **{upstream: {"lie": {"factor": "1.5", "markets": [MARKETS[upstream][1]]}}})
    for told, honest in zip(prices(exchange, upstream), true, strict=True):
        assert all(
            abs(lie / price - Decimal("1.5")) < Decimal("0.0001") for lie, price in zip(told, honest, strict=True)
        )
    break_it(exchange, **{upstream: {"lie": {"factor": "1.5", "markets": ["another"]}}})
    assert prices(exchange, upstream) == true


@CANDLES
def test_a_candle_turned_over_has_its_high_above_its_low(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"lie": {"inverted": True, "factor": "1000000"}}})
    for opened, high, low, close in prices(exchange, upstream):
        assert low <= min(opened, close) <= max(opened, close) <= high < 100


@CANDLES
def test_a_lie_about_other_prices_leaves_candles_true(exchange: Exchange, upstream: str) -> None:
    true = prices(exchange, upstream)
    break_it(exchange, **{upstream: {"lie": {"factor": "1.5", "prices": ["bid", "ask"]}}})
    assert prices(exchange, upstream) == true


@EVERY
def test_an_absurd_rule_applies_to_the_past_too(exchange: Exchange, upstream: str) -> None:
    true = prices(exchange, upstream)
    market = MARKETS[upstream][1]
    break_it(exchange, **{upstream: {"absurd": {market: "x1000"}}})
    assert prices(exchange, upstream)[0][0] == pytest.approx(true[0][0] * 1_000, rel=Decimal("0.0001"))
    break_it(exchange, **{upstream: {"absurd": {market: "text"}}})
    assert '"n/a"' in ask(exchange, upstream).text
    json.loads(ask(exchange, upstream).text)


@pytest.mark.parametrize("upstream", ["binance", "kraken"])
def test_a_frozen_source_states_no_newer_candles(exchange: Exchange, clock: Clock, upstream: str) -> None:
    def newest() -> Any:
        body = ask(exchange, upstream).json()
        return body[-1] if upstream == "binance" else body["result"]["XXBTZCAD"][-1]

    break_it(exchange, **{upstream: {"frozen": True}})
    before = newest()
    clock.ms += 180_000
    assert newest() == before
    break_it(exchange, **{upstream: {}})
    after = newest()
    assert after[0] - before[0] == (180_000 if upstream == "binance" else 180)
    break_it(exchange, **{upstream: {"prices_frozen": True}})
    clock.ms += 180_000
    still = newest()
    assert still[0] > after[0]
    assert still[1] == still[4] == after[4]
    break_it(exchange, **{upstream: {}})
    break_it(exchange, **{upstream: {"clock_frozen": True}})
    stopped = newest()
    clock.ms += 180_000
    assert newest()[0] == stopped[0]
    assert newest()[4] != stopped[4]


def test_requests_are_counted_by_path(exchange: Exchange) -> None:
    def counts() -> tuple[int, int]:
        state = requests.get(f"{exchange.url}/control/state", timeout=5).json()
        return state["requests"]["kraken"]["since_start"], state["paths"]["/0/public/OHLC"]["since_start"]

    before = counts()
    ask(exchange, "kraken")
    requests.get(f"{exchange.url}/0/public/Ticker?pair=USDCAD", timeout=5)
    assert [after - count for after, count in zip(counts(), before, strict=True)] == [2, 1]


def test_candles_stay_contiguous_under_a_lie(exchange: Exchange) -> None:
    break_it(exchange, binance={"lie": {"factor": "1.37"}})
    assert all(after[0] == before[3] for before, after in pairwise(prices(exchange, "binance")))
