"""What the next snapshot follows: as much of the stored one as can be continued."""

from dataclasses import replace
from decimal import Decimal

import pytest

from functions.ingest.base import Base, base_of
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.values import Snapshot
from shared.store.quotes_table import Lease, Stored
from tests.functions.ingest.ingests import Clock, Market
from tests.samples import LIMITS, NOW_MS, quotes

BTC = "BTC_CAD"
TEN = Decimal(10)
DAY = Candle(NOW_MS // INTERVAL_MS["1d"] * INTERVAL_MS["1d"], TEN, TEN, TEN, TEN, ticks=7)
RATES = ((NOW_MS - INTERVAL_MS["1h"], Decimal("1.37")),)
STORED = Snapshot(
    seq=7,
    ts_ms=NOW_MS - 1_000,
    quotes=quotes(symbols=[BTC]),
    candles={BTC: {"1d": DAY}},
    usd_cad_history=RATES,
    usdt_cad_history=RATES,
)


@pytest.mark.parametrize(
    ("is_sound", "lease_seq", "told"), [(True, 0, 7), (True, 8, 7), (True, 9, 9), (False, 8, 7), (False, 20, 20)]
)
def test_only_a_sound_snapshot_that_nobody_is_ahead_of_goes_on(*, is_sound: bool, lease_seq: int, told: int) -> None:
    stored = Stored(STORED, 3, is_sound=is_sound, attributes={"seq": 7})
    base = base_of(stored, Lease(4, NOW_MS, NOW_MS + 10_000, lease_seq), NOW_MS)
    is_continued = is_sound and told == 7
    assert base == Base(replace(STORED, seq=told), None if is_continued else stored, is_read=True)


def test_candles_and_rates_outlive_broken_quotes() -> None:
    broken = replace(STORED, quotes={BTC: None})  # type: ignore[dict-item]
    new = Base(broken, is_read=True).next(Market(Clock()).poll(1), NOW_MS, LIMITS)
    assert new.seq == 8
    assert new.quotes.keys() == {BTC}
    day = new.candles[BTC]["1d"]
    assert (day.open, day.low, day.ticks) == (TEN, TEN, 8)
    assert RATES[0] in new.usd_cad_history
    assert RATES[0] in new.usdt_cad_history


def test_only_the_number_outlives_broken_candles() -> None:
    broken = replace(STORED, quotes={BTC: None}, candles={BTC: None})  # type: ignore[dict-item]
    new = Base(broken, is_read=True).next(Market(Clock()).poll(1), NOW_MS, LIMITS)
    assert new.seq == 8
    assert new.candles[BTC]["1d"].ticks == 1
