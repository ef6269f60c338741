"""Between two of CoinGecko's points lies a candle.

The answers have the shape of the example at https://docs.coingecko.com/reference/coins-id-market-chart
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.candles import Candle
from shared.model.wire import dumps, loads
from shared.sources.coingecko_history import history
from shared.sources.history import Wanted
from shared.sources.upstream import Answer, SourceUnavailable

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
DAY_0_MS = 1_711_843_200_000  # 2024-03-31
HOURS = Wanted("monero", "1h", DAY_0_MS, DAY_0_MS + 4 * HOUR_MS)
DAYS = Wanted("monero", "1d", DAY_0_MS, DAY_0_MS + 3 * DAY_MS)
COINGECKO: Any = loads(
    """{
        "prices": [
            [1711843200000, 69702.3087473573466],
            [1711929600000, 71246.9514406015],
            [1711983682000, 68887.74951585678]
        ],
        "market_caps": [[1711843200000, 1370247487960.0945], [1711929600000, 1401370211582.3662]],
        "total_volumes": [[1711843200000, 16408802301.837431], [1711929600000, 19723005998.21497]]
    }"""
)


def parse(payload: object, wanted: Wanted) -> list[Candle]:
    return history().parse(Answer(payload, wanted.until_ms, simulated=False), wanted)


def hours_from(*points: tuple[int, str]) -> list[tuple[int, str, str]]:
    """Return hour, open and close of the candles from points at minutes after midnight."""
    prices = [[DAY_0_MS + minute * MINUTE_MS, Decimal(price)] for minute, price in points]
    return [
        ((candle.open_ms - DAY_0_MS) // HOUR_MS, str(candle.open), str(candle.close))
        for candle in parse({"prices": prices}, HOURS)
    ]


def test_a_day_lies_between_two_midnights() -> None:
    """The last point is the price of now, not that of a midnight."""
    opened, closed = Decimal("69702.3087473573466"), Decimal("71246.9514406015")
    assert parse(COINGECKO, DAYS) == [Candle(DAY_0_MS, opened, closed, opened, closed, ticks=0)]


def test_high_and_low_are_the_larger_and_the_smaller_point() -> None:
    falling = [[DAY_0_MS, 5], [DAY_0_MS + DAY_MS, 3]]
    assert parse({"prices": falling}, DAYS) == [Candle(DAY_0_MS, Decimal(5), Decimal(5), Decimal(3), Decimal(3))]


def test_an_hour_takes_the_points_nearest_to_its_ends() -> None:
    assert hours_from((3, "10"), (58, "11"), (63, "12"), (121, "13")) == [(0, "10", "11"), (1, "11", "13")]


def test_an_hour_may_begin_with_a_point_of_the_hour_before() -> None:
    assert hours_from((-20, "10"), (60, "11")) == [(0, "10", "11")]


def test_of_two_points_equally_near_the_earlier_counts() -> None:
    assert hours_from((0, "10"), (57, "11"), (63, "12")) == [(0, "10", "11")]
    assert hours_from((0, "10"), (63, "12"), (57, "11")) == [(0, "10", "11")]


def test_a_point_counts_within_half_an_hour_for_one_hour_only() -> None:
    assert hours_from((0, "10"), (89, "11")) == [(0, "10", "11")]
    assert hours_from((0, "10"), (90, "11")) == []
    assert hours_from((0, "10"), (90, "11"), (120, "12"), (180, "13")) == [(2, "12", "13")]


def test_there_is_no_candle_where_a_point_is_missing() -> None:
    assert hours_from((0, "10"), (60, "11"), (180, "13"), (240, "14")) == [(0, "10", "11"), (3, "13", "14")]
    assert hours_from((0, "10")) == []


def test_a_point_without_a_price_above_zero_does_not_count() -> None:
    points: list[Any] = [[DAY_0_MS, Decimal(10)], [DAY_0_MS + HOUR_MS, Decimal(0)], [DAY_0_MS + HOUR_MS, None]]
    assert parse({"prices": points}, HOURS) == []
    (candle,) = parse({"prices": [*points, [DAY_0_MS + HOUR_MS + 1, Decimal(11)]]}, HOURS)
    assert candle.close == 11


@pytest.mark.parametrize(
    ("wanted", "ago_ms", "days"),
    [
        (HOURS, HOUR_MS, 2),
        (HOURS, 2 * DAY_MS - 31 * MINUTE_MS, 2),
        (HOURS, 2 * DAY_MS - 30 * MINUTE_MS, 3),
        (HOURS, 60 * DAY_MS, 61),
        (HOURS, 400 * DAY_MS, 90),
        (DAYS, DAY_MS, 91),
        (DAYS, 200 * DAY_MS + HOUR_MS, 201),
        (DAYS, 730 * DAY_MS, 365),
    ],
)
def test_a_request_reaches_back_to_the_first_point(wanted: Wanted, ago_ms: int, days: int) -> None:
    """It stays in the range of days for which CoinGecko states points of the interval."""
    of_coin = history(lambda: wanted.from_ms + ago_ms)
    assert of_coin.path(wanted) == "/api/v3/coins/monero/market_chart"
    assert of_coin.params(wanted) == {"vs_currency": "cad", "days": str(days), "precision": "full"}


def test_coingecko_has_90_days_of_hours_and_a_year_of_days() -> None:
    assert history().most == history().reach == {"1h": 90 * 24, "1d": 365}


def test_its_pace_leaves_a_call_a_minute_for_the_ticker() -> None:
    assert 60_000 / history().every_ms + 1 < 10


@pytest.mark.parametrize(
    ("base_url", "header"),
    [("https://api.coingecko.com", "x-cg-demo-api-key"), ("https://pro-api.coingecko.com", "x-cg-pro-api-key")],
)
def test_a_key_goes_into_the_header_of_its_plan(base_url: str, header: str) -> None:
    key_header = history().key_header
    assert key_header
    assert key_header(base_url) == header


@pytest.mark.parametrize("payload", [[], None, "x", {}, {"prices": {}}, {"error": "coin not found"}])
def test_an_answer_without_prices_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        parse(payload, DAYS)


def test_only_not_found_means_an_unknown_coin() -> None:
    assert history().is_unknown(404, {"error": "coin not found"})
    assert not history().is_unknown(429, {"status": {"error_code": 429}})
    assert not history().is_unknown(401, {"error": {"status": {"error_code": 10012}}})


def test_a_tiny_price_with_an_exponent_keeps_every_digit() -> None:
    payload = loads(f'{{"prices": [[{DAY_0_MS}, 1.2439404123456789e-05], [{DAY_0_MS + DAY_MS}, 1e-05]]}}')
    (candle,) = parse(payload, DAYS)
    assert dumps([candle.open, candle.close]) == "[0.000012439404123456789,0.0000100000]"
