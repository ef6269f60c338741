"""`history` answers with exact candles in frames that fit API Gateway, or refuses a wrong request."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import Candle, OpenCandles
from shared.model.wire import dumps, loads
from shared.protocol import MAX_FRAME_BYTES, BadRequest, parse_message
from shared.requests.history import HistoryRequest, encode_history, history_frames, parse_history
from shared.requests.minutes import MinutesBackfill
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.whole_history import WholeHistory
from tests.samples import json_values, prices

MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
MINUTE = 60_000
BTC = "BTC_CAD"
ALL = HistoryRequest(BTC, "1m", 500, None, None)
LIMITS: list[Any] = [0, -1, 501, 1.5, "10", True, False, [], 10**30]
TIMES: list[Any] = [-1, 1.5, "0", True, 10**13, {}]
LONG_ID = "\N{GRINNING FACE}" * 36  # 12 bytes each, escaped


def candle(minute: int, price: Decimal = Decimal("86762.65"), ticks: int | None = 12) -> Candle:
    return Candle(MIDNIGHT_MS + minute * MINUTE, price, price + 1, price - 1, price, ticks)


def in_progress(minute: int) -> OpenCandles:
    return {BTC: {"1m": candle(minute, Decimal(7))}}


def row(made: Candle) -> list[int | Decimal]:
    return [made.open_ms, made.open, made.high, made.low, made.close]


def asked(**fields: Any) -> HistoryRequest:
    body = {"event": "history", "symbol": BTC, "interval": "1m", **fields}
    return parse_history(parse_message(json.dumps(body)))


@pytest.fixture
def candles_table(quotes_items: Table) -> CandlesTable:
    """The candles table with the first ten minutes of the day."""
    table = CandlesTable(quotes_items)
    table.write([(BTC, "1m", candle(minute)) for minute in range(10)])
    return table


def answer(table: CandlesTable, open_candles: OpenCandles, **fields: Any) -> list[dict[str, Any]]:
    body = {"event": "history", "symbol": BTC, "interval": "1m", **fields}
    whole = WholeHistory(table, CandleBlocksTable(table._table))
    frames = history_frames(
        parse_message(json.dumps(body)), whole, open_candles, MinutesBackfill(None), MIDNIGHT_MS + 10 * MINUTE
    )
    return list(map(loads, frames))


# Requests


def test_limit_defaults_to_100_and_before_to_none() -> None:
    assert asked() == HistoryRequest(BTC, "1m", 100, None, None)
    assert asked(limit=None, before=None, id="a") == HistoryRequest(BTC, "1m", 100, None, "a")
    assert asked(interval="1d", limit=500, before=5, id=1) == HistoryRequest(BTC, "1d", 500, 5, 1)
    assert asked(limit=1, before=0) == HistoryRequest(BTC, "1m", 1, 0, None)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": None}, "bad_request"),
        ({"symbol": ["BTC_CAD"]}, "bad_request"),
        ({"symbol": "BTC_USD"}, "unknown_symbol"),
        ({"symbol": "btc_cad"}, "unknown_symbol"),
        ({"interval": None}, "bad_request"),
        ({"interval": 60}, "bad_request"),
        ({"interval": "5m"}, "unknown_interval"),
        *(({"limit": limit}, "bad_limit") for limit in LIMITS),
        *(({"before": before}, "bad_request") for before in TIMES),
    ],
)
def test_a_wrong_question_is_refused_with_its_code_and_id(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRequest) as raised:
        asked(**fields, id=41)
    assert raised.value.code == code
    assert raised.value.message_id == 41


@given(st.dictionaries(st.sampled_from(["symbol", "interval", "limit", "before"]), json_values, min_size=1))
def test_anything_in_a_field_is_a_valid_request_or_a_refusal(fields: dict[str, Any]) -> None:
    with suppress(BadRequest):
        body = {"event": "history", "symbol": BTC, "interval": "1m", **fields}
        assert 1 <= parse_history(parse_message(dumps(body))).limit <= 500


# Answers


def test_candles_come_oldest_first_with_the_one_in_progress(candles_table: CandlesTable) -> None:
    assert answer(candles_table, in_progress(10), limit=2, id="x") == [
        {
            "event": "history",
            "symbol": BTC,
            "interval": "1m",
            "candles": [row(candle(8)), row(candle(9))],
            "ticks": [12, 12],
            "part": 1,
            "parts": 1,
            "in_progress": row(candle(10, Decimal(7))),
            "in_progress_ticks": 12,
            "id": "x",
        }
    ]


def test_no_candles_are_one_frame_with_an_empty_list(candles_table: CandlesTable) -> None:
    frame = {"event": "history", "symbol": "ETH_CAD", "interval": "1m", "candles": [], "ticks": []}
    empty = {**frame, "part": 1, "parts": 1}
    assert answer(candles_table, in_progress(10), symbol="ETH_CAD") == [empty]
    assert answer(candles_table, {}, symbol="ETH_CAD", before=0) == [empty]


def test_pages_go_back_to_the_first_candle(candles_table: CandlesTable) -> None:
    """Only the newest page has the candle in progress."""
    pages = answer(candles_table, in_progress(10), limit=4)
    while pages[-1]["candles"]:
        pages += answer(candles_table, in_progress(10), limit=4, before=pages[-1]["candles"][0][0])
    assert [open_ms for page in reversed(pages) for open_ms, *_ in page["candles"]] == [
        candle(minute).open_ms for minute in range(10)
    ]
    assert ["in_progress" in page for page in pages] == [True, False, False, False]


def test_a_candle_that_closes_meanwhile_is_sent_once_as_closed(candles_table: CandlesTable) -> None:
    [frame] = answer(candles_table, in_progress(9))
    assert frame["candles"][-1] == row(candle(9))
    assert "in_progress" not in frame


def test_before_includes_a_candle_in_progress_that_began_earlier(candles_table: CandlesTable) -> None:
    assert "in_progress" in answer(candles_table, in_progress(10), before=candle(10).open_ms + 1)[0]
    assert "in_progress" not in answer(candles_table, in_progress(10), before=candle(10).open_ms)[0]


def test_each_candle_has_its_ticks_or_null(quotes_items: Table) -> None:
    table = CandlesTable(quotes_items)
    table.write([(BTC, "1m", candle(minute, ticks=ticks)) for minute, ticks in enumerate([0, 1, None, 9])])
    [frame] = answer(table, {BTC: {"1m": candle(4, ticks=None)}})
    assert (frame["ticks"], frame["in_progress_ticks"]) == ([0, 1, None, 9], None)


def test_a_field_that_the_request_does_not_have_is_passed_over() -> None:
    assert asked(ticks=True, colour="red") == asked()


# The frames


def test_500_candles_of_usual_prices_fit_two_frames(capsys: pytest.CaptureFixture[str]) -> None:
    made = [candle(n, Decimal("86762.6513470") + n) for n in range(500)]
    sizes = [len(frame) for frame in encode_history(ALL, made, candle(500))]
    with capsys.disabled():
        print(f"\n500 candles: frames of {sizes} bytes")
    assert len(sizes) <= 2
    assert max(sizes) <= MAX_FRAME_BYTES


def check_frames(made: list[Candle], current: Candle | None, message_id: str | None) -> list[int]:
    """Assert that every frame fits and that together they hold the candles in order; return their sizes."""
    encoded = encode_history(HistoryRequest(BTC, "1m", 500, None, message_id), made, current)
    frames = list(map(loads, encoded))
    assert max(map(len, encoded)) <= MAX_FRAME_BYTES < 32 * 1024
    assert [rows for frame in frames for rows in frame["candles"]] == list(map(row, made))
    assert [ticks for frame in frames for ticks in frame["ticks"]] == [each.ticks for each in made]
    assert all(len(frame["ticks"]) == len(frame["candles"]) for frame in frames)
    assert [(frame["part"], frame["parts"]) for frame in frames] == [
        (n, len(frames)) for n in range(1, len(frames) + 1)
    ]
    assert [frame.get("in_progress") for frame in frames[:-1]] == [None] * (len(frames) - 1)
    assert frames[-1].get("in_progress") == (current and row(current))
    assert frames[-1].get("in_progress_ticks") == (current and current.ticks)
    assert all(frame.get("id") == message_id for frame in frames)
    return [len(frame) for frame in encoded]


def test_500_candles_of_the_longest_prices_fit_their_frames(capsys: pytest.CaptureFixture[str]) -> None:
    price = Decimal("1234567890123456789012345678901.23456789012345678901234567890123456789012345678901234567890123456")
    long = [Candle(MIDNIGHT_MS + n * MINUTE, price, price, price, price, 10 ** (n % 5)) for n in range(501)]
    sizes = check_frames(long[:500], long[500], LONG_ID)
    with capsys.disabled():
        print(f"\n500 candles of 97 digits: frames of {sizes} bytes")
    assert min(sizes[:-1]) > MAX_FRAME_BYTES - 1_500  # and no more frames than they need


@given(
    st.lists(st.tuples(prices, prices, prices, prices, st.none() | st.integers(0, 20_000)), max_size=30),
    st.integers(1, 17),
    st.none() | st.builds(candle, st.just(900), prices),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=36),
)
def test_any_prices_fit_their_frames(
    drawn: list[tuple[Decimal, Decimal, Decimal, Decimal, int | None]],
    times: int,
    current: Candle | None,
    message_id: str | None,
) -> None:
    check_frames([Candle(MIDNIGHT_MS, *each) for each in drawn] * times, current, message_id)
