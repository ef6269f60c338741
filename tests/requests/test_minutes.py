"""A chart of minutes without listeners has them fetched, once in a while."""

from decimal import Decimal

from botocore.exceptions import EndpointConnectionError

from shared.model.candles import BACKFILLED_MS, Candle
from shared.requests.minutes import ASKED_EVERY_MS, PAUSE_MS, MinutesBackfill
from tests.samples import NOW_MS

PRICE = Decimal(100)


def minute(age_ms: int, ticks: int | None) -> Candle:
    return Candle(NOW_MS - age_ms, PRICE, PRICE, PRICE, PRICE, ticks)


def asked(*candles: Candle) -> list[str]:
    found: list[str] = []
    MinutesBackfill(found.append).look("BTC_CAD", candles, NOW_MS)
    return found


def test_a_minute_of_one_tick_is_asked_for() -> None:
    assert asked(minute(60_000, 12), minute(120_000, 1)) == ["BTC_CAD"]


def test_minutes_with_a_range_are_not() -> None:
    assert asked(minute(60_000, 12), minute(120_000, 0), minute(180_000, None), minute(240_000, 2)) == []


def test_older_minutes_than_are_fetched_are_not() -> None:
    assert asked(minute(BACKFILLED_MS["1m"] + 1, 1)) == []


def test_a_symbol_is_asked_for_once_in_three_minutes() -> None:
    found: list[str] = []
    minutes = MinutesBackfill(found.append)
    for symbol, now_ms in (
        ("BTC_CAD", 0),
        ("ETH_CAD", PAUSE_MS - 1),
        ("ETH_CAD", PAUSE_MS),
        ("BTC_CAD", ASKED_EVERY_MS - 1),
        ("BTC_CAD", ASKED_EVERY_MS),
    ):
        minutes.look(symbol, [minute(0, 1)], NOW_MS + now_ms)
    assert found == ["BTC_CAD", "ETH_CAD", "BTC_CAD"]


def test_a_failure_costs_no_answer_and_is_tried_again() -> None:
    found: list[str] = []

    def fails_once(symbol: str) -> None:
        found.append(symbol)
        if len(found) == 1:
            raise EndpointConnectionError(endpoint_url="https://lambda")

    minutes = MinutesBackfill(fails_once)
    minutes.look("BTC_CAD", [minute(0, 1)], NOW_MS)
    minutes.look("BTC_CAD", [minute(0, 1)], NOW_MS + PAUSE_MS)
    assert found == ["BTC_CAD", "BTC_CAD"]


def test_a_deployment_without_backfill_asks_for_nothing() -> None:
    MinutesBackfill(None).look("BTC_CAD", [minute(0, 1)], NOW_MS)
