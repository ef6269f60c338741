"""Candles are what the ticks say and no more, whoever saw the ticks and however often."""

import random
import zlib
from collections import defaultdict
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
from shared.store.candles_codec import pack_open, unpack_open
from tests.unit.samples import SYMBOLS, prices, quote

MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
MINUTE, HOUR, DAY = INTERVAL_MS.values()
BTC, ETH = "BTC_CAD", "ETH_CAD"


def seen(at_ms: int, spot: str | Decimal, symbol: str = BTC, **changes: Any) -> dict[str, Quote]:
    """A quote that a source confirmed at that time."""
    return {symbol: replace(quote(symbol), spot=Decimal(spot), seen_ms=at_ms, **changes)}


def rolled(*ticks: tuple[int, str]) -> tuple[OpenCandles, list[tuple[str, Candle]]]:
    """The candles of BTC after ticks at these times after midnight: those in progress, and those closed."""
    candles: OpenCandles = {}
    closed = []
    for after_ms, spot in ticks:
        now_ms = MIDNIGHT_MS + after_ms
        candles, over = roll(candles, seen(now_ms, spot), now_ms)
        closed += [(interval, candle) for _, interval, candle in over]
    return candles, closed


def candle(after_ms: int, *ohlc: str) -> Candle:
    return Candle(MIDNIGHT_MS + after_ms, *map(Decimal, ohlc))


def through_the_snapshot(candles: OpenCandles) -> OpenCandles:
    """As the next invocation finds them."""
    return unpack_open(loads(dumps(pack_open(candles))))


# One symbol, a few ticks


def test_a_candle_has_the_first_highest_lowest_and_last_price_of_its_interval() -> None:
    candles, closed = rolled((0, "10"), (20_000, "12"), (40_000, "9"), (59_999, "11"))
    assert candles == {BTC: dict.fromkeys(INTERVAL_MS, candle(0, "10", "12", "9", "11"))}
    assert closed == []


@pytest.mark.parametrize(("intervals", "border"), [(["1m"], MINUTE), (["1m", "1h"], HOUR), (["1m", "1h", "1d"], DAY)])
def test_a_tick_on_the_border_is_the_first_of_the_next_interval(intervals: list[str], border: int) -> None:
    candles, closed = rolled((border - 1, "10"), (border, "11"))
    assert [interval for interval, _ in closed] == intervals
    for interval, length_ms in INTERVAL_MS.items():
        if interval in intervals:
            assert dict(closed)[interval] == candle(border - length_ms, "10", "10", "10", "10")
            assert candles[BTC][interval] == candle(border, "11", "11", "11", "11")
        else:
            assert candles[BTC][interval] == candle(0, "10", "11", "10", "11")


def test_an_interval_without_a_price_has_no_candle() -> None:
    candles, closed = rolled((0, "10"), (3 * MINUTE + 5, "11"))
    assert closed == [("1m", candle(0, "10", "10", "10", "10"))]
    assert candles[BTC]["1m"] == candle(3 * MINUTE, "11", "11", "11", "11")


def test_after_a_pause_of_days_each_candle_closes_once() -> None:
    _, closed = rolled((5, "10"), (3 * DAY + 5, "11"))
    assert closed == [(interval, candle(0, "10", "10", "10", "10")) for interval in INTERVAL_MS]


@pytest.mark.parametrize("later", [{}, seen(MIDNIGHT_MS, "99"), seen(MIDNIGHT_MS + MINUTE, "99", stale=True)])
def test_without_a_fresh_price_a_candle_closes_in_time_and_none_begins(later: dict[str, Quote]) -> None:
    before, _ = rolled((0, "10"))
    candles, closed = roll(before, later, MIDNIGHT_MS + MINUTE)
    assert closed == [(BTC, "1m", candle(0, "10", "10", "10", "10"))]
    assert "1m" not in candles[BTC]


def test_a_stale_price_changes_no_candle() -> None:
    before, _ = rolled((0, "10"))
    assert roll(before, seen(MIDNIGHT_MS + 5, "99", stale=True), MIDNIGHT_MS + 5) == (before, [])


def test_a_symbol_that_is_gone_leaves_nothing_behind_once_its_candles_are_closed() -> None:
    before, _ = rolled((0, "10"))
    candles, closed = roll(before, {}, MIDNIGHT_MS + DAY)
    assert candles == {}
    assert len(closed) == 3


def test_a_tick_whose_clock_is_behind_the_one_before_reopens_nothing() -> None:
    before, _ = rolled((0, "10"), (MINUTE, "11"))
    candles, closed = roll(before, seen(MIDNIGHT_MS + MINUTE - 1, "99"), MIDNIGHT_MS + MINUTE - 1)
    assert closed == []
    assert candles[BTC]["1m"] == before[BTC]["1m"]


# Any ticks


class Tick(NamedTuple):
    """What a tick finds: prices that a source confirmed, symbols marked stale, and what happens around it."""

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


def expected(began_ms: int, seen_ticks: list[Tick]) -> tuple[dict[Any, Candle], dict[Any, Candle]]:
    """Candles computed from the whole list at once: closed ones and those in progress."""
    prices_of: dict[tuple[str, str, int], list[Decimal]] = defaultdict(list)
    now_ms = began_ms
    for tick in seen_ticks:
        now_ms += tick.pause_ms
        for symbol, price in tick.fresh.items():
            for interval, length_ms in INTERVAL_MS.items():
                prices_of[symbol, interval, now_ms - now_ms % length_ms].append(price)
    closed: dict[Any, Candle] = {}
    in_progress: dict[Any, Candle] = {}
    for (symbol, interval, open_ms), all_of_it in prices_of.items():
        made = Candle(open_ms, all_of_it[0], max(all_of_it), min(all_of_it), all_of_it[-1])
        over = open_ms + INTERVAL_MS[interval] <= now_ms
        (closed if over else in_progress)[symbol, interval, open_ms] = made
    return closed, in_progress


@given(starts, ticks)
@example(MIDNIGHT_MS - 1, [Tick(0, {BTC: Decimal(1)}, set(), True, True), Tick(1, {}, set(), True, True)])
def test_candles_are_those_of_the_list_of_ticks(began_ms: int, seen_ticks: list[Tick]) -> None:
    """However long the pauses, wherever an ingest ended, with ticks done again before and after they were stored."""
    candles: OpenCandles = {}
    quotes: dict[str, Quote] = {}
    stored: dict[Any, Candle] = {}
    now_ms = began_ms
    for tick in seen_ticks:
        now_ms += tick.pause_ms
        # A quote that nobody confirmed is kept with the time of its last confirmation, as `advance` does.
        quotes |= {s: replace(quotes[s], stale=True) for s in tick.stale if s in quotes}
        for symbol, price in tick.fresh.items():
            quotes |= seen(now_ms, price, symbol)
        if tick.new_invocation:
            candles = through_the_snapshot(candles)
        before = candles
        candles, closed = roll(before, quotes, now_ms)
        if tick.done_again:
            assert roll(before, quotes, now_ms) == (candles, closed)
            assert roll(candles, quotes, now_ms) == (candles, [])
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
    return Candle(open_ms, spots[0], max(spots), min(spots), spots[-1])


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


def test_an_interval_of_another_version_is_passed_over() -> None:
    before, _ = rolled((0, "10"), (5, "11.5"))
    [row] = pack_open(before)
    assert unpack_open([[*row[:3], ["5m", 7, 1, 2, 3, 4], *row[3:]]]) == before


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
    """Market prices of 5 to 7 digits that move within 2 %, each times a rate of 6 digits: almost none is another's."""
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
    text = dumps(pack_open(candles)).encode()
    packed = zlib.compress(text, level=6)
    with capsys.disabled():
        print(f"\n225 open candles: {len(text)} bytes of JSON, {len(packed)} compressed")
    assert unpack_open(loads(text)) == candles
    assert len(packed) < 6_000
