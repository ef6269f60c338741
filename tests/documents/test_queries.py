"""A query is judged by the rules of the WebSocket's requests."""

import pytest

from shared.documents.paths import Kind, Wanted
from shared.documents.problems import Problem
from shared.documents.queries import history_asked, symbol_asked, view_asked
from shared.model.assets import catalogue
from shared.protocol import MAX_SYMBOLS
from shared.requests.history import DEFAULT_LIMIT, HistoryRequest
from shared.store.candle_keys import LATEST_MS
from shared.store.candles_table import MAX_READ

HOURS = Wanted(Kind.HISTORY, symbol="BTC_CAD", interval="1h")


def code(query: str, wanted: Wanted | None = None) -> tuple[int, str]:
    with pytest.raises(Problem) as refused:
        history_asked(wanted, query) if wanted else view_asked(query)
    return int(refused.value.status), refused.value.code


@pytest.mark.parametrize(
    ("query", "view"),
    [
        ("", None),
        ("colour=blue", None),
        ("symbols=ETH_CAD", ("ETH_CAD",)),
        ("symbols=ETH_CAD,BTC_CAD,ETH_CAD&colour=blue", ("BTC_CAD", "ETH_CAD")),
        ("symbols=ETH_CAD%2CBTC_CAD", ("BTC_CAD", "ETH_CAD")),
    ],
)
def test_symbols_come_in_the_feeds_order(query: str, view: tuple[str, ...] | None) -> None:
    asked = view_asked(query)
    assert asked == (view and tuple(symbol for symbol in catalogue() if symbol in view))


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("symbols=", (404, "unknown_symbol")),
        ("symbols=BTC_CAD,XYZ_CAD", (404, "unknown_symbol")),
        ("symbols=btc_cad", (404, "unknown_symbol")),
        ("symbols=BTC_CAD,", (404, "unknown_symbol")),
        (f"symbols={','.join(['BTC_CAD'] * (MAX_SYMBOLS + 1))}", (400, "too_many_symbols")),
        ("symbols=BTC_CAD&symbols=ETH_CAD", (400, "bad_request")),
        ("&".join(["a=1"] * 200), (400, "bad_request")),
    ],
)
def test_what_is_wrong_with_symbols_is_said(query: str, problem: tuple[int, str]) -> None:
    assert code(query) == problem


def test_a_query_without_fields_asks_for_the_newest_candles() -> None:
    assert history_asked(HOURS, "") == HistoryRequest("BTC_CAD", "1h", DEFAULT_LIMIT, None, None)
    asked = history_asked(HOURS, f"limit={MAX_READ}&before={LATEST_MS}&symbols=XYZ")
    assert asked == HistoryRequest("BTC_CAD", "1h", MAX_READ, LATEST_MS, None)


@pytest.mark.parametrize("text", ["", "0", str(MAX_READ + 1), "-1", "1.5", "ten", "%D9%A3", "1e2", "9" * 5_000, "+5"])
def test_a_limit_is_a_whole_number_within_its_limits(text: str) -> None:
    assert code(f"limit={text}", HOURS) == (400, "bad_limit")


@pytest.mark.parametrize("text", ["", str(LATEST_MS + 1), "-1", "2026-01-01", "9" * 1_000])
def test_before_is_a_time_in_milliseconds(text: str) -> None:
    assert code(f"before={text}", HOURS) == (400, "bad_request")


def test_a_path_to_nothing_is_not_found() -> None:
    assert code("", Wanted(Kind.HISTORY, symbol="XYZ", interval="1h")) == (404, "unknown_symbol")
    assert code("", Wanted(Kind.HISTORY, symbol="BTC_CAD", interval="1M")) == (404, "unknown_interval")
    with pytest.raises(Problem, match="no such symbol: XYZ") as refused:
        symbol_asked(Wanted(Kind.QUOTE, symbol="XYZ"))
    assert refused.value.status == 404
