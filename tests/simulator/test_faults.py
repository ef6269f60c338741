"""The exchange's faults over HTTP, and controls that refuse invalid requests."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.clock import Clock
from tools.simulator.faults import parse_faults
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

PATHS = {
    "binance": '/api/v3/ticker/24hr?symbols=["BTCUSDT","ETHUSDT"]',
    "kraken": "/0/public/Ticker?pair=USDCAD",
    "coinbase": "/products/stats",
    "coingecko": "/api/v3/simple/price?ids=bitcoin,shiba-inu&vs_currencies=cad"
    "&include_last_updated_at=true&precision=full",
    "ndax": "/v1/ticker",
    "bank_of_canada": "/valet/observations/FXUSDCAD/json?recent=1",
    "er_api": "/v6/latest/USD",
}
ERROR_KEYS = {
    "binance": "code",
    "kraken": "error",
    "coinbase": "message",
    "coingecko": "status",
    "ndax": "errormsg",
    "bank_of_canada": "message",
    "er_api": "error-type",
}
EVERY = pytest.mark.parametrize("upstream", list(PATHS))


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(clock: Clock) -> Iterator[Exchange]:
    market = SimulatedMarket(seed=1)
    with exchange_in_thread(market, clock_ms=clock, coinbase_limit=1_000, coingecko_limit=1_000) as exchange:
        yield exchange


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    running.set_faults({})
    return running


def ask(exchange: Exchange, upstream: str, timeout_s: float = 5) -> requests.Response:
    return requests.get(exchange.url + PATHS[upstream], timeout=timeout_s)


def control(exchange: Exchange, action: str, body: object) -> requests.Response:
    return requests.post(f"{exchange.url}/control/{action}", json=body, timeout=5)


def break_it(exchange: Exchange, **faults: object) -> None:
    assert control(exchange, "faults", faults).status_code == 200


def state(exchange: Exchange) -> Any:
    return requests.get(f"{exchange.url}/control/state", timeout=5).json()


@EVERY
@pytest.mark.parametrize("status", [418, 429, 451, 500, 503])
def test_a_status_comes_with_its_body_and_retry_after(exchange: Exchange, upstream: str, status: int) -> None:
    break_it(exchange, **{upstream: {"status": status, "retry_after": 30}})
    response = ask(exchange, upstream)
    assert (response.status_code, response.headers["Retry-After"]) == (status, "30")
    assert response.headers["X-Cadfeed-Market"] == "simulated"
    body = response.json()
    assert ERROR_KEYS[upstream] in body


@EVERY
def test_an_empty_object_clears_a_fault(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"status": 503}})
    assert ask(exchange, upstream).status_code == 503
    break_it(exchange, **{upstream: {}})
    assert ask(exchange, upstream).status_code == 200
    break_it(exchange, binance={"status": 500}, kraken={"status": 500})
    break_it(exchange)
    assert state(exchange)["faults"] == {}
    assert ask(exchange, "binance").status_code == 200


def test_faults_of_the_others_stay(exchange: Exchange) -> None:
    break_it(exchange, kraken={"garbage": True})
    break_it(exchange, binance={"latency_ms": 1, "missing": ["BTCUSDT"]})
    assert state(exchange)["faults"] == {
        "kraken": {"garbage": True},
        "binance": {"latency_ms": 1, "missing": ["BTCUSDT"]},
    }


@EVERY
def test_cut_closes_in_the_middle_of_the_body(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"cut": True}})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        ask(exchange, upstream)


@EVERY
def test_garbage_is_html_with_200(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"garbage": True}})
    response = ask(exchange, upstream)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.text.startswith("<!DOCTYPE html>")


@EVERY
def test_empty_is_empty(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"empty": True}})
    assert ask(exchange, upstream).text == ("[]" if upstream == "binance" else "{}")


@EVERY
def test_bad_json_is_not_json(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"bad_json": True}})
    with pytest.raises(json.JSONDecodeError):
        json.loads(ask(exchange, upstream).text)


@EVERY
def test_hang_answers_nothing(exchange: Exchange, upstream: str) -> None:
    break_it(exchange, **{upstream: {"hang": True}})
    with pytest.raises(requests.ReadTimeout):
        ask(exchange, upstream, timeout_s=0.1)
    # The hanging request still hangs; the next one is served.
    break_it(exchange)
    assert ask(exchange, upstream).status_code == 200


def test_latency_delays_the_answer(exchange: Exchange) -> None:
    break_it(exchange, kraken={"latency_ms": 150})
    assert ask(exchange, "kraken").elapsed.total_seconds() >= 0.15
    with pytest.raises(requests.ReadTimeout):
        ask(exchange, "kraken", timeout_s=0.05)


@pytest.mark.parametrize("upstream", ["binance", "kraken", "coinbase", "coingecko", "ndax"])
def test_frozen_stops_prices_and_times(exchange: Exchange, clock: Clock, upstream: str) -> None:
    break_it(exchange, **{upstream: {"frozen": True}})
    before = ask(exchange, upstream).text
    clock.ms += 60_000
    # Another fault does not unfreeze it.
    break_it(exchange, er_api={"latency_ms": 1})
    assert ask(exchange, upstream).text == before
    break_it(exchange)
    assert ask(exchange, upstream).text != before


def test_missing_leaves_symbols_out(exchange: Exchange) -> None:
    break_it(
        exchange,
        binance={"missing": ["BTCUSDT"]},
        kraken={"missing": ["USDCAD"]},
        bank_of_canada={"missing": ["FXUSDCAD"]},
        er_api={"missing": ["CAD"]},
    )
    assert [row["symbol"] for row in ask(exchange, "binance").json()] == ["ETHUSDT"]
    assert ask(exchange, "kraken").json() == {"error": [], "result": {}}
    assert ask(exchange, "bank_of_canada").json()["observations"] == []
    assert "CAD" not in ask(exchange, "er_api").json()["rates"]


def test_absurd_prices_are_a_thousand_times_too_high(exchange: Exchange) -> None:
    well = {row["symbol"]: row for row in ask(exchange, "binance").json()}
    rates = ask(exchange, "er_api").json(parse_float=Decimal)["rates"]
    break_it(exchange, binance={"absurd": {"BTCUSDT": "x1000"}}, er_api={"absurd": {"CAD": "x1000"}})
    ill = {row["symbol"]: row for row in ask(exchange, "binance").json()}
    for price in ("bidPrice", "askPrice", "lastPrice"):
        assert Decimal(ill["BTCUSDT"][price]) == 1000 * Decimal(well["BTCUSDT"][price])
    assert ill["BTCUSDT"]["openPrice"] == well["BTCUSDT"]["openPrice"]
    assert ill["ETHUSDT"] == well["ETHUSDT"]
    assert ask(exchange, "er_api").json(parse_float=Decimal)["rates"]["CAD"] == 1000 * rates["CAD"]


def test_absurd_books_are_crossed_negative_or_no_numbers(exchange: Exchange) -> None:
    break_it(exchange, binance={"absurd": {"BTCUSDT": "crossed", "ETHUSDT": "negative"}})
    crossed, negative = ask(exchange, "binance").json()
    assert Decimal(crossed["bidPrice"]) > Decimal(crossed["askPrice"]) > 0
    assert Decimal(negative["lastPrice"]) < 0
    break_it(exchange, kraken={"absurd": {"USDCAD": "text"}}, bank_of_canada={"absurd": {"FXUSDCAD": "text"}})
    assert ask(exchange, "kraken").json()["result"]["ZUSDZCAD"]["a"][0] == "n/a"
    assert ask(exchange, "bank_of_canada").json()["observations"][0]["FXUSDCAD"]["v"] == "n/a"


def test_an_upstreams_own_names_are_left_out(exchange: Exchange) -> None:
    break_it(
        exchange,
        kraken={"missing": ["XXBTZUSD", "ETHUSD"]},
        coinbase={"missing": ["BTC-USD"]},
        coingecko={"missing": ["bitcoin"]},
        ndax={"missing": ["BTC_CAD"]},
    )
    assert "BTC_CAD" not in ask(exchange, "ndax").json()
    answer = requests.get(f"{exchange.url}/0/public/Ticker?pair=XBTUSD,ETHUSD,SOLUSD", timeout=5).json()
    assert list(answer["result"]) == ["SOLUSD"]
    stats = ask(exchange, "coinbase").json()
    assert "BTC-USD" not in stats
    assert "ETH-USD" in stats
    assert requests.get(f"{exchange.url}/products/BTC-USD/ticker", timeout=5).status_code == 404
    assert list(ask(exchange, "coingecko").json()) == ["shiba-inu"]


def last_prices(exchange: Exchange, upstream: str) -> dict[str, Decimal]:
    answer = ask(exchange, upstream).json(parse_float=Decimal)
    match upstream:
        case "binance":
            return {row["symbol"]: Decimal(row["lastPrice"]) for row in answer}
        case "kraken":
            return {key: Decimal(row["c"][0]) for key, row in answer["result"].items()}
        case "coinbase":
            return {key: Decimal(row["stats_24hour"]["last"]) for key, row in answer.items()}
        case "coingecko":
            return {key: Decimal(row["cad"]) for key, row in answer.items()}
        case "ndax":
            return {key: Decimal(row["last"]) for key, row in answer.items()}
        case "bank_of_canada":
            return {row["d"]: Decimal(row["FXUSDCAD"]["v"]) for row in answer["observations"]}
        case _:
            return {"CAD": answer["rates"]["CAD"]} if "CAD" in answer["rates"] else {}


@EVERY
def test_a_star_is_all_markets(exchange: Exchange, upstream: str) -> None:
    well = last_prices(exchange, upstream)
    break_it(exchange, **{upstream: {"absurd": {"*": "x1000"}}})
    ill = last_prices(exchange, upstream)
    assert ill.keys() == well.keys()
    for name, price in ill.items():
        # CoinGecko's numbers are doubles.
        assert abs(price - 1000 * well[name]) <= price * Decimal("1e-14")
    break_it(exchange, **{upstream: {"missing": ["*"]}})
    assert last_prices(exchange, upstream) == {}


def test_a_markets_own_rule_comes_before_that_of_all(exchange: Exchange) -> None:
    well = last_prices(exchange, "coinbase")
    break_it(exchange, coinbase={"absurd": {"*": "x2", "BTC-USD": "negative"}})
    ill = last_prices(exchange, "coinbase")
    assert (ill["BTC-USD"], ill["ETH-USD"]) == (-well["BTC-USD"], 2 * well["ETH-USD"])


def test_new_sources_are_crossed_negative_or_no_numbers(exchange: Exchange) -> None:
    break_it(exchange, kraken={"absurd": {"XXBTZUSD": "crossed"}}, coinbase={"absurd": {"BTC-USD": "crossed"}})
    row = requests.get(f"{exchange.url}/0/public/Ticker?pair=XBTUSD", timeout=5).json()["result"]["XXBTZUSD"]
    assert Decimal(row["b"][0]) > Decimal(row["a"][0]) > 0
    ticker = requests.get(f"{exchange.url}/products/BTC-USD/ticker", timeout=5).json()
    assert Decimal(ticker["bid"]) > Decimal(ticker["ask"]) > 0
    break_it(exchange, coingecko={"absurd": {"bitcoin": "text", "shiba-inu": "negative"}})
    coins = ask(exchange, "coingecko").json()
    assert coins["bitcoin"]["cad"] == "n/a"
    assert coins["shiba-inu"]["cad"] < 0
    break_it(exchange, ndax={"absurd": {"BTC_CAD": "crossed", "ETH_CAD": "text"}})
    books = ask(exchange, "ndax").json()
    assert books["BTC_CAD"]["highestBid"] > books["BTC_CAD"]["lowestAsk"] > 0
    assert books["ETH_CAD"]["last"] == "n/a"
    break_it(exchange, coinbase={"absurd": {"BTC-USD": "text"}})
    assert ask(exchange, "coinbase").json()["BTC-USD"]["stats_24hour"]["last"] == "n/a"


def test_a_frozen_clock_does_not_stop_prices(exchange: Exchange, clock: Clock) -> None:
    def times_and_prices() -> tuple[list[object], list[object]]:
        rows = ask(exchange, "binance").json()
        coins = ask(exchange, "coingecko").json().values()
        ticker = requests.get(f"{exchange.url}/products/BTC-USD/ticker", timeout=5).json()
        er_api = ask(exchange, "er_api").json()
        days = ask(exchange, "bank_of_canada").json()["observations"]
        return (
            [
                *((row["openTime"], row["closeTime"]) for row in rows),
                *(coin["last_updated_at"] for coin in coins),
                ticker["time"],
                er_api["time_last_update_unix"],
                er_api["time_next_update_unix"],
                *(row["d"] for row in days),
            ],
            [
                *(row["lastPrice"] for row in rows),
                *(coin["cad"] for coin in coins),
                ticker["price"],
                er_api["rates"]["CAD"],
                *(row["FXUSDCAD"]["v"] for row in days),
            ],
        )

    frozen = ("binance", "coinbase", "coingecko", "bank_of_canada", "er_api")
    break_it(exchange, **{upstream: {"clock_frozen": True} for upstream in frozen})
    times, prices = times_and_prices()
    for days in (1, 3):
        clock.ms += days * 86_400_000 + 61_000
        later_times, later_prices = times_and_prices()
        assert later_times == times
        assert all(before != after for before, after in zip(prices, later_prices, strict=True))
        prices = later_prices
    break_it(exchange)
    thawed, _ = times_and_prices()
    assert all(before != after for before, after in zip(times, thawed, strict=True))


def test_frozen_prices_come_with_times_that_go_on(exchange: Exchange, clock: Clock) -> None:
    upstreams = ("binance", "kraken", "coinbase", "coingecko", "ndax")
    break_it(exchange, **{upstream: {"prices_frozen": True} for upstream in upstreams})

    def answers() -> tuple[Any, ...]:
        return tuple(ask(exchange, upstream).json() for upstream in upstreams)

    before = answers()
    clock.ms += 61_000
    rows, kraken, coinbase, coins, ndax = answers()
    assert (kraken, coinbase, ndax) == (before[1], before[2], before[4])
    for row, old in zip(rows, before[0], strict=True):
        assert row.pop("closeTime") > old.pop("closeTime")
        assert row.pop("openTime") > old.pop("openTime")
        assert row == old  # the count, the volume and the trade IDs, too
    for name, coin in coins.items():
        assert coin.pop("last_updated_at") > before[3][name].pop("last_updated_at")
        assert coin == before[3][name]
    break_it(exchange)
    assert all(new != old for new, old in zip(answers(), before, strict=True))


@pytest.mark.parametrize(
    ("faults", "complaint"),
    [
        ([], "an object by upstream"),
        ({"bitstamp": {}}, "no such upstream: bitstamp"),
        ({"binance": {"latency": 5}}, "no such fault: latency"),
        ({"binance": 5}, "a fault is an object"),
        ({"binance": {"latency_ms": "5"}}, "binance.latency_ms"),
        ({"binance": {"latency_ms": -1}}, "binance.latency_ms"),
        ({"binance": {"status": 200}}, "from 400 to 599"),
        ({"binance": {"retry_after": 5}}, "goes with a status"),
        ({"binance": {"cut": 1}}, "true or false"),
        ({"coingecko": {"clock_frozen": "yes"}}, "true or false"),
        ({"binance": {"missing": "BTCUSDT"}}, "a list of symbols"),
        ({"binance": {"absurd": {"BTCUSDT": "x0"}}}, "by symbol"),
        ({"binance": {"absurd": {"BTCUSDT": 1000}}}, "by symbol"),
        ({"binance": {"prices_frozen": 1}}, "true or false"),
        ({"binance": {"lie": "1.2"}}, "binance.lie: an object of factor"),
        ({"binance": {"lie": {}}}, "the lie changes no price"),
        ({"binance": {"lie": {"factor": "1", "markets": ["BTCUSDT"]}}}, "the lie changes no price"),
        ({"binance": {"lie": {"factor": 1.2}}}, "factor: a positive number as text"),
        ({"binance": {"lie": {"factor": "0"}}}, "factor: a positive number as text"),
        ({"binance": {"lie": {"per_second": "-1"}}}, "per_second: a positive number as text"),
        ({"binance": {"lie": {"factor": "2", "market": ["BTCUSDT"]}}}, "an object of factor"),
        ({"binance": {"lie": {"factor": "2", "markets": "BTCUSDT"}}}, "markets: a list of names"),
        ({"binance": {"lie": {"factor": "2", "prices": ["open"]}}}, "prices: some of bid, ask"),
        ({"binance": {"lie": {"inverted": "yes"}}}, "inverted: true or false"),
    ],
)
def test_an_unknown_fault_is_refused_and_changes_nothing(exchange: Exchange, faults: object, complaint: str) -> None:
    response = control(exchange, "faults", faults)
    assert response.status_code == 400
    assert complaint in response.json()["error"]
    assert state(exchange)["faults"] == {}


@pytest.mark.parametrize("body", [{"minutes": 1}, {"steps": 0}, {"steps": 1.5}, {"steps": True}, {}, {"hours": 1}, []])
def test_an_invalid_step_is_refused(exchange: Exchange, body: object) -> None:
    step = state(exchange)["market"]["step"]
    response = control(exchange, "step", body)
    assert response.status_code == 400
    assert "step" in response.json()["error"]
    assert state(exchange)["market"]["step"] == step


def test_a_control_body_that_is_not_json_is_refused(exchange: Exchange) -> None:
    response = requests.post(f"{exchange.url}/control/faults", data="faults", timeout=5)
    assert (response.status_code, response.json()) == (400, {"error": "the body is not JSON"})


def test_requests_are_counted_by_upstream_and_status() -> None:
    with exchange_in_thread(SimulatedMarket()) as exchange:
        ask(exchange, "binance")
        break_it(exchange, binance={"status": 503})
        ask(exchange, "binance")
        counts = state(exchange)["requests"]
        assert counts["binance"] == {"since_start": 2, "since_reset": 2, "statuses_since_reset": {"200": 1, "503": 1}}
        assert counts["ndax"] == {"since_start": 0, "since_reset": 0, "statuses_since_reset": {}}
        assert control(exchange, "reset_counts", {}).status_code == 200
        counts = state(exchange)["requests"]
        assert counts["binance"] == {"since_start": 2, "since_reset": 0, "statuses_since_reset": {}}


def test_requests_that_wait_at_the_same_time_are_counted() -> None:
    with exchange_in_thread(SimulatedMarket()) as exchange:
        assert state(exchange)["unanswered"] == {"now": 0, "most_since_reset": 0}
        break_it(exchange, binance={"hang": True}, kraken={"hang": True})
        for upstream in ("binance", "kraken"):
            with pytest.raises(requests.Timeout):
                ask(exchange, upstream, timeout_s=0.5)
        with ThreadPoolExecutor() as asking:
            for asked in [asking.submit(ask, exchange, name, timeout_s=2) for name in ("binance", "kraken")]:
                with pytest.raises(requests.Timeout):
                    asked.result()
        for _ in range(50):  # the exchange learns a little later that a client has gone
            if state(exchange)["unanswered"]["now"] == 0:
                break
            time.sleep(0.1)
        assert state(exchange)["unanswered"] == {"now": 0, "most_since_reset": 2}
        control(exchange, "reset_counts", {})
        assert state(exchange)["unanswered"] == {"now": 0, "most_since_reset": 0}


def test_faults_can_be_there_from_the_start(clock: Clock) -> None:
    faults = parse_faults({"kraken": {"status": 451}})
    assert list(faults) == ["kraken"]
    with exchange_in_thread(SimulatedMarket(), faults=faults, clock_ms=clock) as exchange:
        assert ask(exchange, "kraken").status_code == 451
