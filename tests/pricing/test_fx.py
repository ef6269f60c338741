"""The prices of a US dollar and a Tether in CAD: by agreement, or by rules where there is none."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.values import Rate, Snapshot, Ticker
from shared.pricing.consensus import CONFIRMED_FOR_MS
from shared.pricing.fx import (
    BANK_USD,
    CLOCK_SKEW_MS,
    COINBASE_USDT,
    COINGECKO_USD,
    COINGECKO_USDT,
    DAY_MS,
    ER_API_USD,
    HOUR_MS,
    IMPLIED_USD,
    KRAKEN_USD,
    KRAKEN_USDT,
    KRAKEN_USDT_CAD,
    MAX_AGE_MS,
    Currencies,
    a_day_ago,
    cross,
    currencies,
    hourly,
    stated_rates,
    with_past,
)
from tests.samples import NOW_MS, prices, rate, rate_ticker

books = st.tuples(prices, prices).map(sorted)
ALL = {KRAKEN_USD: "1.37", COINGECKO_USD: "1.3701", BANK_USD: "1.372", ER_API_USD: "1.368"}
TETHERS = {KRAKEN_USDT_CAD: "1.3702", KRAKEN_USDT: "1.0001", COINBASE_USDT: "0.9999", COINGECKO_USDT: "1"}


def decided(said: dict[str, str], old: Snapshot | None = None, now_ms: int = NOW_MS) -> Currencies:
    """Return the rates if each of these sources says that now."""
    return currencies(old or Snapshot(), {n: rate(n, mid, ts_ms=now_ms) for n, mid in said.items()}, now_ms)


def after(said: dict[str, str], now_ms: int = NOW_MS, old: Snapshot | None = None) -> Snapshot:
    """Return the snapshot after a tick in which they said that."""
    made = decided(said, old, now_ms)
    return Snapshot(seq=1, ts_ms=now_ms, fx_rates=made.fx_rates, memories=made.memories)


def dollar(made: Currencies) -> tuple[str, Decimal]:
    return made.fx_rates["USD"].source, made.fx_rates["USD"].mid


def test_a_tilt_is_the_rate_without_one_of_its_sources() -> None:
    made = decided(ALL | TETHERS | {KRAKEN_USD: "1.38", KRAKEN_USDT_CAD: "1.38"})
    assert made.fx_rates["USD"].source == KRAKEN_USD
    assert made.tilts.keys() == {"kraken"}
    dollar, tether = made.tilts["kraken"]
    assert dollar * Decimal("1.38") == pytest.approx(Decimal("1.3701"))
    assert tether * Decimal("1.38") == pytest.approx(Decimal("1.3701") * Decimal("0.9999"))
    through_two = decided(ALL | {COINBASE_USDT: "1.001", COINGECKO_USDT: "1"})
    assert through_two.fx_rates["USDT"].source == f"{COINBASE_USDT} x {KRAKEN_USD}"
    assert through_two.tilts.keys() == {"kraken", "coinbase"}


def test_a_tilt_needs_another_live_source_of_the_dollar() -> None:
    alone = {name: mid for name, mid in (ALL | TETHERS).items() if name != COINGECKO_USD}
    assert not decided(alone).tilts
    assert not decided({KRAKEN_USD: "1.37", COINBASE_USDT: "1"}).tilts
    far_off = decided(ALL | TETHERS | {COINGECKO_USD: "137"})
    assert dollar(far_off) == (KRAKEN_USD, Decimal("1.37"))
    assert not far_off.tilts


# Statements


def test_a_statement_is_kept_until_it_is_too_old_for_its_kind() -> None:
    old = {name: rate(name, ts_ms=NOW_MS) for name in MAX_AGE_MS}
    for name, age_ms in MAX_AGE_MS.items():
        assert name in stated_rates(old, [], NOW_MS + age_ms)
        assert name not in stated_rates(old, [], NOW_MS + age_ms + 1)
    assert MAX_AGE_MS[BANK_USD] == 6 * DAY_MS


def test_a_held_answer_is_as_old_as_when_it_came() -> None:
    """A source that is asked every five minutes states its rate for all five."""
    answer = [rate_ticker(COINGECKO_USDT, "1", has_book=False)]
    later_ms = NOW_MS + 300_000
    assert stated_rates({}, answer, later_ms)[COINGECKO_USDT].mid == 1
    old = [replace(answer[0], ts_ms=NOW_MS - MAX_AGE_MS[COINGECKO_USDT] - 1)]
    assert not stated_rates({}, old, later_ms)


def test_a_book_wider_than_a_percent_is_not_a_rate() -> None:
    def stated(ask: str) -> dict[str, Rate]:
        return stated_rates({}, [rate_ticker(KRAKEN_USD, "1", bid=Decimal(1), ask=Decimal(ask))], NOW_MS)

    exact = rate_ticker(KRAKEN_USD, "1", bid=Decimal("0.995"), ask=Decimal("1.005"))
    assert KRAKEN_USD in stated_rates({}, [exact], NOW_MS)
    assert KRAKEN_USD in stated("1.01")
    assert KRAKEN_USD not in stated("1.0101")


def test_a_refused_ticker_states_no_rate() -> None:
    assert not stated_rates({}, [rate_ticker(KRAKEN_USD, "1.37", refused="crossed")], NOW_MS)


def test_krakens_coins_imply_a_rate_only_in_both_dollars() -> None:
    pairs = {"XBT": "95000", "ETH": "3300", "SOL": "140", "XRP": "2"}
    tickers = [
        rate_ticker(f"kraken:{coin}{currency}", Decimal(price) * factor)
        for coin, price in pairs.items()
        for currency, factor in (("USD", Decimal(1)), ("CAD", Decimal("1.37")))
    ]
    assert stated_rates({}, tickers, NOW_MS)[IMPLIED_USD].mid == Decimal("1.37")
    lied = [replace(t, bid=t.bid * 2, ask=t.ask * 2, last=t.last * 2) if t.market == "XBTCAD" else t for t in tickers]
    assert stated_rates({}, lied, NOW_MS)[IMPLIED_USD].mid == Decimal("1.37")
    assert IMPLIED_USD in stated_rates({}, tickers[:4], NOW_MS)
    assert IMPLIED_USD not in stated_rates({}, tickers[:2], NOW_MS)


@pytest.mark.parametrize("wide", ["ETHUSD", "ETHCAD"])
def test_a_wide_book_in_either_dollar_implies_no_rate(wide: str) -> None:
    tickers = [rate_ticker(f"kraken:{coin}{dollar}", "100") for coin in ("XBT", "ETH") for dollar in ("USD", "CAD")]
    widened = [replace(t, bid=t.bid * Decimal("0.98")) if t.market == wide else t for t in tickers]
    assert IMPLIED_USD in stated_rates({}, tickers, NOW_MS)
    assert IMPLIED_USD not in stated_rates({}, widened, NOW_MS)


@pytest.mark.parametrize(
    ("markets", "name"),
    [
        ([KRAKEN_USD], KRAKEN_USD),
        ([f"kraken:{coin}{dollar}" for coin in ("XBT", "ETH") for dollar in ("USD", "CAD")], IMPLIED_USD),
        (["coingecko:solana", "coingecko:solana/usd"], COINGECKO_USD),
    ],
)
def test_a_rate_has_the_time_and_the_kind_of_its_markets(markets: list[str], name: str) -> None:
    """A book is of now, whenever the last trade was; a last trade is of its own time."""
    tickers = [rate_ticker(market, "100", ts_ms=NOW_MS - 9_000, answered_ms=NOW_MS - 1_000) for market in markets]
    assert stated_rates({}, tickers, NOW_MS)[name].ts_ms == NOW_MS - 1_000
    bookless = [replace(ticker, has_book=False) for ticker in tickers]
    assert stated_rates({}, bookless, NOW_MS)[name].ts_ms == NOW_MS - 9_000
    assert not stated_rates({}, tickers, NOW_MS)[name].simulated
    simulated = [replace(tickers[0], simulated=True), *tickers[1:]]
    assert stated_rates({}, simulated, NOW_MS)[name].simulated


def test_a_rate_may_be_of_the_future_by_a_clocks_error() -> None:
    said = rate(KRAKEN_USD, ts_ms=NOW_MS + CLOCK_SKEW_MS)
    assert stated_rates({KRAKEN_USD: said}, [], NOW_MS) == {KRAKEN_USD: said}
    assert stated_rates({KRAKEN_USD: said}, [], NOW_MS - 1) == {}


def test_coingeckos_rate_is_the_median_of_its_coins() -> None:
    def coin(name: str, price: str) -> Ticker:
        return rate_ticker(f"coingecko:{name}", price, has_book=False)

    tickers = [coin("bitcoin", "137000"), coin("bitcoin/usd", "100000"), coin("tether", "1.5"), coin("tether/usd", "1")]
    tickers += [coin("solana", "137"), coin("solana/usd", "100"), coin("dogecoin", "1")]
    assert stated_rates({}, tickers, NOW_MS)[COINGECKO_USD].mid == Decimal("1.37")


# The US dollar


def test_live_rates_that_agree_need_no_other() -> None:
    daily_far_off = {BANK_USD: "1.30", ER_API_USD: "1.30"}
    assert dollar(decided(ALL | daily_far_off)) == (KRAKEN_USD, Decimal("1.37"))


@pytest.mark.parametrize("factor", ["0.9", "0.976", "0.98", "1.02", "1.024", "1.1"])
@pytest.mark.parametrize("without", [(), (COINGECKO_USD,), (COINGECKO_USD, ER_API_USD), (BANK_USD, ER_API_USD)])
def test_the_others_tell_which_of_krakens_two_rates_is_wrong(factor: str, without: tuple[str, ...]) -> None:
    said = {name: mid for name, mid in (ALL | {IMPLIED_USD: "1.3702"}).items() if name not in without}
    for liar, right in ((KRAKEN_USD, IMPLIED_USD), (IMPLIED_USD, KRAKEN_USD)):
        lied = said | {liar: f"{Decimal(said[liar]) * Decimal(factor)}"}
        assert dollar(decided(lied)) == (right, Decimal(said[right]))


def test_a_wrong_daily_rate_does_not_part_two_live_ones() -> None:
    said = {KRAKEN_USD: "1.37", COINGECKO_USD: "1.3865", BANK_USD: "0.73"}
    assert dollar(decided(said))[1] in {Decimal("1.37"), Decimal("1.3865")}


@pytest.mark.parametrize("factor", ["0.01", "0.5", "0.73", "0.9", "0.97", "1.03", "1.1", "2", "1000"])
@pytest.mark.parametrize("liar", ALL)
def test_with_four_sources_none_alone_moves_the_dollar(liar: str, factor: str) -> None:
    lied = f"{Decimal(ALL[liar]) * Decimal(factor)}"
    for old in (None, after(ALL)):
        source, mid = dollar(decided(ALL | {liar: lied}, old, NOW_MS + 5_000))
        assert source != liar or (factor == "0.97" and liar in {BANK_USD, ER_API_USD})
        assert abs(mid / Decimal("1.37") - 1) < Decimal("0.002")


def test_krakens_coins_replace_its_own_rate_when_that_lies() -> None:
    said = {KRAKEN_USD: "1.55", IMPLIED_USD: "1.3699", BANK_USD: "1.372", ER_API_USD: "1.368"}
    assert dollar(decided(said)) == (IMPLIED_USD, Decimal("1.3699"))


def test_a_live_rate_may_be_2_5_percent_from_the_daily_ones() -> None:
    daily = {BANK_USD: "1", ER_API_USD: "1"}
    assert dollar(decided({KRAKEN_USD: "1.025"} | daily)) == (KRAKEN_USD, Decimal("1.025"))
    assert dollar(decided({KRAKEN_USD: "1.026"} | daily)) == (BANK_USD, Decimal(1))


@pytest.mark.parametrize(("inverted", "right"), [(BANK_USD, ER_API_USD), (ER_API_USD, BANK_USD)])
def test_the_past_decides_between_two_rates_that_disagree(inverted: str, right: str) -> None:
    said = {BANK_USD: "1.371", ER_API_USD: "1.37"}
    source, mid = dollar(decided(said | {inverted: "0.7289"}, after(ALL), NOW_MS + HOUR_MS // 2))
    assert (source, mid) == (right, Decimal(said[right]))


def test_the_past_tells_which_of_krakens_two_rates_is_wrong() -> None:
    said = {KRAKEN_USD: "1.5", IMPLIED_USD: "1.37"}
    before = after({KRAKEN_USD: "1.37"})
    assert dollar(decided(said, before, NOW_MS + 5_000)) == (IMPLIED_USD, Decimal("1.37"))
    both_jumped = decided({KRAKEN_USD: "1.6", IMPLIED_USD: "1.45"}, before, NOW_MS + 5_000)
    assert both_jumped.memories["USD"].held == Decimal("1.45")


def test_two_rates_that_disagree_without_a_past_give_no_rate() -> None:
    """This holds however long they disagree."""
    snapshot = Snapshot()
    for minute in range(10):
        snapshot = after({BANK_USD: "0.7289", ER_API_USD: "1.37"}, NOW_MS + minute * 60_000, snapshot)
        assert "USD" not in snapshot.fx_rates


def test_a_single_rate_that_jumps_is_held_for_a_minute() -> None:
    snapshot = after({KRAKEN_USD: "1.37"})
    mids = []
    for second in range(5, 75, 5):
        snapshot = after({KRAKEN_USD: "1.50"}, NOW_MS + second * 1_000, snapshot)
        mids.append(snapshot.fx_rates["USD"].mid)
    assert mids == [Decimal("1.37")] * 12 + [Decimal("1.50")] * 2


def test_going_up_and_coming_back_are_judged_alike() -> None:
    for first, second in (("1.37", "0.7535"), ("0.7535", "1.37")):
        held = decided({KRAKEN_USD: second}, after({KRAKEN_USD: first}), NOW_MS + 5_000)
        assert dollar(held)[1] == Decimal(first)
        assert held.memories["USD"].held_ms


def test_without_any_source_there_is_no_rate_not_even_the_last() -> None:
    assert decided({}, after(ALL), NOW_MS + 5_000).fx_rates == {}


def test_of_two_live_rates_that_differ_the_daily_ones_decide() -> None:
    """The one that is farther from the middle of all is left out; two alone are held, however near by daily bands."""
    apart = {KRAKEN_USD: "1.385", COINGECKO_USD: "1.37"}
    assert dollar(decided(apart | {BANK_USD: "1.376"})) == (COINGECKO_USD, Decimal("1.37"))
    assert dollar(decided(apart | {BANK_USD: "1.379"})) == (KRAKEN_USD, Decimal("1.385"))
    held = decided(apart, after({KRAKEN_USD: "1.3"}), NOW_MS + 5_000)
    assert (dollar(held)[1], held.memories["USD"].held) == (Decimal("1.3"), Decimal("1.37"))


def test_a_cross_is_as_old_as_its_older_part() -> None:
    older, newer = rate(ts_ms=NOW_MS - 5_000), rate(ts_ms=NOW_MS)
    assert cross(older, newer).ts_ms == cross(newer, older).ts_ms == NOW_MS - 5_000


# The Tether


def test_usdt_takes_its_own_market_then_the_cross_then_parity() -> None:
    def tether(**said: str) -> Rate:
        return decided({KRAKEN_USD: "1.37", **said}).fx_rates["USDT"]

    assert tether(**TETHERS).source == KRAKEN_USDT_CAD
    assert tether(**{KRAKEN_USDT: "1.0001"}).source == f"{KRAKEN_USDT} x {KRAKEN_USD}"
    assert tether(**{COINBASE_USDT: "0.9999"}).source == f"{COINBASE_USDT} x {KRAKEN_USD}"
    assert tether() == replace(rate(KRAKEN_USD, "1.37"), source=f"parity:USDTUSD x {KRAKEN_USD}")


@pytest.mark.parametrize("factor", ["0.5", "0.9", "0.97", "0.994", "1.006", "1.03", "1.1", "1000"])
@pytest.mark.parametrize(
    "liars", [(KRAKEN_USDT_CAD,), (KRAKEN_USDT_CAD, KRAKEN_USDT), (COINBASE_USDT,), (COINGECKO_USDT,)]
)
def test_with_three_sources_none_alone_moves_usdt(liars: tuple[str, ...], factor: str) -> None:
    lied = {name: f"{Decimal(TETHERS[name]) * Decimal(factor)}" for name in liars}
    made = decided(ALL | TETHERS | lied)
    assert abs(made.fx_rates["USDT"].mid / Decimal("1.37") - 1) < Decimal("0.001")


def test_two_sources_move_usdt_off_its_peg_and_one_is_held() -> None:
    """One source alone is held for a minute."""
    two = decided(ALL | {COINBASE_USDT: "0.95", COINGECKO_USDT: "0.951"})
    assert two.fx_rates["USDT"].mid == Decimal("0.95") * Decimal("1.37")
    snapshot, sources = Snapshot(), []
    for second in range(0, 70, 5):
        snapshot = after(ALL | {COINBASE_USDT: "0.95"}, NOW_MS + second * 1_000, snapshot)
        sources.append(snapshot.fx_rates["USDT"].source.split(" ")[0])
    assert sources == ["parity:USDTUSD"] * 12 + [COINBASE_USDT] * 2


def test_a_tether_off_its_peg_goes_on_from_where_it_was() -> None:
    """The past of a single source is its last rate, not parity; and that one serves while a jump is held."""
    said = {KRAKEN_USD: "1", KRAKEN_USDT: "0.950", COINBASE_USDT: "0.951"}
    off = after(said)
    assert off.fx_rates["USDT"].mid == Decimal("0.950")
    later_ms = NOW_MS + CONFIRMED_FOR_MS
    near = decided({KRAKEN_USD: "1", KRAKEN_USDT: "0.951"}, replace(off, ts_ms=later_ms), later_ms + 5_000)
    assert near.fx_rates["USDT"].mid == Decimal("0.951")
    jumped = decided({KRAKEN_USD: "1", KRAKEN_USDT: "0.5"}, off, NOW_MS + 5_000)
    assert jumped.fx_rates["USDT"] == off.fx_rates["USDT"]
    asked_once_a_minute = replace(off, memories=jumped.memories)
    repeated = decided({KRAKEN_USD: "1", KRAKEN_USDT: "0.5"}, asked_once_a_minute, NOW_MS + 65_000)
    assert repeated.fx_rates["USDT"].mid == Decimal("0.5")


def test_a_lie_of_two_seconds_about_the_tether_leaves_no_trace() -> None:
    snapshot = after(ALL | TETHERS)
    for second, factor in ((1, "0.55"), (2, "0.55"), (3, "1")):
        lied = {KRAKEN_USDT_CAD: f"{Decimal(TETHERS[KRAKEN_USDT_CAD]) * Decimal(factor)}"}
        snapshot = after(ALL | TETHERS | lied, NOW_MS + second * 1_000, snapshot)
        assert abs(snapshot.fx_rates["USDT"].mid / Decimal("1.37") - 1) < Decimal("0.001")
    assert snapshot.fx_rates["USDT"].source == KRAKEN_USDT_CAD


# Crosses and the record


@given(first=books, second=books)
def test_a_cross_is_exact_and_gains_no_negative_spread(first: list[Decimal], second: list[Decimal]) -> None:
    crossed = cross(rate(KRAKEN_USDT, *first), rate(KRAKEN_USD, *second))
    assert Fraction(crossed.bid) == Fraction(first[0]) * Fraction(second[0])
    assert Fraction(crossed.ask) == Fraction(first[1]) * Fraction(second[1])
    assert 0 < crossed.bid <= crossed.mid <= crossed.ask


@pytest.mark.parametrize(("first", "second"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_cross_is_simulated_when_either_of_its_markets_is(first: bool, second: bool) -> None:
    crossed = cross(rate(KRAKEN_USDT, simulated=first), rate(KRAKEN_USD, simulated=second))
    assert crossed.simulated is (first or second)


def recorded(minutes: list[int]) -> list[int]:
    """Return the minutes with a recorded rate after a tick in each; the rate is the minute's number."""
    history: Any = ()
    for minute in minutes:
        now_ms = NOW_MS // HOUR_MS * HOUR_MS + minute * 60_000
        history = hourly(history, rate(bid=Decimal(minute), ts_ms=now_ms), now_ms)
    return [int(mid) for _, mid in history]


def test_the_rate_is_recorded_hourly_and_kept_for_25_hours() -> None:
    assert recorded([0, 1, 59, 60, 61, 125, 179, 180]) == [0, 60, 125, 180]
    assert [minute // 60 for minute in recorded(list(range(0, 60 * 60, 20)))] == list(range(59 - 25, 60))
    assert hourly((), None, NOW_MS) == ()


@pytest.mark.parametrize(("hours", "found"), [(23, False), (23.5, True), (24, True), (25, True), (25.1, False)])
def test_the_rate_of_a_day_ago_is_the_one_recorded_about_then(hours: float, found: bool) -> None:
    history = ((NOW_MS - int(hours * HOUR_MS), Decimal("1.3")),)
    assert a_day_ago(history, NOW_MS) == (Decimal("1.3") if found else None)


def test_another_record_fills_only_the_hours_that_lack_a_rate() -> None:
    now_ms = NOW_MS // HOUR_MS * HOUR_MS + HOUR_MS // 2
    own = ((now_ms - 3 * HOUR_MS, Decimal("1.3")),)
    oldest, too_old = now_ms - DAY_MS - HOUR_MS, now_ms - DAY_MS - HOUR_MS - 1
    of_the_same_hour, of_now, of_the_future = now_ms - 3 * HOUR_MS + HOUR_MS // 3, now_ms, now_ms + 1
    past = tuple((ts_ms, Decimal(2)) for ts_ms in (of_the_future, of_the_same_hour, oldest, of_now, too_old))
    assert with_past(own, past, now_ms) == ((oldest, Decimal(2)), *own, (of_now, Decimal(2)))
    assert with_past(own, (), now_ms) == own
