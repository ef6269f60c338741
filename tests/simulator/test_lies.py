"""The exchange's lies: about all or some prices of a source, sudden or drifting; and its honest prices."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from shared.model.wire import loads
from tests.clock import Clock
from tools.simulator.lies import LARGEST, Lie, parse_lie
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

COINS = "bitcoin,tether,shiba-inu"
PATHS = {
    "binance": "/api/v3/ticker/24hr?symbolStatus=TRADING",
    "kraken": "/0/public/Ticker",
    "coinbase": "/products/stats",
    "coingecko": f"/api/v3/simple/price?ids={COINS}&vs_currencies=cad,usd&include_24hr_change=true&precision=full",
    "ndax": "/v1/ticker",
    "bank_of_canada": "/valet/observations/FXUSDCAD/json?recent=1",
    "er_api": "/v6/latest/USD",
}
# Bid, ask and last of each row, if it has them, and its other prices.
PRICES = {
    "binance": ("bidPrice", "askPrice", "lastPrice"),
    "kraken": ("b", "a", "c"),
    "coinbase": ("last",),
    "coingecko": ("cad", "usd"),
    "ndax": ("highestBid", "lowestAsk", "last"),
    "bank_of_canada": ("rate",),
    "er_api": ("rate",),
}
OTHERS = {
    "binance": ("openPrice", "highPrice", "lowPrice"),
    "kraken": ("o", "h", "l"),
    "coinbase": ("open", "high", "low"),
    "ndax": ("high24hr", "low24hr"),
}
ONE_MARKET = {
    "binance": "ETHUSDT",
    "kraken": "XXBTZCAD",
    "coinbase": "USDT-USD",
    "coingecko": "tether",
    "ndax": "ETH_CAD",
    "bank_of_canada": "FXUSDCAD",
    "er_api": "CAD",
}
CURRENCY_RATES = [
    ("kraken", "USDCAD", "ZUSDZCAD"),
    ("kraken", "USDTCAD", "USDTCAD"),
    ("kraken", "USDTUSD", "USDTZUSD"),
    ("coinbase", "USDT-USD", "USDT-USD"),
    ("coingecko", "tether", "tether"),
    ("bank_of_canada", "FXUSDCAD", "FXUSDCAD"),
    ("er_api", "CAD", "CAD"),
]
EVERY = pytest.mark.parametrize("upstream", list(PATHS))
FACTORS = pytest.mark.parametrize("factor", ["0.5", "0.73", "0.97", "1.03", "1.45", "2", "1000"])

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(clock: Clock) -> Iterator[Exchange]:
    # The market stands still, so that two answers can be compared.
    market = SimulatedMarket(seed=1, step_seconds=Decimal(0))
    limits = {"weight_limit": 10**6, "coinbase_limit": 1_000, "coingecko_limit": 1_000}
    with exchange_in_thread(market, clock_ms=clock, **limits) as exchange:
        yield exchange


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    running.set_faults({})
    return running


def rows(exchange: Exchange, upstream: str) -> Rows:
    """Return the rows by the upstream's own name of the market."""
    answer = loads(requests.get(exchange.url + PATHS[upstream], timeout=5).text)
    match upstream:
        case "binance":
            return {row["symbol"]: row for row in answer}
        case "kraken":
            pairs = answer["result"].items()
            return {key: {name: v[0] if isinstance(v, list) else v for name, v in row.items()} for key, row in pairs}
        case "coinbase":
            return {name: row["stats_24hour"] for name, row in answer.items()}
        case "bank_of_canada":
            return {"FXUSDCAD": {"rate": answer["observations"][0]["FXUSDCAD"]["v"]}}
        case "er_api":
            return {"CAD": {"rate": answer["rates"]["CAD"]}}
        case _:
            return dict(answer)


def tell(exchange: Exchange, upstream: str, **lie: object) -> None:
    said = requests.post(f"{exchange.url}/control/faults", json={upstream: {"lie": lie}}, timeout=5)
    assert said.status_code == 200, said.text
    assert said.json()["faults"][upstream] == {"lie": lie}


def lied(upstream: str, ill: Any, well: Any, factor: Decimal) -> None:
    """Assert that each price is the factor times the old one, with its decimals, and all else is true."""
    prices_lied(upstream, ill, well, factor)
    for name in OTHERS.get(upstream, ()):
        assert ill[name] == well[name]


def prices_lied(upstream: str, ill: Any, well: Any, factor: Decimal) -> None:
    for name in PRICES[upstream]:
        # CoinGecko's numbers are doubles.
        digit = Decimal(str(ill[name])) * Decimal("1e-14") if upstream == "coingecko" else _last_place(well[name])
        assert abs(Decimal(ill[name]) - Decimal(well[name]) * factor) <= digit, (name, ill, well)


def _last_place(price: str | Decimal) -> Decimal:
    exponent = Decimal(price).as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(exponent)


@EVERY
@FACTORS
def test_a_lie_moves_only_bid_ask_and_last(exchange: Exchange, upstream: str, factor: str) -> None:
    well = rows(exchange, upstream)
    tell(exchange, upstream, factor=factor)
    ill = rows(exchange, upstream)
    assert ill.keys() == well.keys()
    for name, row in ill.items():
        lied(upstream, row, well[name], Decimal(factor))


@EVERY
def test_a_lie_about_one_market_leaves_the_others(exchange: Exchange, upstream: str) -> None:
    well = rows(exchange, upstream)
    one = ONE_MARKET[upstream]
    tell(exchange, upstream, factor="1.2", markets=[one])
    ill = rows(exchange, upstream)
    lied(upstream, ill[one], well[one], Decimal("1.2"))
    assert {name: row for name, row in ill.items() if name != one} == {n: r for n, r in well.items() if n != one}


@pytest.mark.parametrize(("upstream", "market", "key"), CURRENCY_RATES)
def test_each_currency_rate_can_lie_alone(exchange: Exchange, upstream: str, market: str, key: str) -> None:
    well = rows(exchange, upstream)
    tell(exchange, upstream, factor="0.73", markets=[market])
    ill = rows(exchange, upstream)
    lied(upstream, ill[key], well[key], Decimal("0.73"))
    assert [name for name, row in ill.items() if row != well[name]] == [key]


def test_one_side_of_a_book_can_lie_alone(exchange: Exchange) -> None:
    well = rows(exchange, "kraken")["USDTCAD"]
    tell(exchange, "kraken", factor="1.1", markets=["USDTCAD"], prices=["ask"])
    ill = rows(exchange, "kraken")["USDTCAD"]
    assert abs(Decimal(ill["a"]) - Decimal(well["a"]) * Decimal("1.1")) < _last_place(well["a"])
    assert ill | {"a": well["a"]} == well
    tell(exchange, "ndax", factor="0.9", prices=["bid"], markets=["BTC_CAD"])
    books = rows(exchange, "ndax")
    assert books["BTC_CAD"]["highestBid"] < books["BTC_CAD"]["last"] * Decimal("0.91")


def test_a_lie_about_a_coin_in_one_currency_bends_the_rate(exchange: Exchange) -> None:
    well = rows(exchange, "coingecko")
    tell(exchange, "coingecko", factor="1.1", prices=["cad"])
    for name, row in rows(exchange, "coingecko").items():
        assert abs(row["cad"] / well[name]["cad"] - Decimal("1.1")) < Decimal("1e-12")
        assert (row["usd"], row["usd_24h_change"]) == (well[name]["usd"], well[name]["usd_24h_change"])


@pytest.mark.parametrize("upstream", ["coingecko", "ndax"])
def test_the_change_of_a_lie_is_against_the_true_past_price(exchange: Exchange, upstream: str) -> None:
    change, market, price = {
        "coingecko": ("cad_24h_change", "bitcoin", "cad"),
        "ndax": ("percentChange", "BTC_CAD", "last"),
    }[upstream]
    well = rows(exchange, upstream)[market]
    tell(exchange, upstream, factor="1.2")
    ill = rows(exchange, upstream)[market]
    opened = [row[price] / (1 + row[change] / 100) for row in (well, ill)]
    assert abs(opened[0] / opened[1] - 1) < Decimal("0.0001")


def test_a_rate_can_be_stated_the_wrong_way_round(exchange: Exchange) -> None:
    well = Decimal(rows(exchange, "bank_of_canada")["FXUSDCAD"]["rate"])
    tell(exchange, "bank_of_canada", inverted=True)
    ill = rows(exchange, "bank_of_canada")["FXUSDCAD"]["rate"]
    assert ill == f"{1 / well:.4f}"
    tell_kraken = {"inverted": True, "markets": ["USDCAD"]}
    book = rows(exchange, "kraken")["ZUSDZCAD"]
    exchange.set_faults({})
    tell(exchange, "kraken", **tell_kraken)
    turned = rows(exchange, "kraken")["ZUSDZCAD"]
    assert (turned["b"], turned["a"]) == (f"{1 / Decimal(book['a']):.5f}", f"{1 / Decimal(book['b']):.5f}")


@EVERY
def test_a_drifting_lie_grows_by_the_second(exchange: Exchange, clock: Clock, upstream: str) -> None:
    """It continues when other faults change."""
    market = ONE_MARKET[upstream]
    well = rows(exchange, upstream)[market]
    other = "kraken" if upstream != "kraken" else "binance"
    tell(exchange, upstream, per_second="1.0004")
    prices_lied(upstream, rows(exchange, upstream)[market], well, Decimal(1))
    clock.ms += 5_000
    prices_lied(upstream, rows(exchange, upstream)[market], well, Decimal("1.0004") ** 5)
    for body in ({other: {"latency_ms": 1}}, {upstream: {"lie": {"per_second": "1.0004"}}}):
        requests.post(f"{exchange.url}/control/faults", json=body, timeout=5).raise_for_status()
    clock.ms += 600_500
    prices_lied(upstream, rows(exchange, upstream)[market], well, Decimal("1.0004") ** Decimal("605.5"))
    # Another lie starts again.
    requests.post(
        f"{exchange.url}/control/faults", json={upstream: {"lie": {"per_second": "0.9996"}}}, timeout=5
    ).raise_for_status()
    prices_lied(upstream, rows(exchange, upstream)[market], well, Decimal(1))
    clock.ms += 10_000
    prices_lied(upstream, rows(exchange, upstream)[market], well, Decimal("0.9996") ** 10)


def test_a_lie_of_weeks_can_still_be_written_down() -> None:
    grown = parse_lie({"factor": "2", "per_second": "1.1"}).after(30 * 86_400_000)
    assert abs(grown.factor / LARGEST - 1) < Decimal("1e-20")
    told = grown.told(["BTCUSDT"], {"last": "95000.00000000"})["last"]
    assert abs(Decimal(told) / LARGEST - 95_000) < 1


def test_a_market_that_is_absurd_does_not_lie(exchange: Exchange) -> None:
    fault = {"absurd": {"BTC-USD": "x3"}, "lie": {"factor": "2"}}
    well = rows(exchange, "coinbase")
    requests.post(f"{exchange.url}/control/faults", json={"coinbase": fault}, timeout=5).raise_for_status()
    ill = rows(exchange, "coinbase")
    lied("coinbase", ill["BTC-USD"], well["BTC-USD"], Decimal(3))
    lied("coinbase", ill["ETH-USD"], well["ETH-USD"], Decimal(2))


def test_honest_prices_are_those_without_faults(exchange: Exchange) -> None:
    def honest() -> Any:
        return loads(requests.get(f"{exchange.url}/control/honest", timeout=5).text)

    said = honest()
    markets = said["markets"]
    for symbol, row in rows(exchange, "binance").items():
        stated = [markets["binance"][symbol][name] for name in ("bid", "ask", "last")]
        assert stated == [Decimal(row[name]) for name in PRICES["binance"]]
    btc = rows(exchange, "kraken")["XXBTZCAD"]
    assert markets["kraken"]["XBTCAD"]["cad"] == (Decimal(btc["b"]) + Decimal(btc["a"])) / 2
    dollar = rows(exchange, "kraken")["ZUSDZCAD"]
    assert said["usd_cad"] == (Decimal(dollar["b"]) + Decimal(dollar["a"])) / 2
    last = Decimal(rows(exchange, "coinbase")["BTC-USD"]["last"])
    assert markets["coinbase"]["BTC-USD"]["cad"] == last * said["usd_cad"]
    assert abs(markets["coingecko"]["bitcoin"]["cad"] / rows(exchange, "coingecko")["bitcoin"]["cad"] - 1) < 1e-12
    assert markets["ndax"]["BTC_CAD"]["ask"] == rows(exchange, "ndax")["BTC_CAD"]["lowestAsk"]
    assert said["bank_of_canada"] == Decimal(rows(exchange, "bank_of_canada")["FXUSDCAD"]["rate"])
    assert said["er_api"] == rows(exchange, "er_api")["CAD"]["rate"]
    faults = {upstream: {"lie": {"factor": "2"}} for upstream in PATHS}
    requests.post(f"{exchange.url}/control/faults", json=faults, timeout=5).raise_for_status()
    assert honest() == said


def test_an_honest_price_of_an_earlier_time_can_be_read() -> None:
    clock = Clock()
    with exchange_in_thread(SimulatedMarket(seed=3), clock_ms=clock) as exchange:
        url = f"{exchange.url}/control/honest"
        clock.ms += 7_500
        then_ms, then = clock.ms, requests.get(url, timeout=5).json()
        clock.ms += 60_000
        # Later steps do not matter.
        requests.post(f"{exchange.url}/control/step", json={"steps": 100}, timeout=5).raise_for_status()
        clock.ms += 60_000
        assert requests.get(url, timeout=5).json() != then
        assert requests.get(f"{url}?at_ms={then_ms}", timeout=5).json() == then
        assert requests.get(f"{url}?at_ms=now", timeout=5).status_code == 400


def test_exchanges_of_the_same_seed_and_clock_say_the_same() -> None:
    clock = Clock()
    one, other = (exchange_in_thread(SimulatedMarket(seed=3), clock_ms=clock) for _ in range(2))
    with one as lying, other as honest:
        clock.ms += 5_000
        tell(lying, "kraken", factor="0.7")
        for upstream in ("binance", "coinbase", "ndax"):
            assert rows(lying, upstream) == rows(honest, upstream)
        lied("kraken", rows(lying, "kraken")["XXBTZUSD"], rows(honest, "kraken")["XXBTZUSD"], Decimal("0.7"))


def test_a_lie_is_listed_as_it_was_set() -> None:
    said = {"factor": "1.20", "per_second": "0.9996", "markets": ["A"], "prices": ["bid"], "inverted": True}
    assert parse_lie(said).as_json() == said
    assert parse_lie({"factor": "1.2"}) == Lie(factor=Decimal("1.2"))
