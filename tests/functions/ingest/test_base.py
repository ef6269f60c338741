"""What the next snapshot follows: as much of the stored one as can be continued."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from functions.ingest.base import YEAR_2020_S, Base, base_of
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


@pytest.mark.parametrize(
    ("stored", "is_sound", "is_known"),
    [
        ({}, True, False),
        ({"ts_ms": NOW_MS - 9_000}, True, False),  # a clock was set back
        ({"seq": 6}, True, True),
        ({"quotes": {}}, True, True),
        ({"seq": 8, "quotes": {}}, True, True),
        ({}, False, True),
        ({"seq": 8, "ts_ms": NOW_MS - 9_000}, False, True),
        ({"seq": 8, "ts_ms": NOW_MS}, False, False),  # another run wrote it, and then it was broken
    ],
)
def test_a_run_goes_on_from_what_it_knows_if_that_is_better(
    stored: dict[str, Any], *, is_sound: bool, is_known: bool
) -> None:
    known = replace(STORED, candles={BTC: {"1d": replace(DAY, ticks=99)}})
    read = Stored(replace(STORED, **stored), 3, is_sound=is_sound, attributes={"seq": 7})
    base = base_of(read, Lease(4, NOW_MS, NOW_MS + 10_000, 8), NOW_MS, known=known)
    assert base.snapshot.candles == (known if is_known else STORED).candles
    assert base.snapshot.seq == max(read.snapshot.seq, 7)


@pytest.mark.parametrize(
    ("was_lost", "attributes", "told"),
    [(False, {"seq": 7}, 7), (True, None, 7), (True, {"seq": 7}, NOW_MS // 1000 - YEAR_2020_S)],
)
def test_in_a_restored_table_the_seconds_since_2020_are_told(
    *, was_lost: bool, attributes: dict[str, Any] | None, told: int
) -> None:
    """No clock that goes right has told more than a tick a second."""
    stored = Stored(STORED, 3, attributes=attributes)
    base = base_of(stored, Lease(4, NOW_MS, NOW_MS + 10_000), NOW_MS, was_lost=was_lost)
    assert base.snapshot.seq == told


def test_candles_and_rates_outlive_what_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    broken = replace(STORED, memories={BTC: None})  # type: ignore[dict-item]
    new = Base(broken, is_read=True).next(Market(Clock()).poll(1), NOW_MS, LIMITS)
    assert new.seq == 8
    assert new.quotes.keys() == {BTC}
    day = new.candles[BTC]["1d"]
    assert (day.open, day.low, day.ticks) == (TEN, TEN, 8)
    assert RATES[0] in new.usd_cad_history
    assert RATES[0] in new.usdt_cad_history
    assert [line.message for line in caplog.records] == ["the stored snapshot cannot be continued"]


def test_only_the_number_outlives_broken_candles() -> None:
    broken = replace(STORED, quotes={BTC: None}, candles={BTC: None})  # type: ignore[dict-item]
    new = Base(broken, is_read=True).next(Market(Clock()).poll(1), NOW_MS, LIMITS)
    assert new.seq == 8
    assert new.candles[BTC]["1d"].ticks == 1


@pytest.mark.parametrize(("is_broken", "seq"), [(False, 3), (True, 8)])
def test_after_a_break_every_symbol_counts_as_changed(*, is_broken: bool, seq: int) -> None:
    known = replace(STORED, unavailable={"LTC_CAD": 3})
    base = Base(known, Stored(known, 3, is_sound=False) if is_broken else None, is_read=True)
    new = base.next(Market(Clock()).poll(1), NOW_MS, LIMITS)
    assert new.unavailable["LTC_CAD"] == seq
    assert new.quotes[BTC].seq == 8


@pytest.mark.parametrize(("is_broken", "seq"), [(False, 8), (True, 9)])
def test_after_a_break_a_quote_counts_as_changed_that_has_not(*, is_broken: bool, seq: int) -> None:
    """Nobody knows what clients have seen of it."""
    polled = Market(Clock()).poll(1)
    known = Base(STORED, is_read=True).next(polled, NOW_MS, LIMITS)
    base = Base(known, Stored(known, 3, is_sound=False) if is_broken else None, is_read=True)
    new = base.next(polled, NOW_MS + 1, LIMITS)
    assert (new.quotes[BTC].spot, new.quotes[BTC].seq) == (known.quotes[BTC].spot, seq)
