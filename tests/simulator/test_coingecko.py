"""The exchange's CoinGecko: prices in CAD as JSON numbers, refreshed every minute, and its limit of requests."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from shared.model.assets import catalogue, market_names
from tests.clock import Clock
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

PATH = "/api/v3/simple/price"
FULL = "vs_currencies=cad&include_24hr_change=true&include_last_updated_at=true&precision=full"


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def exchange(clock: Clock) -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=clock, coingecko_limit=1_000) as running:
        yield running


def get(exchange: Exchange, query: str) -> Any:
    response = requests.get(f"{exchange.url}{PATH}?{query}", timeout=5)
    assert response.status_code == 200
    return response.json(parse_float=Decimal)


def test_every_coin_of_the_catalogue_has_a_price_in_cad(exchange: Exchange) -> None:
    coins = get(exchange, f"ids={','.join(market_names('coingecko'))}&{FULL}")
    assert list(coins) == list(market_names("coingecko"))
    assert len(coins) == len(catalogue())
    qcad = catalogue()["QCAD_CAD"].markets[0].name
    for row in coins.values():
        assert list(row) == ["cad", "cad_24h_change", "last_updated_at"]
        assert row["cad"] > 0
        assert isinstance(row["last_updated_at"], int)
    assert abs(coins[qcad]["cad"] - 1) < Decimal("0.003")
    assert Decimal("1.3") < coins["tether"]["cad"] < Decimal("1.44")
    assert Decimal("1.3") < coins["dai"]["cad"] < Decimal("1.44")


def test_each_currency_has_its_price_and_its_change(exchange: Exchange) -> None:
    row = get(exchange, f"ids=bitcoin&{FULL.replace('cad', 'cad,usd', 1)}")["bitcoin"]
    assert list(row) == ["cad", "cad_24h_change", "usd", "usd_24h_change", "last_updated_at"]
    assert get(exchange, "ids=bitcoin&vs_currencies=usd,xxx&precision=full") == {"bitcoin": {"usd": row["usd"]}}


def test_every_coin_implies_the_same_rate_of_the_us_dollar(exchange: Exchange) -> None:
    coins = get(exchange, f"ids={','.join(market_names('coingecko'))}&vs_currencies=cad,usd&precision=full")
    rates = {name: row["cad"] / row["usd"] for name, row in coins.items()}
    kraken = requests.get(f"{exchange.url}/0/public/Ticker?pair=USDCAD", timeout=5).json()["result"]["ZUSDZCAD"]
    for name, rate in rates.items():
        assert abs(rate / Decimal(kraken["c"][0]) - 1) < Decimal("0.001"), name


def test_a_coin_without_a_price_is_an_empty_object(exchange: Exchange) -> None:
    assert get(exchange, f"ids=bitcoin,qcad,terra-classic&{FULL}") | {"bitcoin": {}} == {
        "bitcoin": {},
        "qcad": {},
        "terra-classic": {},
    }


@pytest.mark.parametrize("header", ["x-cg-demo-api-key", "x-cg-pro-api-key"])
def test_a_request_with_a_key_passes(exchange: Exchange, header: str) -> None:
    url = f"{exchange.url}{PATH}?ids=bitcoin&vs_currencies=cad"
    assert requests.get(url, headers={header: "CG-not-a-key"}, timeout=5).json() == requests.get(url, timeout=5).json()


def test_small_numbers_have_an_exponent(exchange: Exchange) -> None:
    text = requests.get(f"{exchange.url}{PATH}?ids=shiba-inu&vs_currencies=cad&precision=full", timeout=5).text
    assert text.startswith('{"shiba-inu":{"cad":1.')
    assert "e-05" in text


def test_unknown_coins_and_what_was_not_asked_for_are_left_out(exchange: Exchange) -> None:
    assert list(get(exchange, "ids=bitcoin,nosuch,ethereum&vs_currencies=cad")) == ["bitcoin", "ethereum"]
    assert list(get(exchange, "ids=bitcoin&vs_currencies=cad")["bitcoin"]) == ["cad"]
    assert get(exchange, "ids=nosuch&vs_currencies=cad") == {}
    assert get(exchange, "ids=bitcoin&vs_currencies=xxx") == {"bitcoin": {}}


def test_precision_is_decimals(exchange: Exchange) -> None:
    exact = get(exchange, "ids=bitcoin&vs_currencies=cad&precision=full")["bitcoin"]["cad"]
    for precision, places in (("3", "0.001"), ("", "0.01")):
        price = get(exchange, f"ids=bitcoin&vs_currencies=cad&precision={precision}")["bitcoin"]["cad"]
        assert abs(price - exact) <= Decimal(places) / 2


@pytest.mark.parametrize(
    ("query", "status"),
    [("vs_currencies=cad", 422), ("ids=bitcoin", 422), ("ids=bitcoin&vs_currencies=cad&precision=19", 400)],
)
def test_a_bad_request_is_explained(exchange: Exchange, query: str, status: int) -> None:
    response = requests.get(f"{exchange.url}{PATH}?{query}", timeout=5)
    assert (response.status_code, list(response.json())) == (status, ["error"])


def test_prices_are_refreshed_once_a_minute(clock: Clock) -> None:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=clock) as exchange:
        began_s = clock.ms // 1000
        before = get(exchange, f"ids=bitcoin&{FULL}")["bitcoin"]
        assert before["last_updated_at"] == began_s
        clock.ms += 59_999
        assert get(exchange, f"ids=bitcoin&{FULL}")["bitcoin"] == before
        clock.ms += 1
        after = get(exchange, f"ids=bitcoin&{FULL}")["bitcoin"]
        assert after["last_updated_at"] == began_s + 60
        assert after["cad"] != before["cad"]


def test_the_change_covers_24_hours(exchange: Exchange, clock: Clock) -> None:
    before = get(exchange, f"ids=bitcoin&{FULL}")["bitcoin"]["cad"]
    clock.ms += 86_400_000
    row = get(exchange, f"ids=bitcoin&{FULL}")["bitcoin"]
    assert abs((row["cad"] / before - 1) * 100 - row["cad_24h_change"]) < Decimal("1e-9")


def test_the_list_names_every_coin(exchange: Exchange) -> None:
    coins = requests.get(f"{exchange.url}/api/v3/coins/list", timeout=5).json()
    assert {coin["id"] for coin in coins} == set(market_names("coingecko"))
    assert coins[0] == {"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"}


def test_thirty_requests_pass_in_any_minute(clock: Clock) -> None:
    with exchange_in_thread(SimulatedMarket(), clock_ms=clock) as exchange:
        for _ in range(30):
            get(exchange, "ids=bitcoin&vs_currencies=cad")
        clock.ms += 15_000
        refused = requests.get(f"{exchange.url}/api/v3/coins/list", timeout=5)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "45")
        assert refused.json()["status"]["error_code"] == 429
        assert refused.json()["status"]["error_message"].startswith("You've exceeded the Rate Limit.")
        clock.ms += 45_000
        get(exchange, "ids=bitcoin&vs_currencies=cad")
