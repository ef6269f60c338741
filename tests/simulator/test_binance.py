"""The exchange's Binance: parameters, errors, order, request weights and bans."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests

from shared.model.assets import market_names
from tests.clock import Clock
from tools.simulator.listings import DEAD
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

PATH = "/api/v3/ticker/24hr"
FULL_FIELDS = [
    "symbol", "priceChange", "priceChangePercent", "weightedAvgPrice", "prevClosePrice", "lastPrice", "lastQty",
    "bidPrice", "bidQty", "askPrice", "askQty", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume",
    "openTime", "closeTime", "firstId", "lastId", "count",
]  # fmt: skip
MINI_FIELDS = [
    "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
    "firstId", "lastId", "count",
]  # fmt: skip


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def exchange(clock: Clock) -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=clock) as running:
        yield running


def ask(exchange: Exchange, **params: str) -> requests.Response:
    return requests.get(exchange.url + PATH, params=params, timeout=5)


def as_parameter(symbols: list[str]) -> str:
    return json.dumps(symbols, separators=(",", ":"))


def test_one_symbol_is_an_object_with_all_fields_in_order(exchange: Exchange, clock: Clock) -> None:
    row = ask(exchange, symbol="BTCUSDT").json()
    assert list(row) == FULL_FIELDS
    assert row["symbol"] == "BTCUSDT"
    assert Decimal(94_000) < Decimal(row["lastPrice"]) < Decimal(96_000)
    assert row["lastPrice"].endswith("000000")
    assert row["closeTime"] == clock.ms
    assert row["closeTime"] - row["openTime"] == 86_400_000
    assert row["lastId"] - row["firstId"] + 1 == row["count"] > 0


def test_symbols_are_a_list_in_the_order_of_the_exchange(exchange: Exchange) -> None:
    asked = ["SHIBUSDT", "BTCUSDT"]
    assert [row["symbol"] for row in ask(exchange, symbols=as_parameter(asked)).json()] == ["BTCUSDT", "SHIBUSDT"]
    assert isinstance(ask(exchange, symbols='["BTCUSDT"]').json(), list)


def test_mini_has_fewer_fields(exchange: Exchange) -> None:
    assert list(ask(exchange, symbol="BTCUSDT", type="MINI").json()) == MINI_FIELDS


def test_every_market_of_the_catalogue_is_listed(exchange: Exchange) -> None:
    listed = [row["symbol"] for row in ask(exchange).json()]
    assert sorted(listed) == sorted({*market_names("binance"), *DEAD["binance"]})
    assert ask(exchange, symbols=as_parameter(listed)).status_code == 200


def test_trading_status_drops_dead_pairs_and_only_those(exchange: Exchange) -> None:
    everything = {row["symbol"]: row for row in ask(exchange).json()}
    trading = {row["symbol"] for row in ask(exchange, symbolStatus="TRADING").json()}
    broken = {row["symbol"] for row in ask(exchange, symbolStatus="BREAK").json()}
    assert trading | broken == set(everything)
    assert "DAIUSDT" in broken
    assert all(everything[symbol]["bidPrice"] == "0.00000000" for symbol in broken)
    assert all(everything[symbol]["bidPrice"] != "0.00000000" for symbol in trading)
    refused = ask(exchange, symbol="DAIUSDT", symbolStatus="TRADING")
    assert (refused.status_code, refused.json()["code"]) == (400, -1220)


def test_a_pair_without_trades_has_zero_prices_and_no_trade_ids(exchange: Exchange, clock: Clock) -> None:
    row = ask(exchange, symbol="DAIUSDT").json()
    assert (row["lastPrice"], row["count"], row["firstId"], row["lastId"]) == ("0.00000000", 0, -1, -1)
    assert row["closeTime"] < clock.ms - 86_400_000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("symbol=NOSUCHUSDT", -1121),
        ('symbols=["BTCUSDT","NOSUCHUSDT"]', -1121),
        ("symbol=btcusdt", -1100),
        ('symbols=["BTCUSDT", "ETHUSDT"]', -1100),
        ("symbols=BTCUSDT", -1100),
        ("symbols=[]", -1100),
        ("symbols=", -1105),
        ('symbols=["BTCUSDT","BTCUSDT"]', -1151),
        ("symbol=BTCUSDT&symbol=ETHUSDT", -1101),
        ('symbol=BTCUSDT&symbols=["ETHUSDT"]', -1128),
        ("type=TINY", -1139),
        ("symbolStatus=ASLEEP", -1122),
        ("foo=1", -1104),
    ],
)
def test_a_bad_request_gets_its_code(exchange: Exchange, query: str, code: int) -> None:
    response = requests.get(f"{exchange.url}{PATH}?{query}", timeout=5)
    assert response.status_code == 400
    assert response.json()["code"] == code
    assert response.json().keys() == {"code", "msg"}


def test_an_invalid_symbol_reads_as_on_the_real_exchange(exchange: Exchange) -> None:
    assert ask(exchange, symbol="NOSUCHUSDT").text == '{"code":-1121,"msg":"Invalid symbol."}'


def test_weights_add_up_over_the_minute_and_start_again(exchange: Exchange, clock: Clock) -> None:
    clock.ms += 60_000
    live = [row["symbol"] for row in ask(exchange).json()]
    weights = [
        ask(exchange, symbol="BTCUSDT"),
        ask(exchange, symbols=as_parameter(live[:20])),
        ask(exchange, symbols=as_parameter(live[:21])),
        ask(exchange),
    ]
    assert [response.headers["X-MBX-USED-WEIGHT-1M"] for response in weights] == ["82", "84", "124", "204"]
    clock.ms += 60_000
    assert ask(exchange).headers["X-MBX-USED-WEIGHT-1M"] == "80"


def test_over_the_limit_is_429_and_to_keep_asking_is_418(clock: Clock) -> None:
    with exchange_in_thread(SimulatedMarket(), weight_limit=100, clock_ms=clock) as exchange:
        clock.ms += 15_000 - clock.ms % 60_000
        assert ask(exchange).status_code == 200
        refused = [ask(exchange) for _ in range(6)]
        assert [response.status_code for response in refused] == [429] * 5 + [418]
        assert [response.headers["Retry-After"] for response in refused] == ["45"] * 5 + ["120"]
        assert {response.json()["code"] for response in refused} == {-1003}
        clock.ms += 60_000
        still = ask(exchange)
        assert (still.status_code, still.headers["Retry-After"]) == (418, "60")
        clock.ms += 60_000
        assert ask(exchange).status_code == 200


def test_after_429_the_next_minute_is_free(clock: Clock) -> None:
    with exchange_in_thread(SimulatedMarket(), weight_limit=100, clock_ms=clock) as exchange:
        assert [ask(exchange).status_code for _ in range(2)] == [200, 429]
        clock.ms += int(ask(exchange).headers["Retry-After"]) * 1000
        assert ask(exchange).status_code == 200
