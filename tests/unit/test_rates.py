"""What a US dollar and a Tether cost in CAD: who is asked first, who is believed, and what it was a day ago."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.fx import (
    CLOCK_SKEW_MS,
    DAY_MS,
    HOUR_MS,
    MAX_AGE_MS,
    a_day_ago,
    believable_rates,
    cross,
    hourly,
    jumped,
    usd_cad,
    usdt_cad,
)
from shared.values import Rate
from tests.unit.samples import NOW_MS, prices, rate, rate_ticker, ticker

KRAKEN, BANK, ER_API = "kraken:USDCAD", "bank_of_canada:FXUSDCAD", "er_api:USDCAD"
USDT_CAD, USDT_USD = "kraken:USDTCAD", "kraken:USDTUSD"
books = st.tuples(prices, prices).map(sorted)


def aged(ages_ms: dict[str, int]) -> dict[str, Rate]:
    """Rates of these ages."""
    return {name: rate(name, ts_ms=NOW_MS - age_ms) for name, age_ms in ages_ms.items()}


def believed(old: dict[str, str], fresh: dict[str, str], age_ms: int | dict[str, int] = 5_000) -> dict[str, str]:
    """The mid rates after a tick in which the fresh ones came, the old ones being so old."""
    ages = age_ms if isinstance(age_ms, dict) else dict.fromkeys(old, age_ms)
    before = {name: rate(name, mid, ts_ms=NOW_MS - ages[name]) for name, mid in old.items()}
    rates = believable_rates(before, [rate_ticker(name, mid) for name, mid in fresh.items()], NOW_MS)
    return {name: f"{found.mid.normalize():f}" for name, found in rates.items()}


# Which rate serves


def test_rates_are_taken_by_source_and_market_from_among_the_tickers() -> None:
    kraken = rate_ticker(KRAKEN, "1.3347", ts_ms=NOW_MS - 700)
    bank = rate_ticker(BANK, "1.3363", simulated=True)
    rates = believable_rates({}, [ticker(), kraken, ticker("USDCAD", source="binance"), bank], NOW_MS)
    assert rates == {
        KRAKEN: Rate(KRAKEN, kraken.bid, kraken.ask, NOW_MS - 700),
        BANK: Rate(BANK, bank.bid, bank.ask, NOW_MS, simulated=True),
    }


@pytest.mark.parametrize(
    ("ages_ms", "chosen"),
    [
        ({ER_API: 0, BANK: 0, KRAKEN: 0}, KRAKEN),
        ({ER_API: 0, BANK: 0, KRAKEN: 120_000}, KRAKEN),
        ({ER_API: 0, BANK: 0, KRAKEN: 120_001}, BANK),
        ({ER_API: 0, BANK: 5 * DAY_MS}, BANK),
        ({ER_API: 3 * DAY_MS, BANK: 5 * DAY_MS + 1}, ER_API),
        ({ER_API: 3 * DAY_MS + 1, BANK: 5 * DAY_MS + 1, KRAKEN: 120_001}, None),
        ({USDT_CAD: 0, "nobody:USDCAD": 0}, None),
        ({}, None),
    ],
)
def test_the_live_rate_is_first_then_the_banks_then_the_daily_one_and_none_when_too_old(
    ages_ms: dict[str, int], chosen: str | None
) -> None:
    found = usd_cad(aged(ages_ms), NOW_MS)
    assert (found.source if found else None) == chosen


@pytest.mark.parametrize(
    ("ages_ms", "source"),
    [
        ({USDT_CAD: 120_000, USDT_USD: 0, KRAKEN: 0}, USDT_CAD),
        ({USDT_CAD: 0}, USDT_CAD),
        ({USDT_CAD: 120_001, USDT_USD: 120_000, KRAKEN: 0}, f"{USDT_USD} x {KRAKEN}"),
        ({USDT_USD: 0, BANK: DAY_MS}, f"{USDT_USD} x {BANK}"),
        ({USDT_USD: 120_001, KRAKEN: 0}, f"parity:USDTUSD x {KRAKEN}"),
        ({KRAKEN: 120_001, ER_API: 0}, f"parity:USDTUSD x {ER_API}"),
        ({USDT_USD: 0}, None),
        ({}, None),
    ],
)
def test_usdt_is_its_own_market_then_through_the_dollar_then_at_parity_and_says_which(
    ages_ms: dict[str, int], source: str | None
) -> None:
    found = usdt_cad(aged(ages_ms), NOW_MS)
    assert (found.source if found else None) == source


def test_usdt_is_not_usd() -> None:
    dollar = rate(KRAKEN, "1.34", "1.36")
    through = usdt_cad({KRAKEN: dollar, USDT_USD: rate(USDT_USD, "0.99", "1.01")}, NOW_MS)
    assert through == Rate(f"{USDT_USD} x {KRAKEN}", Decimal("1.3266"), Decimal("1.3736"), NOW_MS)
    at_parity = usdt_cad({KRAKEN: dollar}, NOW_MS)
    assert at_parity == replace(dollar, source=f"parity:USDTUSD x {KRAKEN}")


def test_a_rate_from_the_future_is_no_rate() -> None:
    """Its time is wrong, and by it the rate would never grow old."""
    ahead = rate(ts_ms=NOW_MS + CLOCK_SKEW_MS)
    assert usd_cad({KRAKEN: ahead}, NOW_MS) == ahead
    assert usd_cad({KRAKEN: replace(ahead, ts_ms=ahead.ts_ms + 1)}, NOW_MS) is None


@given(first=books, second=books)
def test_a_cross_is_exact_and_gains_no_negative_spread(first: list[Decimal], second: list[Decimal]) -> None:
    crossed = cross(rate(USDT_USD, *first), rate(KRAKEN, *second))
    assert Fraction(crossed.bid) == Fraction(first[0]) * Fraction(second[0])
    assert Fraction(crossed.ask) == Fraction(first[1]) * Fraction(second[1])
    assert Fraction(crossed.mid) == (Fraction(crossed.bid) + Fraction(crossed.ask)) / 2
    assert 0 < crossed.bid <= crossed.mid <= crossed.ask


@pytest.mark.parametrize(("first", "second"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_cross_is_simulated_when_either_of_its_markets_is(first: bool, second: bool) -> None:
    crossed = cross(rate(USDT_USD, simulated=first), rate(KRAKEN, simulated=second))
    assert crossed.simulated is (first or second)


# Which rate is believed


@pytest.mark.parametrize(("now", "is_jump"), [("1.5", False), ("1.51", True), ("0.5", False), ("0.49", True)])
def test_a_jump_is_more_than_50_percent(now: str, is_jump: bool) -> None:
    assert jumped(Decimal(now), Decimal(1)) is is_jump


@pytest.mark.parametrize("wrong", ["1340", "0.00134", "2.1"])
@pytest.mark.parametrize("others", [{}, {BANK: "1.36"}, {BANK: "1.36", ER_API: "1.35"}])
def test_a_dollar_that_jumps_is_not_believed(wrong: str, others: dict[str, str]) -> None:
    old = {KRAKEN: "1.34"} | others
    assert believed(old, {KRAKEN: wrong}) == old
    assert believed(old, {KRAKEN: "1.35"}) == old | {KRAKEN: "1.35"}


@pytest.mark.parametrize("wrong", ["1340", "0.00134"])
def test_the_first_dollar_of_a_source_is_held_against_the_others(wrong: str) -> None:
    assert believed({BANK: "1.36"}, {KRAKEN: wrong}) == {BANK: "1.36"}
    assert believed({BANK: "1.36"}, {KRAKEN: "1.34"}) == {BANK: "1.36", KRAKEN: "1.34"}
    assert believed({}, {KRAKEN: wrong, BANK: "1.36"}) == {}
    assert believed({}, {KRAKEN: wrong, BANK: "1.36", ER_API: "1.35"}) == {BANK: "1.36", ER_API: "1.35"}
    assert believed({}, {KRAKEN: "1.34"}) == {KRAKEN: "1.34"}


def test_a_dollar_that_really_jumped_passes_when_another_source_says_so() -> None:
    assert believed({KRAKEN: "1.34"}, {KRAKEN: "2.2", BANK: "2.1"}) == {KRAKEN: "2.2", BANK: "2.1"}
    assert believed({KRAKEN: "1.34", BANK: "2.1"}, {KRAKEN: "2.2"}) == {KRAKEN: "2.2", BANK: "2.1"}


def test_a_rate_that_is_not_believed_leaves_the_older_one_its_time() -> None:
    old = aged({KRAKEN: 100_000})
    assert believable_rates(old, [rate_ticker(KRAKEN, "1334.7")], NOW_MS) == old
    assert usd_cad(believable_rates(old, [rate_ticker(KRAKEN, "1334.7")], NOW_MS + 20_001), NOW_MS + 20_001) is None


@pytest.mark.parametrize(("name", "fair"), [(USDT_CAD, "1.34"), (USDT_USD, "1")])
def test_a_tether_is_held_against_what_it_was_and_at_first_against_the_dollar(name: str, fair: str) -> None:
    dollar = {KRAKEN: "1.35"}
    for wrong in (Decimal(fair) * 1000, Decimal(fair) / 1000):
        assert believed(dollar, {name: str(wrong)}) == dollar
        assert believed({}, {name: str(wrong)} | dollar) == dollar  # of the same tick
        assert believed(dollar | {name: fair}, {name: str(wrong)}) == dollar | {name: fair}
    assert believed(dollar, {name: fair}) == dollar | {name: fair}


def test_what_a_tether_costs_in_dollars_is_held_against_parity() -> None:
    assert believed({}, {USDT_USD: "1000"}) == {}
    assert believed({KRAKEN: "1.35"}, {USDT_USD: "0.6"}) == {KRAKEN: "1.35", USDT_USD: "0.6"}


def test_a_tether_is_not_held_against_a_dollar_that_is_not_believed() -> None:
    assert believed({KRAKEN: "1.35"}, {KRAKEN: "1350", USDT_CAD: "1.34"}) == {KRAKEN: "1.35", USDT_CAD: "1.34"}
    assert believed({KRAKEN: "1.35"}, {KRAKEN: "1350", USDT_CAD: "1340"}) == {KRAKEN: "1.35"}
    assert believed({}, {USDT_CAD: "1.34"}) == {USDT_CAD: "1.34"}


def test_a_slow_de_peg_passes() -> None:
    rates = {KRAKEN: "1.35", USDT_CAD: "1.35", USDT_USD: "1"}
    for worth in ("0.7", "0.4", "0.21", "0.11"):
        rates = believed(rates, {USDT_CAD: worth, USDT_USD: worth})
        assert rates == {KRAKEN: "1.35", USDT_CAD: worth, USDT_USD: worth}


@pytest.mark.parametrize("name", MAX_AGE_MS)
def test_an_ancient_rate_does_not_block_new_ones_of_its_source(name: str) -> None:
    ancient_ms = max(HOUR_MS, MAX_AGE_MS[name])
    assert believed({name: "0.3"}, {name: "1.2"}, ancient_ms) == {name: "0.3"}
    assert believed({name: "0.3"}, {name: "1.2"}, ancient_ms + 1) == {name: "1.2"}


def test_an_ancient_rate_does_not_block_those_of_other_sources() -> None:
    ages_ms = {KRAKEN: HOUR_MS + 1}
    assert believed({KRAKEN: "1340"}, {BANK: "1.36"}, ages_ms) == {KRAKEN: "1340", BANK: "1.36"}
    assert believed({KRAKEN: "1340"}, {BANK: "1.36"}, {KRAKEN: HOUR_MS}) == {KRAKEN: "1340"}


# A day ago


def test_the_rate_of_24_h_ago_is_the_last_one_within_half_an_hour_of_it() -> None:
    history = tuple((NOW_MS - hours * HOUR_MS, Decimal(hours)) for hours in (25, 24, 23, 1))
    assert a_day_ago(history, NOW_MS) == 24
    assert a_day_ago(history, NOW_MS + HOUR_MS // 2 - 1) == 24
    assert a_day_ago(history, NOW_MS + HOUR_MS // 2) == 23
    assert a_day_ago(history[:1], NOW_MS) == 25


def test_there_is_no_rate_of_24_h_ago_before_the_feed_is_that_old_or_after_it_slept_longer() -> None:
    assert a_day_ago((), NOW_MS) is None
    assert a_day_ago(((NOW_MS - 23 * HOUR_MS, Decimal(1)),), NOW_MS) is None
    assert a_day_ago(((NOW_MS - 25 * HOUR_MS - 1, Decimal(1)),), NOW_MS) is None


def test_the_mid_is_recorded_and_without_a_rate_nothing_is() -> None:
    history = ((NOW_MS - HOUR_MS, Decimal("1.3")),)
    assert hourly(history, rate(KRAKEN, "1.34", "1.36"), NOW_MS) == (*history, (NOW_MS, Decimal("1.35")))
    assert hourly(history, None, NOW_MS) == history
    assert hourly((), rate(KRAKEN, "1.34", "1.36"), NOW_MS) == ((NOW_MS, Decimal("1.35")),)
