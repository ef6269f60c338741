"""The exchange's Kraken, Bank of Canada Valet and open.er-api.com have the shapes of the real ones."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.recordings import recording
from tools.simulator.market import BinanceRow
from tools.simulator.recorded import RecordedTickers
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

# Sunday 2026-01-04, 21:00 UTC
SUNDAY_MS = 1_767_560_400_000
ROWS: list[BinanceRow] = [{"symbol": "BTCUSDT", "openTime": 0, "closeTime": 86_400_000}]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    market = RecordedTickers(ROWS, Decimal("1.3347"), Decimal("0.0002"), "rows")
    with exchange_in_thread(market, clock_ms=lambda: SUNDAY_MS) as running:
        yield running


def get(exchange: Exchange, path: str) -> Any:
    return requests.get(exchange.url + path, timeout=5).json(parse_float=Decimal)


@pytest.mark.parametrize("name", ["USDCAD", "USD/CAD", "ZUSDZCAD"])
def test_kraken_answers_under_its_own_key(exchange: Exchange, name: str) -> None:
    answer = get(exchange, f"/0/public/Ticker?pair={name}")
    assert answer["error"] == []
    assert list(answer["result"]) == ["ZUSDZCAD"]


def test_kraken_crosses_the_spread_that_was_asked_for(exchange: Exchange) -> None:
    row = get(exchange, "/0/public/Ticker?pair=USDCAD")["result"]["ZUSDZCAD"]
    assert (row["b"][0], row["c"][0], row["a"][0]) == ("1.33460", "1.33470", "1.33480")


def test_kraken_has_the_shape_of_the_recorded_answer(exchange: Exchange) -> None:
    recorded = json.loads(recording("kraken/Ticker_XBTUSD_2026.json").read_text(encoding="utf-8"))
    assert shape(get(exchange, "/0/public/Ticker?pair=USDCAD")["result"]["ZUSDZCAD"]) == shape(
        recorded["result"]["XXBTZUSD"]
    )


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def test_an_unknown_pair_is_an_error_with_status_200(exchange: Exchange) -> None:
    response = requests.get(f"{exchange.url}/0/public/Ticker?pair=USDCAD,NOSUCH", timeout=5)
    assert (response.status_code, response.text) == (200, '{"error":["EQuery:Unknown asset pair"]}')


def test_valet_gives_the_last_business_day(exchange: Exchange) -> None:
    answer = get(exchange, "/valet/observations/FXUSDCAD/json?recent=1")
    assert answer["observations"] == [{"d": "2026-01-02", "FXUSDCAD": {"v": "1.3347"}}]
    assert answer["seriesDetail"]["FXUSDCAD"]["label"] == "USD/CAD"
    assert answer["terms"]["url"].startswith("https://www.bankofcanada.ca/")


def test_valet_skips_weekends_and_ends_with_the_newest(exchange: Exchange) -> None:
    observations = get(exchange, "/valet/observations/FXUSDCAD/json?recent=7")["observations"]
    days = [row["d"][5:] for row in observations]
    assert days == ["12-25", "12-26", "12-29", "12-30", "12-31", "01-01", "01-02"]


def test_valet_publishes_at_half_past_four_eastern() -> None:
    monday_ms = SUNDAY_MS + 86_400_000
    for now_ms, day in ((monday_ms + 29 * 60_000, "2026-01-02"), (monday_ms + 30 * 60_000, "2026-01-05")):
        market = RecordedTickers(ROWS, Decimal("1.3347"), Decimal(0), "rows")
        with exchange_in_thread(market, clock_ms=lambda at=now_ms: at) as exchange:
            assert get(exchange, "/valet/observations/FXUSDCAD/json?recent=1")["observations"][0]["d"] == day


def observed(exchange: Exchange, query: str) -> list[str]:
    observations = get(exchange, f"/valet/observations/FXUSDCAD/json?{query}")["observations"]
    return [row["d"] for row in observations]


def test_valet_gives_the_business_days_of_a_range(exchange: Exchange) -> None:
    days = ["2025-12-26", "2025-12-29", "2025-12-30"]
    assert observed(exchange, "start_date=2025-12-26&end_date=2025-12-30") == days
    assert observed(exchange, "start_date=2025-12-27&end_date=2025-12-30") == days[1:]
    assert observed(exchange, "start_date=2025-12-27&end_date=2025-12-28") == []
    assert observed(exchange, "start_date=2025-12-31") == ["2025-12-31", "2026-01-01", "2026-01-02"]
    # Nothing is published yet for the days after.
    assert observed(exchange, "start_date=2026-01-02&end_date=2026-12-31") == ["2026-01-02"]
    assert observed(exchange, "start_date=2026-01-03&end_date=2026-12-31") == []
    assert observed(exchange, "end_date=2017-01-05") == ["2017-01-03", "2017-01-04", "2017-01-05"]
    assert len(observed(exchange, "start_date=2024-01-01")) == 525


def test_the_banks_rates_follow_the_markets_past() -> None:
    market = SimulatedMarket(seed=5)
    with exchange_in_thread(market, clock_ms=lambda: SUNDAY_MS, kraken_ohlc_gap_ms=0) as exchange:
        rows = get(exchange, "/0/public/OHLC?pair=USDCAD&interval=60")["result"]["ZUSDZCAD"]
        closes = {row[0]: Decimal(row[4]) for row in rows}
        query = "start_date=2025-12-08&end_date=2026-01-02"
        observations = get(exchange, f"/valet/observations/FXUSDCAD/json?{query}")["observations"]
        assert len(observations) == 20
        for row in observations:
            at_s = int(datetime.fromisoformat(f"{row['d']}T20:00:00+00:00").timestamp())
            assert abs(Decimal(row["FXUSDCAD"]["v"]) / closes[at_s] - 1) < Decimal("0.015")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/valet/observations/FXUSDCAD/json?start_date=soon", 400),
        ("/valet/observations/FXUSDCAD/json?start_date=2026-01-02&end_date=2026-01-01", 400),
        ("/valet/observations/FXUSDCAD/json?start_date=2026-01-02&recent=1", 400),
        ("/valet/observations/FXNOSUCH/json", 404),
        ("/valet/observations/FXUSDCAD/json?recent=soon", 400),
        ("/valet/observations/FXUSDCAD/json?recent=0", 400),
    ],
)
def test_valet_says_what_is_wrong(exchange: Exchange, path: str, status: int) -> None:
    response = requests.get(exchange.url + path, timeout=5)
    assert response.status_code == status
    assert response.json().keys() == {"message", "docs"}


def test_er_api_gives_a_rate_and_the_times_of_its_refreshes(exchange: Exchange) -> None:
    answer = get(exchange, "/v6/latest/USD")
    assert (answer["result"], answer["base_code"]) == ("success", "USD")
    assert answer["rates"]["CAD"] == Decimal("1.3347")
    assert answer["rates"]["USD"] == 1
    assert answer["time_last_update_utc"] == "Sun, 04 Jan 2026 00:02:31 +0000"
    assert answer["time_last_update_unix"] * 1000 < SUNDAY_MS < answer["time_next_update_unix"] * 1000


def test_er_api_knows_no_other_base(exchange: Exchange) -> None:
    response = requests.get(f"{exchange.url}/v6/latest/XXX", timeout=5)
    assert (response.status_code, response.json()) == (404, {"result": "error", "error-type": "unsupported-code"})


def test_an_unknown_path_is_404_with_the_simulated_header(exchange: Exchange) -> None:
    response = requests.get(f"{exchange.url}/api/v3/depth", timeout=5)
    assert (response.status_code, response.headers["X-Cadfeed-Market"]) == (404, "recorded")
