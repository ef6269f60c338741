"""For any JSON a history's parser returns sane candles that were wanted, or says that the source is unavailable."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.assets import market_names
from shared.model.candles import INTERVAL_MS, Candle
from shared.sources.all_histories import HISTORIES
from shared.sources.all_sources import SOURCES
from shared.sources.history import History, Wanted
from shared.sources.upstream import Answer, SourceUnavailable
from tests.samples import json_values
from tests.sources.test_all_sources_garbage import odd, paths, replaced

DAY_MS = 86_400_000
NOW_MS = 1_718_707_723_456
TODAY_MS = NOW_MS // DAY_MS * DAY_MS
FROM_MS = TODAY_MS - 6 * DAY_MS

BY_NAME: dict[str, History] = {made.name: made for made in (make() for make in HISTORIES)}
MARKETS = {
    "binance": "BTCUSDT",
    "kraken": "XBTCAD",
    "coinbase": "BTC-USD",
    "coingecko": "bitcoin",
    "bank_of_canada": "FXUSDCAD",
}
# Open, high, low and close of six intervals in a row; each opens at the close of the one before.
PRICES = [
    ("10.10", "10.50", "10.00", "10.40"),
    ("10.40", "10.40", "9.90", "10.00"),
    ("10.00", "10.00", "10.00", "10.00"),
    ("10.00", "11.000000000000000001", "10.00", "10.70"),
    ("10.70", "10.80", "10.6", "10.65"),
    ("10.65", "10.66", "10.11", "10.20"),
]
EVERY = pytest.mark.parametrize("name", BY_NAME)
OFFERED = pytest.mark.parametrize(
    ("name", "interval"), [(name, interval) for name, made in BY_NAME.items() for interval in made.most]
)


def wanted_of(name: str, interval: str) -> Wanted:
    return Wanted(MARKETS[name], interval, FROM_MS, FROM_MS + len(PRICES) * INTERVAL_MS[interval])


def answer_of(name: str, interval: str) -> Any:
    """Return a whole answer with the prices."""
    step_ms = INTERVAL_MS[interval]
    rows: list[Any] = [(FROM_MS + place * step_ms, *prices) for place, prices in enumerate(PRICES)]
    match name:
        case "binance":
            return [[at, *prices, "1.5", at + step_ms - 1, "15", 3, "1", "10", "0"] for at, *prices in rows]
        case "kraken":
            ohlc: list[Any] = [[at // 1000, *prices, "10", "1.5", 3] for at, *prices in rows]
            return {"error": [], "result": {"XXBTZCAD": ohlc, "last": ohlc[-1][0]}}
        case "coinbase":
            by_column = [(at, *map(Decimal, prices)) for at, *prices in rows]
            return [[at // 1000, low, high, opened, close, 1] for at, opened, high, low, close in reversed(by_column)]
        case "coingecko":
            points = [[at, Decimal(opened)] for at, opened, *_ in rows]
            return {"prices": [*points, [rows[-1][0] + step_ms, Decimal(rows[-1][-1])]]}
        case _:
            days = [(f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%d}", close) for at, *_, close in rows]
            return {"observations": [{"d": day, "FXUSDCAD": {"v": close}} for day, close in days]}


def parse(name: str, payload: object, wanted: Wanted) -> list[Candle]:
    return BY_NAME[name].parse(Answer(payload, NOW_MS, simulated=False), wanted)


def assert_sound(candles: list[Candle], wanted: Wanted) -> None:
    step_ms = INTERVAL_MS[wanted.interval]
    for candle in candles:
        assert wanted.from_ms <= candle.open_ms < wanted.until_ms
        assert candle.open_ms % step_ms == 0
        assert 0 < candle.low <= min(candle.open, candle.close)
        assert max(candle.open, candle.close) <= candle.high < Decimal("1e31")
        assert candle.ticks == 0
    assert all(before.open_ms < after.open_ms for before, after in pairwise(candles)), "sorted, each once"


def assert_sound_or_unavailable(name: str, payload: object, wanted: Wanted) -> None:
    try:
        candles = parse(name, payload, wanted)
    except SourceUnavailable:
        return
    assert_sound(candles, wanted)


def test_each_history_belongs_to_a_source_in_their_order() -> None:
    sources = [make().name for make in SOURCES]
    assert list(BY_NAME) == [name for name in sources if name in BY_NAME]
    assert len(BY_NAME) == len(HISTORIES)


@OFFERED
def test_a_history_is_at_the_host_of_its_source(name: str, interval: str) -> None:
    source = next(made for made in (make() for make in SOURCES) if made.name == name)
    assert BY_NAME[name].base_url == source.base_url
    url = source.base_url + BY_NAME[name].path(wanted_of(name, interval))
    assert urlsplit(url).netloc == urlsplit(source.base_url).netloc
    assert BY_NAME[name].path(wanted_of(name, interval)).startswith("/")
    assert bool(BY_NAME[name].key_header) == bool(source.plan)


@EVERY
def test_the_names_of_markets_need_no_escape_in_a_path(name: str) -> None:
    for market in (MARKETS[name], *market_names(name)):
        path = BY_NAME[name].path(Wanted(market, "1d", FROM_MS, TODAY_MS))
        assert urlsplit(path) == ("", "", path, "", "")


@EVERY
def test_a_history_offers_known_intervals_at_a_pace(name: str) -> None:
    made = BY_NAME[name]
    assert set(made.reach) <= set(made.most) <= set(INTERVAL_MS)
    assert made.every_ms > 0
    assert min(made.most.values()) > 0


@OFFERED
def test_a_whole_answer_gives_every_wanted_candle(name: str, interval: str) -> None:
    wanted = wanted_of(name, interval)
    candles = parse(name, answer_of(name, interval), wanted)
    assert_sound(candles, wanted)
    assert [candle.open_ms for candle in candles] == [*range(FROM_MS, wanted.until_ms, INTERVAL_MS[interval])]
    assert [str(candle.close) for candle in candles] == [prices[-1] for prices in PRICES]
    if name not in {"coingecko", "bank_of_canada"}:
        assert [tuple(map(str, (c.open, c.high, c.low, c.close))) for c in candles] == PRICES


@OFFERED
@given(data=st.data())
def test_only_wanted_candles_are_returned(name: str, interval: str, data: st.DataObject) -> None:
    step_ms = INTERVAL_MS[interval]
    first, last = sorted(data.draw(st.tuples(st.integers(-2, 8), st.integers(-2, 8))))
    wanted = Wanted(MARKETS[name], interval, FROM_MS + first * step_ms, FROM_MS + last * step_ms)
    found = [candle.open_ms for candle in parse(name, answer_of(name, interval), wanted)]
    assert found == [FROM_MS + place * step_ms for place in range(len(PRICES)) if first <= place < last]


@OFFERED
@given(data=st.data())
def test_the_order_of_rows_and_repeated_rows_do_not_matter(name: str, interval: str, data: st.DataObject) -> None:
    payload, wanted = answer_of(name, interval), wanted_of(name, interval)
    before = parse(name, payload, wanted)
    rows = rows_in(payload)
    again = data.draw(st.lists(st.sampled_from(rows), max_size=4))
    rows[:] = data.draw(st.permutations([*rows, *again]))
    assert parse(name, payload, wanted) == before


@EVERY
@given(row=json_values | odd)
def test_an_unreadable_row_costs_no_other_candle(name: str, row: object) -> None:
    payload, wanted = answer_of(name, "1d"), wanted_of(name, "1d")
    before = parse(name, payload, wanted)
    rows_in(payload).insert(2, row)
    assert parse(name, payload, wanted) == before


@pytest.mark.parametrize("name", ["binance", "kraken"])
@pytest.mark.parametrize(
    "broken",
    [
        {1: "9.89"},
        {1: "10.41"},
        {2: "10.39"},
        {3: "10.01"},
        {3: "0"},
        {3: "-9.90"},
        {4: "9.89"},
        {4: "10.5"},
        {4: "NaN"},
        {4: None},
        {0: 1},
    ],
)
def test_a_candle_whose_prices_contradict_each_other_is_left_out(name: str, broken: dict[int, Any]) -> None:
    """The second is 10.40, 10.40, 9.90, 10.00."""
    payload, wanted = answer_of(name, "1h"), wanted_of(name, "1h")
    before = parse(name, payload, wanted)
    rows = rows_in(payload)
    for place, value in broken.items():
        rows[1][place] = rows[1][0] + value if place == 0 else value
    assert parse(name, payload, wanted) == [before[0], *before[2:]]


@OFFERED
@given(payload=json_values)
def test_any_json_gives_candles_or_unavailable(name: str, interval: str, payload: object) -> None:
    assert_sound_or_unavailable(name, payload, wanted_of(name, interval))


@OFFERED
@given(data=st.data())
def test_any_odd_value_gives_candles_or_unavailable(name: str, interval: str, data: st.DataObject) -> None:
    payload = answer_of(name, interval)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths(payload))))
        payload = replaced(payload, path, data.draw(odd))
    assert_sound_or_unavailable(name, payload, wanted_of(name, interval))


def rows_in(payload: Any) -> list[Any]:
    """Return the list of rows in an answer, for a test to change."""
    if isinstance(payload, list):
        return payload
    rows: list[Any] = payload.get("prices") or payload.get("observations") or payload["result"]["XXBTZCAD"]
    return rows
