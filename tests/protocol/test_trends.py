"""`trends` answers with the closes of all symbols in frames of at most 8,000 bytes."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.candles import INTERVAL_MS, Candle
from shared.model.trends import HOURS, Closes, Trends
from shared.model.wire import loads
from shared.protocol import MAX_TRENDS_FRAME_BYTES, trends_frames
from tests.samples import SYMBOLS, prices
from tests.schemas import check

HOUR = INTERVAL_MS["1h"]
NOON_MS = 1_767_268_800_000  # 2026-01-01 12:00 UTC


def rounded(trends: Trends) -> Trends:
    """Return the trends as the table gives them: rounded, from candles."""
    return Trends().with_candles(
        (symbol, Candle(trends.until_ms - (HOURS - at) * HOUR, close, close, close, close))
        for symbol, closes in trends.closes.items()
        for at, close in enumerate(closes)
        if close is not None
    )


def answered(trends: Trends, message_id: int | str | None = None) -> list[dict[str, Any]]:
    frames = trends_frames(trends, message_id)
    assert max(map(len, frames)) <= MAX_TRENDS_FRAME_BYTES
    read = list(map(loads, frames))
    assert {check(frame) for frame in read} == {"trends"}
    assert [(frame["part"], frame["parts"]) for frame in read] == [(n, len(read)) for n in range(1, len(read) + 1)]
    return read


def test_before_there_are_any_the_answer_is_one_empty_frame() -> None:
    assert answered(Trends(), "x") == [
        {"event": "trends", "interval": "1h", "until": 0, "trends": [], "part": 1, "parts": 1, "id": "x"}
    ]


def test_a_row_has_24_closes_and_null_for_an_hour_without_candle() -> None:
    closes: Closes = (None, Decimal("0.000012345"), *22 * [Decimal("1.3011E+5")])
    [frame] = trends_frames(Trends(NOON_MS, {"BTC_CAD": closes}), None)
    assert b'"trends":[["BTC_CAD",null,0.000012345,130110,130110,' in frame
    assert json.loads(frame)["until"] == NOON_MS


def test_rows_have_the_catalogues_order_and_no_unknown_symbols() -> None:
    closes = 24 * (Decimal(1),)
    mixed = ["XYZ_CAD", *reversed(SYMBOLS[:3])]
    [frame] = answered(Trends(NOON_MS, dict.fromkeys(mixed, closes)))
    assert [symbol for symbol, *_ in frame["trends"]] == SYMBOLS[:3]


def test_a_day_of_all_symbols_fits_three_frames(capsys: pytest.CaptureFixture[str]) -> None:
    day = rounded(
        Trends(
            NOON_MS,
            {
                symbol: tuple(Decimal(10_000 + 7 * hour + row).scaleb(row % 10 - 9) for hour in range(HOURS))
                for row, symbol in enumerate(SYMBOLS)
            },
        )
    )
    sizes = [len(frame) for frame in trends_frames(day, 2**31)]
    with capsys.disabled():
        print(f"\n{len(SYMBOLS)} trends: frames of {sizes} bytes")
    assert len(sizes) <= 3


@given(
    st.dictionaries(st.sampled_from(SYMBOLS), st.lists(st.none() | prices, min_size=HOURS, max_size=HOURS).map(tuple)),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=36),
)
def test_any_closes_come_out_as_they_were(closes: dict[str, Closes], message_id: str | None) -> None:
    trends = rounded(Trends(NOON_MS, closes))
    frames = answered(trends, message_id)
    rows = [row for frame in frames for row in frame["trends"]]
    assert {symbol: tuple(row) for symbol, *row in rows} == dict(trends.closes)
    assert {frame["until"] for frame in frames} == {trends.until_ms}
    assert {frame.get("id") for frame in frames} == {message_id}
