"""The exchange's sources agree: whichever the feed takes, an asset is worth about the same in CAD."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
import requests

from shared.assets import catalogue, market_names
from tests.unit.clock import Clock
from tools.exchange.kraken_pairs import pair
from tools.exchange.server import Exchange, exchange_in_thread
from tools.exchange.simulated import SimulatedMarket

AGREEMENT = Decimal("0.0020")
COINS = ",".join(market_names("coingecko"))


@pytest.fixture(params=[1, 7])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    market = SimulatedMarket(seed=request.param, step_seconds=Decimal(0))
    with exchange_in_thread(market, clock_ms=Clock(), coinbase_limit=1_000, coingecko_limit=1_000) as running:
        yield running


def get(exchange: Exchange, path: str) -> Any:
    return json.loads(requests.get(exchange.url + path, timeout=5).text, parse_float=Decimal)


def last_prices(exchange: Exchange) -> dict[tuple[str, str], Decimal]:
    """The last price of every live market, in the currency that it is quoted in, by source and market."""
    kraken = get(exchange, "/0/public/Ticker")["result"]
    names = {pair(name).key: name for name in (*market_names("kraken"), "USDCAD", "USDTUSD", "USDTCAD")}
    coins = get(exchange, f"/api/v3/simple/price?ids={COINS}&vs_currencies=cad&precision=full")
    return (
        {
            ("binance", row["symbol"]): Decimal(row["lastPrice"])
            for row in get(exchange, "/api/v3/ticker/24hr?symbolStatus=TRADING")
        }
        | {("kraken", names[key]): Decimal(row["c"][0]) for key, row in kraken.items() if key in names}
        | {
            ("coinbase", product): Decimal(row["stats_24hour"]["last"])
            for product, row in get(exchange, "/products/stats").items()
        }
        | {("coingecko", coin): Decimal(row["cad"]) for coin, row in coins.items()}
    )


def apart(one: Decimal, other: Decimal) -> Decimal:
    return abs(one / other - 1)


# Whole minutes, at which CoinGecko has just refreshed, over more than the walk's period of three days.
@pytest.mark.parametrize("minutes", [0, 1, 7, 61, 500, 1_441, 2_200, 3_333, 4_000, 6_001])
def test_all_sources_agree_in_cad(exchange: Exchange, minutes: int) -> None:
    if minutes:
        requests.post(f"{exchange.url}/control/step", json={"steps": minutes * 60}, timeout=5).raise_for_status()
    prices = last_prices(exchange)
    rates = {
        "CAD": Decimal(1),
        "USD": prices["kraken", "USDCAD"],
        "USDT": prices["kraken", "USDTCAD"],
    }
    assert apart(rates["USDT"], prices["kraken", "USDTUSD"] * rates["USD"]) < Decimal("0.0002")
    assert abs(prices["kraken", "USDTUSD"] - 1) <= Decimal("0.0005")
    compared = 0
    for asset in catalogue().values():
        in_cad = {
            (market.source, market.name): prices[market.source, market.name] * rates[market.quote] * market.per_unit
            for market in asset.markets
            if (market.source, market.name) in prices
        }
        for (one, first), (other, second) in combinations(in_cad.items(), 2):
            compared += 1
            assert apart(first, second) < AGREEMENT, (one, other)
    assert compared > 200
