"""The exchange's Kraken: names of pairs, dead pairs, the shapes of the real answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from shared.model.assets import market_names
from tests.clock import Clock
from tests.recordings import recorded_json
from tools.simulator.kraken_pairs import pair
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

LEGACY = {
    "XBTUSD": "XXBTZUSD", "XBTCAD": "XXBTZCAD", "ETHUSD": "XETHZUSD", "ETHCAD": "XETHZCAD", "XRPUSD": "XXRPZUSD",
    "XRPCAD": "XXRPZCAD", "LTCUSD": "XLTCZUSD", "XMRUSD": "XXMRZUSD", "XLMUSD": "XXLMZUSD", "ETCUSD": "XETCZUSD",
    "ZECUSD": "XZECZUSD", "USDTUSD": "USDTZUSD", "USDCAD": "ZUSDZCAD",
}  # fmt: skip
DEAD = ("ETHWUSD", "USTUSD")
ALTNAMES = {*market_names("kraken"), "USDCAD", "USDTUSD", "USDTCAD", *DEAD}


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=Clock()) as running:
        yield running


def get(exchange: Exchange, path: str) -> Any:
    answer = requests.get(f"{exchange.url}/0/public/{path}", timeout=5).json()
    assert answer["error"] == []
    return answer["result"]


def test_without_a_pair_all_come_under_krakens_own_keys(exchange: Exchange) -> None:
    keys = {LEGACY.get(altname, altname) for altname in ALTNAMES}
    assert set(get(exchange, "Ticker")) == keys
    assert set(get(exchange, "AssetPairs")) == keys


@pytest.mark.parametrize("endpoint", ["Ticker", "AssetPairs"])
def test_pairs_go_by_altname_or_key(exchange: Exchange, endpoint: str) -> None:
    result = get(exchange, f"{endpoint}?pair=XBTCAD,XETHZUSD,SOLUSD,USDTZUSD")
    assert set(result) == {"XXBTZCAD", "XETHZUSD", "SOLUSD", "USDTZUSD"}


@pytest.mark.parametrize("endpoint", ["Ticker", "AssetPairs"])
def test_one_unknown_pair_fails_the_whole_request(exchange: Exchange, endpoint: str) -> None:
    response = requests.get(f"{exchange.url}/0/public/{endpoint}?pair=XBTUSD,MATICUSD", timeout=5)
    assert (response.status_code, response.text) == (200, '{"error":["EQuery:Unknown asset pair"]}')


def test_a_dead_pair_is_cancel_only_wide_open_and_without_trades(exchange: Exchange) -> None:
    pairs, tickers = get(exchange, "AssetPairs"), get(exchange, "Ticker")
    assert {key for key, row in pairs.items() if row["status"] != "online"} == set(DEAD)
    for name in DEAD:
        assert pairs[name]["status"] == "cancel_only"
        assert tickers[name]["t"] == [0, 0]
        assert Decimal(tickers[name]["a"][0]) > 100 * Decimal(tickers[name]["b"][0]) > 0
        assert Decimal(tickers[name]["c"][0]) > 0
    assert all(row["t"][1] > 0 for key, row in tickers.items() if key not in DEAD)


def test_names_and_rows_are_those_of_the_recorded_answer(exchange: Exchange) -> None:
    recorded = recorded_json("kraken/AssetPairs_all_2026-01-12.json")["result"]
    pairs = get(exchange, "AssetPairs")
    newer = recorded_json("kraken/AssetPairs_CAD_and_new_facts.json")["2026-09-18_QCADUSD"]
    assert {name: pairs["QCADUSD"][name] for name in ("altname", "base", "quote")} | {"key": "QCADUSD"} == newer
    assert pairs.keys() - recorded.keys() == {"QCADUSD"}
    for key, row in pairs.items():
        real = recorded.get(key, row)
        assert row.keys() <= real.keys()
        assert real.keys() - row.keys() <= {"long_position_limit", "short_position_limit"}
        for name, value in row.items():
            assert isinstance(value, type(real[name])), name
        for name in ("altname", "wsname", "base", "quote", "aclass_base", "aclass_quote", "status", "costmin"):
            assert row[name] == real[name], (key, name)


def test_prices_are_whole_ticks(exchange: Exchange) -> None:
    tickers = get(exchange, "Ticker")
    for key, row in get(exchange, "AssetPairs").items():
        if row["status"] == "online":
            assert Decimal(tickers[key]["c"][0]) % Decimal(row["tick_size"]) == 0
            assert Decimal(row["tick_size"]) == Decimal(1).scaleb(-row["pair_decimals"])


@pytest.mark.parametrize(("now", "coins"), [("2025-09-01", 24_000), ("2026-01-01", 23_520), ("2026-11-28", 22_800)])
def test_the_price_of_sky_follows_mkr_and_its_upgrade(now: str, coins: int) -> None:
    clock = Clock(int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()) * 1000)
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=clock) as exchange:
        kraken = Decimal(get(exchange, "Ticker?pair=SKYUSD")["SKYUSD"]["c"][0])
        binance = requests.get(f"{exchange.url}/api/v3/ticker/24hr?symbol=SKYUSDT", timeout=5).json()["lastPrice"]
        maker = f"{exchange.url}/api/v3/simple/price?ids=maker&vs_currencies=usd&precision=full"
        mkr = Decimal(str(requests.get(maker, timeout=5).json()["maker"]["usd"]))
        for sky in (kraken, Decimal(binance)):
            assert abs(sky * coins / mkr - 1) < Decimal("0.002")


def test_old_pairs_have_long_keys() -> None:
    assert {altname: pair(altname).key for altname in LEGACY} == LEGACY
    assert (pair("XDGUSD").key, pair("USDTCAD").key, pair("USDCUSD").key) == ("XDGUSD", "USDTCAD", "USDCUSD")
