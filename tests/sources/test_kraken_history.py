"""Kraken's OHLC rows become candles.

The rows have the shape of the example at https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.candles import Candle
from shared.sources import kraken
from shared.sources.history import Wanted
from shared.sources.kraken_history import history
from shared.sources.upstream import Answer, SourceUnavailable

HOUR_S = 3_600
FROM_S = 1_688_670_000
WANTED = Wanted("XBTUSD", "1h", FROM_S * 1000, (FROM_S + 2 * HOUR_S) * 1000)
ROWS: list[list[Any]] = [
    [FROM_S, "30306.1", "30306.2", "30305.7", "30305.7", "30306.1", "3.39243896", 23],
    [FROM_S + HOUR_S, "30305.7", "30305.7", "30305.7", "30305.7", "0.0", "0.00000000", 0],
    [FROM_S + 2 * HOUR_S, "30304.5", "30310.0", "30300.1", "30301.2", "30304.0", "1.00000000", 9],
]
KRAKEN: dict[str, Any] = {"error": [], "result": {"XXBTZUSD": ROWS, "last": FROM_S + HOUR_S}}


def parse(payload: object, wanted: Wanted = WANTED) -> list[Candle]:
    return history().parse(Answer(payload, wanted.until_ms, simulated=False), wanted)


def test_a_row_is_a_candle_unless_it_is_in_progress() -> None:
    first, second = parse(KRAKEN)
    assert first == Candle(
        FROM_S * 1000, Decimal("30306.1"), Decimal("30306.2"), Decimal("30305.7"), Decimal("30305.7"), ticks=0
    )
    assert [str(price) for price in (first.open, first.high, first.low, first.close)] == ROWS[0][1:5]
    assert second.open_ms == (FROM_S + HOUR_S) * 1000


@pytest.mark.parametrize(("key", "market"), [*kraken.LEGACY_KEYS.items(), ("USDTCAD", "USDTCAD"), ("SOLUSD", "SOLUSD")])
def test_the_rows_are_under_krakens_own_key(key: str, market: str) -> None:
    wanted = Wanted(market, "1h", WANTED.from_ms, WANTED.until_ms)
    assert len(parse({"error": [], "result": {key: ROWS, "last": FROM_S}}, wanted)) == 2


def test_rows_of_another_market_are_not_an_answer() -> None:
    with pytest.raises(SourceUnavailable, match="no candles of XBTUSD"):
        parse({"error": [], "result": {"XETHZUSD": ROWS, "last": FROM_S}})


def test_a_request_names_the_pair_minutes_and_second_before() -> None:
    assert history().path(WANTED) == "/0/public/OHLC"
    assert history().params(WANTED) == {"pair": "XBTUSD", "interval": "60", "since": str(FROM_S - 1)}
    minutes = {name: history().params(Wanted("XBTUSD", name, 0, 0))["interval"] for name in ("1m", "1d")}
    assert minutes == {"1m": "1", "1d": "1440"}


def test_kraken_has_the_newest_720_candles_of_each_interval() -> None:
    assert history().most == history().reach == {"1m": 720, "1h": 720, "1d": 720}
    assert history().every_ms == 1_000


def test_an_unknown_pair_has_no_candles() -> None:
    """It is an error with status 200."""
    assert parse({"error": ["EQuery:Unknown asset pair"]}) == []
    assert not history().is_unknown(404, {"error": ["EQuery:Unknown asset pair"]})


@pytest.mark.parametrize("name", ["EGeneral:Internal error", "EService:Unavailable", "EService:Busy"])
def test_another_error_is_named(name: str) -> None:
    with pytest.raises(SourceUnavailable, match=name):
        parse({"error": [name]})
    with pytest.raises(SourceUnavailable, match=name):
        parse(KRAKEN | {"error": [name]})
    with pytest.raises(SourceUnavailable, match=name):
        parse({"error": ["EQuery:Unknown asset pair", name]})


@pytest.mark.parametrize(
    ("name", "rest_ms"),
    [
        ("EAPI:Rate limit exceeded", 60_000),
        ("EGeneral:Too many requests", 60_000),
        ("EGeneral:Temporary lockout", 900_000),
    ],
)
def test_a_rate_limit_is_a_time_to_wait(name: str, rest_ms: int) -> None:
    with pytest.raises(SourceUnavailable) as unavailable:
        parse({"error": [name]})
    assert unavailable.value.retry_after_ms == rest_ms


def test_a_warning_does_not_matter() -> None:
    assert len(parse(KRAKEN | {"error": ["WGeneral:Deprecated"]})) == 2


@pytest.mark.parametrize(
    "payload", [[], None, "x", {}, {"error": []}, {"result": []}, {"result": {"XXBTZUSD": {}}}, {"result": {"last": 5}}]
)
def test_an_answer_without_rows_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        parse(payload)
