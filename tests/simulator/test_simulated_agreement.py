"""The exchange's sources agree about as well as real ones: an asset has about the same price at each."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations, pairwise
from math import comb
from statistics import median, quantiles
from typing import Any

import pytest
import requests

from shared.model.assets import catalogue, price_sources
from shared.model.wire import loads
from tests.clock import Clock
from tools.simulator.fair_prices import FairPrices
from tools.simulator.honest import honest
from tools.simulator.listings import DEAD, reference
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

AGREEMENT = Decimal("0.0020")
BASIS_POINT = Decimal("0.0001")
# Assets with ticks and books finer than the differences of sources.
LIQUID = ("BTC_CAD", "ETH_CAD", "XRP_CAD", "SOL_CAD", "LINK_CAD", "AAVE_CAD", "ZEC_CAD", "AVAX_CAD")


@pytest.fixture(params=[1, 7])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    market = SimulatedMarket(seed=request.param, step_seconds=Decimal(0))
    with exchange_in_thread(market, clock_ms=Clock()) as running:
        yield running


def honest_prices(exchange: Exchange) -> Any:
    return loads(requests.get(f"{exchange.url}/control/honest", timeout=5).text)


def in_cad(prices: Any) -> dict[str, dict[str, Decimal]]:
    """Return prices by symbol, then by source and market."""
    found: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for source, markets in prices["markets"].items():
        for name, row in markets.items():
            found[row["symbol"]][f"{source}:{name}"] = row["cad"]
    return found


def apart(one: Decimal, other: Decimal) -> Decimal:
    return abs(one / other - 1)


def agreement(symbol: str) -> Decimal:
    """Return how far the sources of an asset may be apart: two ticks, where that is more than `AGREEMENT`."""
    traded = reference(catalogue()[symbol].code)
    return max(AGREEMENT, 2 * traded.tick / traded.price)


# Whole minutes, when CoinGecko has just refreshed, over more than the walk's period of three days.
@pytest.mark.parametrize("minutes", [0, 1, 7, 61, 500, 1_441, 2_200, 3_333, 4_000, 6_001])
def test_all_sources_agree_in_cad(exchange: Exchange, minutes: int) -> None:
    if minutes:
        requests.post(f"{exchange.url}/control/step", json={"steps": minutes * 60}, timeout=5).raise_for_status()
    prices = honest_prices(exchange)
    usdt_usd = prices["markets"]["kraken"]["USDTUSD"]["price"]
    assert apart(prices["usdt_cad"], usdt_usd * prices["usd_cad"]) < 4 * BASIS_POINT
    assert abs(usdt_usd - 1) <= Decimal("0.0006")
    for daily in ("bank_of_canada", "er_api"):
        assert apart(prices[daily], prices["usd_cad"]) < Decimal("0.025")
    found = in_cad(prices)
    compared = 0
    for symbol, markets in found.items():
        for (one, first), (other, second) in combinations(markets.items(), 2):
            compared += 1
            assert apart(first, second) < agreement(symbol), (symbol, one, other)
    assert compared > 200


def test_every_live_market_of_the_catalogue_has_an_honest_price(exchange: Exchange) -> None:
    live = {
        (asset.symbol, f"{market.source}:{market.name}")
        for asset in catalogue().values()
        for market in asset.markets
        if market.name not in DEAD.get(market.source, ())
    }
    found = in_cad(honest_prices(exchange))
    assert {(symbol, market) for symbol, markets in found.items() for market in markets} == live


def test_sources_differ_as_real_ones_do_on_a_quiet_day() -> None:
    """Any two sources differ by 0.4 to 1.9 basis points in the median and 2 to 13 at p99."""
    market = SimulatedMarket(seed=4)
    began_ms = Clock().ms
    market.moment(began_ms)
    differences: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for minute in range(0, 600, 8):
        found = in_cad(honest(market, market.moment(began_ms + minute * 60_000)))
        for symbol in LIQUID:
            of_source = {market.partition(":")[0]: cad for market, cad in found[symbol].items()}
            for pair in combinations(sorted(of_source.keys() - {"ndax"}), 2):
                differences[pair].append(apart(of_source[pair[0]], of_source[pair[1]]) / BASIS_POINT)
    assert len(differences) == comb(len(set(price_sources()) - {"ndax"}), 2)
    for pair, points in differences.items():
        assert Decimal("0.4") <= median(points) <= Decimal("1.9"), pair
        assert Decimal(2) <= quantiles(points, n=100)[-1] <= Decimal(13), pair


def test_a_source_deviates_slowly_and_not_far() -> None:
    """It moves at most a basis point in ten seconds and stays within a dozen, on both sides."""
    fair = FairPrices(seed=2, steps_per_day=86_400)
    for source in ("binance", "kraken", "coinbase", "coingecko", "ndax"):
        for code in ("BTC", "BAL"):
            deviations = [fair.deviation(source, code, step) for step in range(0, 20_000, 10)]
            assert max(map(abs, deviations)) < 12 * BASIS_POINT
            assert min(deviations) < 0 < max(deviations)
            # An asset that trades seldom moves by its whole time of rest.
            assert max(abs(b - a) for a, b in pairwise(deviations)) < BASIS_POINT
