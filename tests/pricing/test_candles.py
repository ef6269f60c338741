"""Candles equal the ticks, whichever ingest saw the ticks and how often."""

import random
import zlib
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.model.candles import INTERVAL_MS, Candle, OpenCandles
from shared.model.values import Quote
from shared.model.wire import dumps, loads
from shared.pricing.candles import roll
from shared.store.candles_codec import pack_open, pack_ticks, unpack_open
from tests.samples import SYMBOLS, prices, quote

MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
MINUTE, HOUR, DAY = (INTERVAL_MS[name] for name in ("1m", "1h", "1d"))
BTC, ETH = "BTC_CAD", "ETH_CAD"


def seen(at_ms: int, spot: str | Decimal, symbol: str = BTC, **changes: Any) -> dict[str, Quote]:
    """Return a quote that a source confirmed at that time."""
    return {symbol: replace(quote(symbol), spot=Decimal(spot), seen_ms=at_ms, **changes)}


def rolled(*ticks: tuple[int, str]) -> tuple[OpenCandles, list[tuple[str, Candle]]]:
    """Return BTC's open and closed candles after ticks at these times after midnight."""
    candles: OpenCandles = {}
    closed = []
    for after_ms, spot in ticks:
        now_ms = MIDNIGHT_MS + after_ms
        candles, over = roll(candles, seen(now_ms, spot), now_ms)
        closed += [(interval, candle) for _, interval, candle in over]
    return candles, closed


def candle(after_ms: int, *ohlc: str, ticks: int | None = 1) -> Candle:
    opened, high, low, close = map(Decimal, ohlc)
    return Candle(MIDNIGHT_MS + after_ms, opened, high, low, close, ticks)


def through_the_snapshot(candles: OpenCandles) -> OpenCandles:
    """Return them as the next invocation reads them."""
    return unpack_open(loads(dumps(pack_open(candles))), loads(dumps(pack_ticks(candles))))


# One symbol, a few ticks


def test_a_candle_has_its_intervals_open_high_low_and_close() -> None:
    candles, closed = rolled((0, "10"), (20_000, "12"), (40_000, "9"), (59_999, "11"))
    assert candles == {BTC: dict.fromkeys(INTERVAL_MS, candle(0, "10", "12", "9", "11", ticks=4))}
    assert closed == []


@pytest.mark.parametrize("border", [MINUTE, HOUR, DAY])
def test_a_tick_on_the_border_is_the_first_of_the_next_interval(border: int) -> None:
    intervals = [interval for interval, length_ms in INTERVAL_MS.items() if border % length_ms == 0]
    candles, closed = rolled((border - 1, "10"), (border, "11"))
    assert [interval for interval, _ in closed] == intervals
    for interval, length_ms in INTERVAL_MS.items():
        if interval in intervals:
            assert dict(closed)[interval] == candle(border - length_ms, "10", "10", "10", "10")
            assert candles[BTC][interval] == candle(border, "11", "11", "11", "11")
        else:
            assert candles[BTC][interval] == candle(0, "10", "11", "10", "11", ticks=2)


def test_a_candle_counts_the_ticks_with_a_price_in_it() -> None:
    candles, closed = rolled((0, "10"), (20_000, "10"), (MINUTE, "11"))
    assert dict(closed)["1m"].ticks == 2
    ticks = {interval: made.ticks for interval, made in candles[BTC].items()}
    assert ticks == {**dict.fromkeys(INTERVAL_MS, 3), "1m": 1}
    unpriced, _ = roll(candles, seen(MIDNIGHT_MS, "99", stale=True), MIDNIGHT_MS + MINUTE + 1)
    assert unpriced == candles


def test_ticks_that_were_not_counted_from_the_start_stay_unknown() -> None:
    before = {BTC: dict.fromkeys(INTERVAL_MS, candle(0, "10", "12", "9", "11", ticks=None))}
    candles, _ = roll(before, seen(MIDNIGHT_MS + 1, "13"), MIDNIGHT_MS + 1)
    assert candles == {BTC: dict.fromkeys(INTERVAL_MS, candle(0, "10", "13", "9", "13", ticks=None))}
    _, closed = roll(candles, seen(MIDNIGHT_MS + MINUTE, "13"), MIDNIGHT_MS + MINUTE)
    assert closed == [(BTC, "1m", candle(0, "10", "13", "9", "13", ticks=None))]


def test_an_interval_without_a_price_has_no_candle() -> None:
    candles, closed = rolled((0, "10"), (3 * MINUTE + 5, "11"))
    assert closed == [("1m", candle(0, "10", "10", "10", "10"))]
    assert candles[BTC]["1m"] == candle(3 * MINUTE, "11", "11", "11", "11")


def test_after_a_pause_of_days_each_candle_closes_once() -> None:
    _, closed = rolled((5, "10"), (3 * DAY + 5, "11"))
    assert closed == [(interval, candle(0, "10", "10", "10", "10")) for interval in INTERVAL_MS]


@pytest.mark.parametrize("later", [{}, seen(MIDNIGHT_MS, "99"), seen(MIDNIGHT_MS + MINUTE, "99", stale=True)])
def test_without_a_fresh_price_a_candle_closes_and_none_begins(later: dict[str, Quote]) -> None:
    before, _ = rolled((0, "10"))
    candles, closed = roll(before, later, MIDNIGHT_MS + MINUTE)
    assert closed == [(BTC, "1m", candle(0, "10", "10", "10", "10"))]
    assert "1m" not in candles[BTC]


def test_a_stale_price_changes_no_candle() -> None:
    before, _ = rolled((0, "10"))
    assert roll(before, seen(MIDNIGHT_MS + 5, "99", stale=True), MIDNIGHT_MS + 5) == (before, [])


def test_a_removed_symbol_leaves_no_open_candles() -> None:
    before, _ = rolled((0, "10"))
    candles, closed = roll(before, {}, MIDNIGHT_MS + DAY)
    assert candles == {}
    assert len(closed) == len(INTERVAL_MS)


def test_a_tick_with_an_earlier_time_reopens_no_candle() -> None:
    before, _ = rolled((0, "10"), (MINUTE, "11"))
    candles, closed = roll(before, seen(MIDNIGHT_MS + MINUTE - 1, "99"), MIDNIGHT_MS + MINUTE - 1)
    assert closed == []
    assert candles[BTC]["1m"] == before[BTC]["1m"]


def test_after_a_clock_a_day_ahead_candles_go_on_at_once() -> None:
    before, _ = rolled((5, "10"), (DAY + 5, "11"))
    candles, closed = roll(before, seen(MIDNIGHT_MS + MINUTE, "12"), MIDNIGHT_MS + MINUTE)
    assert closed == []
    begins = {interval: made.open_ms - MIDNIGHT_MS for interval, made in candles[BTC].items()}
    assert begins == {interval: MINUTE // length_ms * length_ms for interval, length_ms in INTERVAL_MS.items()}
    assert {made.close for made in candles[BTC].values()} == {Decimal(12)}


def test_a_candle_that_begins_in_more_than_a_minute_is_left_out() -> None:
    now_ms, price = MIDNIGHT_MS - MINUTE, Decimal(10)
    for ahead_ms, kept in ((0, True), (1, False)):
        begun = Candle(MIDNIGHT_MS + ahead_ms, price, price, price, price, ticks=1)
        assert roll({BTC: {"1m": begun}}, {}, now_ms) == ({BTC: {"1m": begun}} if kept else {}, [])


# Any ticks


class Tick(NamedTuple):
    """A tick's confirmed prices and stale symbols, and the events around it."""

    pause_ms: int
    fresh: dict[str, Decimal]
    stale: set[str]
    new_invocation: bool
    done_again: bool


pauses = st.integers(0, 90_000) | st.sampled_from([MINUTE, HOUR, DAY, MINUTE - 1, HOUR + 1]) | st.integers(0, 3 * DAY)
symbols = st.sampled_from([BTC, ETH])
ticks = st.lists(
    st.builds(Tick, pauses, st.dictionaries(symbols, prices), st.sets(symbols), st.booleans(), st.booleans()),
    min_size=1,
    max_size=40,
)
starts = st.integers(MIDNIGHT_MS - MINUTE, MIDNIGHT_MS + DAY)


def prices_in(candles: OpenCandles) -> OpenCandles:
    """Return the candles without their ticks: a tick that comes again after it was stored counts as another one."""
    return {s: {i: replace(made, ticks=None) for i, made in of_symbol.items()} for s, of_symbol in candles.items()}


def expected(began_ms: int, seen_ticks: list[Tick]) -> tuple[dict[Any, Candle], dict[Any, Candle]]:
    """Return the closed and open candles computed from the whole list at once."""
    prices_of: dict[tuple[str, str, int], list[Decimal]] = defaultdict(list)
    ticks_of: Counter[tuple[str, str, int]] = Counter()
    confirmed_ms: dict[str, int] = {}
    now_ms = began_ms
    for tick in seen_ticks:
        now_ms += tick.pause_ms
        confirmed_ms = {s: at_ms for s, at_ms in confirmed_ms.items() if s not in tick.stale}
        confirmed_ms |= dict.fromkeys(tick.fresh, now_ms)
        for symbol, at_ms in confirmed_ms.items():
            opened = {interval: now_ms - now_ms % length_ms for interval, length_ms in INTERVAL_MS.items()}
            ticks_of.update((symbol, interval, open_ms) for interval, open_ms in opened.items() if at_ms >= open_ms)
        for symbol, price in tick.fresh.items():
            for interval, length_ms in INTERVAL_MS.items():
                prices_of[symbol, interval, now_ms - now_ms % length_ms].append(price)
    closed: dict[Any, Candle] = {}
    in_progress: dict[Any, Candle] = {}
    for (symbol, interval, open_ms), all_of_it in prices_of.items():
        made = Candle(open_ms, all_of_it[0], max(all_of_it), min(all_of_it), all_of_it[-1])
        made = replace(made, ticks=ticks_of[symbol, interval, open_ms])
        over = open_ms + INTERVAL_MS[interval] <= now_ms
        (closed if over else in_progress)[symbol, interval, open_ms] = made
    return closed, in_progress


@given(starts, ticks)
@example(MIDNIGHT_MS - 1, [Tick(0, {BTC: Decimal(1)}, set(), True, True), Tick(1, {}, set(), True, True)])
def test_candles_equal_those_computed_from_all_ticks(began_ms: int, seen_ticks: list[Tick]) -> None:
    """It holds for any pauses, any end of an ingest, and ticks repeated before and after they were stored."""
    candles: OpenCandles = {}
    quotes: dict[str, Quote] = {}
    stored: dict[Any, Candle] = {}
    now_ms = began_ms
    for tick in seen_ticks:
        now_ms += tick.pause_ms
        # An unconfirmed quote keeps the time of its last confirmation, as in `advance`.
        quotes |= {s: replace(quotes[s], stale=True) for s in tick.stale if s in quotes}
        for symbol, price in tick.fresh.items():
            quotes |= seen(now_ms, price, symbol)
        if tick.new_invocation:
            candles = through_the_snapshot(candles)
        before = candles
        candles, closed = roll(before, quotes, now_ms)
        if tick.done_again:
            assert roll(before, quotes, now_ms) == (candles, closed)
            again, none = roll(candles, quotes, now_ms)
            assert (prices_in(again), none) == (prices_in(candles), [])
        new = {(symbol, interval, made.open_ms): made for symbol, interval, made in closed}
        assert len(new) == len(closed)
        assert not new.keys() & stored.keys()
        stored |= new
    in_progress = {(s, i, made.open_ms): made for s, of_symbol in candles.items() for i, made in of_symbol.items()}
    assert (stored, in_progress) == expected(began_ms, seen_ticks)
    for made in (*stored.values(), *in_progress.values()):
        assert made.high >= max(made.open, made.close) >= min(made.open, made.close) >= made.low


# In the snapshot


def four(spots: list[Decimal], open_ms: int) -> Candle:
    return Candle(open_ms, spots[0], max(spots), min(spots), spots[-1], len(spots))


@given(st.dictionaries(symbols, st.dictionaries(st.sampled_from([*INTERVAL_MS]), st.lists(prices, min_size=1))))
def test_packed_candles_come_out_to_the_last_digit(spots: dict[str, dict[str, list[Decimal]]]) -> None:
    candles = {
        s: {i: four(p, MIDNIGHT_MS) for i, p in of_symbol.items()} for s, of_symbol in spots.items() if of_symbol
    }
    out = through_the_snapshot(candles)
    assert out == candles
    for symbol, of_symbol in out.items():
        for interval, made in of_symbol.items():
            assert all(type(price) is Decimal for price in (made.open, made.high, made.low, made.close))
            assert Fraction(made.high) == Fraction(candles[symbol][interval].high)


def test_candles_that_were_stored_without_ticks_have_none() -> None:
    candles, _ = rolled((0, "10"), (5, "11.5"))
    older = unpack_open(pack_open(candles))
    assert older == {BTC: {name: replace(made, ticks=None) for name, made in candles[BTC].items()}}
    assert through_the_snapshot(older) == older


def test_an_interval_of_another_version_is_passed_over() -> None:
    before, _ = rolled((0, "10"), (5, "11.5"))
    [row], [ticks] = pack_open(before), pack_ticks(before)
    assert unpack_open([[*row[:3], ["5m", 7, 1, 2, 3, 4], *row[3:]]], [[ticks[0], 9, *ticks[1:]]]) == before


@pytest.mark.parametrize(
    "rows",
    [
        1,
        [1],
        [[BTC]],
        [[BTC, "x", ["1m", 1, 1, 1, 1, 1]]],
        [[BTC, 0, ["1m", 1, 1]]],
        [[BTC, 10**99, ["1m", 1, 1, 1, 1, 1]]],
    ],
)
def test_other_rows_are_refused(rows: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the codec catches any
        unpack_open(rows)


def test_225_open_candles_add_less_than_6_kb_to_the_snapshot(capsys: pytest.CaptureFixture[str]) -> None:
    """Market prices of 5 to 7 digits that move within 2 %, each times a rate of 6 digits: almost all differ."""
    moves = random.Random(1)
    candles = {}
    for symbol in SYMBOLS:
        market, places = moves.randrange(10**4, 10**7), moves.randrange(8)
        spots = [
            Decimal(market * moves.randrange(980, 1_020) // 1000 * moves.randrange(133_440, 133_500)).scaleb(
                -5 - places
            )
            for _ in range(60)
        ]
        candles[symbol] = {i: four(spots[start:], MIDNIGHT_MS) for i, start in (("1m", 50), ("1h", 25), ("1d", 0))}
    text = dumps([pack_open(candles), pack_ticks(candles)]).encode()
    packed = zlib.compress(text, level=6)
    with capsys.disabled():
        print(f"\n225 open candles: {len(text)} bytes of JSON, {len(packed)} compressed")
    assert unpack_open(*loads(text)) == candles
    assert len(packed) < 6_000
