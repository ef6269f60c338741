"""The recorded candles as klines: the file's own rows at the times of the replay, and what they add up to."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.clock import Clock
from tests.recordings import recording
from tools.simulator.candles import CandleReplay, Candles, read_candles
from tools.simulator.recorded import RecordedTickers
from tools.simulator.server import Exchange, exchange_in_thread

BEGAN_MS = Clock().ms + 7 * 3_600_000 + 17 * 60_000 + 25_000
FIRST_INDEX = 1_440


@pytest.fixture(scope="module")
def path() -> Path:
    return recording("klines/binance_1m_2021-05-11T20_2021-05-13T08.csv")


@pytest.fixture(scope="module")
def parsed(path: Path) -> tuple[dict[str, Candles], int]:
    return read_candles(path)


@pytest.fixture(scope="module")
def rows(path: Path) -> list[list[str]]:
    """Return the rows of one symbol, read by other code than the exchange's."""
    with path.open(encoding="utf-8", newline="") as file:
        return [line for line in csv.reader(file) if line[0] == "ETHUSDT"]


@pytest.fixture
def clock() -> Clock:
    return Clock(BEGAN_MS)


@pytest.fixture
def exchange(parsed: tuple[dict[str, Candles], int], clock: Clock) -> Iterator[Exchange]:
    market = CandleReplay(*parsed, usd_cad=Decimal("1.2096"), speed=Decimal(1))
    with exchange_in_thread(market, clock_ms=clock, kraken_ohlc_gap_ms=0) as running:
        yield running


def klines(exchange: Exchange, interval: str, **query: object) -> Any:
    asked = {"symbol": "ETHUSDT", "interval": interval, "limit": 1_000} | query
    return requests.get(f"{exchange.url}/api/v3/klines", params=asked, timeout=5).json()  # type: ignore[arg-type]


def test_minutes_are_the_files_own_rows(exchange: Exchange, rows: list[list[str]]) -> None:
    found = klines(exchange, "1m")
    assert [row[1:5] for row in found] == [row[2:6] for row in rows[FIRST_INDEX - 999 : FIRST_INDEX + 1]]
    assert [Decimal(row[5]) for row in found] == [Decimal(row[6]) for row in rows[FIRST_INDEX - 999 : FIRST_INDEX + 1]]
    present_ms = BEGAN_MS // 60_000 * 60_000
    assert [row[0] for row in found] == [present_ms - at * 60_000 for at in range(999, -1, -1)]
    every = klines(exchange, "1m", startTime=0)
    assert every[0][1:5] == rows[0][2:6]


def test_with_speed_1_the_time_of_a_row_never_changes(exchange: Exchange, clock: Clock) -> None:
    before = klines(exchange, "1m")
    for later_ms in (34_999, 35_000, 59_999):
        clock.ms = BEGAN_MS + later_ms
        assert klines(exchange, "1m") == before
    clock.ms = BEGAN_MS + 60_000
    after = klines(exchange, "1m")
    assert after[:-1] == before[1:]
    assert after[-1][0] == before[-1][0] + 60_000 <= clock.ms
    ticker = requests.get(f"{exchange.url}/api/v3/ticker/24hr?symbol=ETHUSDT", timeout=5).json()
    assert Decimal(after[-1][4]) == Decimal(ticker["lastPrice"])
    day_ago = klines(exchange, "1m", startTime=after[-1][0] - 86_400_000, limit=1)
    assert Decimal(day_ago[0][4]) == Decimal(ticker["openPrice"])


def test_with_another_speed_the_present_minute_is_now(parsed: tuple[dict[str, Candles], int], clock: Clock) -> None:
    market = CandleReplay(*parsed, usd_cad=Decimal("1.2096"), speed=Decimal(60))
    with exchange_in_thread(market, clock_ms=clock) as exchange:
        first = klines(exchange, "1m")
        clock.ms += 60_000
        later = klines(exchange, "1m")
        assert later[-1][0] == first[-1][0] + 60_000
        assert later[-61][1:5] == first[-1][1:5]
        requests.post(f"{exchange.url}/control/step", json={"minutes": 5}, timeout=5).raise_for_status()
        stepped = klines(exchange, "1m")
        assert stepped[-1][0] == later[-1][0]
        assert stepped[-6][1:5] == later[-1][1:5]


@pytest.mark.parametrize(("interval", "minutes"), [("1h", 60), ("1d", 1_440)])
def test_hours_and_days_are_made_of_the_minutes(exchange: Exchange, interval: str, minutes: int) -> None:
    every = [*klines(exchange, "1m", startTime=0), *klines(exchange, "1m")]
    by_time = {row[0]: row for row in every}
    found = klines(exchange, interval)
    assert len(found) == {"1h": 24, "1d": 1}[interval]
    for row in found:
        parts = [by_time[at] for at in range(row[0], row[0] + minutes * 60_000, 60_000) if at in by_time]
        assert len(parts) == (minutes if row is not found[-1] else row[8])
        assert row[1] == parts[0][1]
        assert Decimal(row[2]) == max(Decimal(part[2]) for part in parts)
        assert Decimal(row[3]) == min(Decimal(part[3]) for part in parts)
        assert row[4] == parts[-1][4]
        assert Decimal(row[5]) == sum(Decimal(part[5]) for part in parts)


def test_unknown_symbols_and_coins_have_no_past(exchange: Exchange) -> None:
    assert klines(exchange, "1m", symbol="NOSUCH")["code"] == -1121
    chart = requests.get(f"{exchange.url}/api/v3/coins/bitcoin/market_chart?vs_currency=cad&days=1", timeout=5)
    assert chart.status_code == 404
    candles = requests.get(f"{exchange.url}/products/BTC-USD/candles?granularity=60", timeout=5)
    assert candles.status_code == 404


@pytest.mark.parametrize("interval", [1, 60, 1440])
def test_the_rate_is_constant(exchange: Exchange, interval: int) -> None:
    answer = requests.get(f"{exchange.url}/0/public/OHLC?pair=USDCAD&interval={interval}", timeout=5).json()["result"]
    rows = answer["ZUSDZCAD"]
    assert len(rows) == 720
    assert {tuple(row[1:6]) for row in rows} == {("1.20960",) * 5}
    assert rows[-1][0] == BEGAN_MS // 1_000 // (interval * 60) * (interval * 60)


def test_recorded_tickers_tell_no_past_but_the_rate() -> None:
    market = RecordedTickers(
        [{"symbol": "ETHUSDT", "openTime": 0, "closeTime": 1}], Decimal("1.2096"), Decimal(0), "rows"
    )
    with exchange_in_thread(market, clock_ms=Clock()) as exchange:
        assert klines(exchange, "1m") == []
        assert klines(exchange, "1m", symbol="NOSUCH")["code"] == -1121
        answer = requests.get(f"{exchange.url}/0/public/OHLC?pair=USDCAD", timeout=5).json()["result"]
        assert len(answer["ZUSDZCAD"]) == 720
