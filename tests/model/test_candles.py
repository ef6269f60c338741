"""Candles of minutes and hours are kept for a time that begins at their end, those of days for good."""

import pytest

from shared.model.candles import DAY_MS, INTERVAL_MS, kept_from_ms
from tests.samples import NOW_MS


@pytest.mark.parametrize(("interval", "kept_days"), [("1m", 2), ("1h", 90)])
def test_a_candle_is_kept_until_its_time_after_its_end(interval: str, kept_days: int) -> None:
    ended_ms = NOW_MS + INTERVAL_MS[interval]
    forgotten_ms = ended_ms + kept_days * DAY_MS
    assert kept_from_ms(interval, forgotten_ms - 1) == NOW_MS
    assert kept_from_ms(interval, forgotten_ms) == NOW_MS + 1


def test_candles_of_days_are_kept_for_good() -> None:
    assert kept_from_ms("1d", NOW_MS) == 0


@pytest.mark.parametrize("interval", INTERVAL_MS)
def test_a_clock_that_begins_in_1970_forgets_nothing(interval: str) -> None:
    assert kept_from_ms(interval, 0) == 0
