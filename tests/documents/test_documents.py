"""A document tells what the WebSocket tells, and nothing old as if it were live."""

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote as escaped

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.model.assets import catalogue
from shared.model.candles import Candle
from shared.model.channels import RATES_BATCH
from shared.model.values import Snapshot, SourceState
from shared.model.wire import loads, number_text
from shared.protocol import assets_frames, quote_fields, snapshot_frames
from tests.documents.conftest import FIRST, Served
from tests.documents.test_paths import DOCUMENTS
from tests.samples import LIMITS, NOW_MS, quote

HOUR_MS = 3_600_000
HERE = NOW_MS // HOUR_MS * HOUR_MS
WITH_PRICES = ["/markets/rates.json", "/markets/rates.csv", "/markets/rates/BTC_CAD.json", "/api/coins/"]
COMMON = {"channel", "event", "id", "part", "parts"}  # what a frame has beside its content


def candle(hours: int, price: str = "88000.5", ticks: int | None = 720) -> Candle:
    at = Decimal(price)
    return Candle(HERE + hours * HOUR_MS, at, at, at, at, ticks)


def rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


@pytest.mark.parametrize("query", ["", "?symbols=BTC_CAD,ETH_CAD"])
def test_rates_json_has_the_content_of_a_snapshot_frame(served: Served, query: str) -> None:
    view = ("BTC_CAD", "ETH_CAD") if query else None
    (frame,) = map(loads, snapshot_frames(FIRST, RATES_BATCH, view))
    assert served.json(f"/markets/rates.json{query}") == {k: v for k, v in frame.items() if k not in COMMON}


def test_a_document_is_in_one_piece_however_long(served: Served) -> None:
    old = FIRST.quotes
    served.store_again(quotes={s: replace(q, source="x" * 2_000) for s, q in old.items()})
    assert len(served.json("/markets/rates.json")["data"]) == len(catalogue())
    assert len(served.get("/markets/rates.json").body) > 100_000


def test_a_single_quote_is_the_quote_of_all_frames(served: Served) -> None:
    assert served.json("/markets/rates/BTC_CAD.json") == quote_fields(FIRST.quotes["BTC_CAD"])


def test_csv_has_the_same_digits_in_a_row_per_quote(served: Served) -> None:
    told = rows(served.get("/markets/rates.csv").body)
    assert [row["symbol"] for row in told] == list(catalogue())
    for row in told:
        for name, value in quote_fields(FIRST.quotes[row["symbol"]]).items():
            assert row[name] == (number_text(value) if isinstance(value, Decimal) else str(value)), name
        assert (row["stale"], row["simulated"]) == ("false", "false")
    assert [row["symbol"] for row in rows(served.get("/markets/rates.csv?symbols=ETH_CAD").body)] == ["ETH_CAD"]


def test_coins_have_texts_with_all_digits(served: Served) -> None:
    exact = quote(spot="0.000012439404123456789", change=Decimal("-0.00000000000000000012"), simulated=True)
    served.store_again(quotes={**FIRST.quotes, "BTC_CAD": exact})
    coins = served.json("/api/coins/")
    assert coins == served.json("/api/coins")
    assert [coin["symbol_text"] for coin in coins] == list(catalogue())
    (bitcoin,) = (coin for coin in coins if coin["symbol_text"] == "BTC_CAD")
    assert bitcoin == {
        "symbol_text": "BTC_CAD",
        "unix_timestamp": NOW_MS // 1000,
        "bid_price": number_text(exact.bid),
        "ask_price": number_text(exact.ask),
        "spot_price": "0.000012439404123456789",
        "price_change_24hr": "-0.000000000000000000120000",
        "simulated": True,
    }


def test_assets_are_those_of_the_frame(served: Served) -> None:
    (frame,) = map(loads, assets_frames(FIRST, None))
    assert served.json("/markets/assets.json") == {"assets": frame["assets"]}


def test_an_old_quote_is_stale_in_every_document(served: Served) -> None:
    """No tick has come, so nobody but the reader's clock marks it."""
    served.now_ms = NOW_MS + LIMITS.stale_ms + 1
    assert all(each["stale"] is True for each in served.json("/markets/rates.json")["data"])
    assert served.json("/markets/rates/BTC_CAD.json")["stale"] is True
    assert {row["stale"] for row in rows(served.get("/markets/rates.csv").body)} == {"true"}
    assert all(coin["stale"] is True for coin in served.json("/api/coins/"))
    assert {asset["status"] for asset in served.json("/markets/assets.json")["assets"]} == {"stale"}
    assert served.json("/markets/status.json")["stale"] == list(FIRST.quotes)


@pytest.mark.parametrize("path", WITH_PRICES)
@pytest.mark.parametrize("late_ms", [LIMITS.late_ms + 1, 10**9, -LIMITS.late_ms - 1])
def test_a_late_feed_tells_no_prices_and_when_to_ask_again(served: Served, path: str, late_ms: int) -> None:
    """Also if the tick lies in the future, which a wrong clock has written."""
    served.now_ms = NOW_MS + late_ms
    answer = served.get(path)
    assert served.problem(path) == (503, "late")
    assert answer.headers["Retry-After"].isdecimal()
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"88000" not in answer.body


@pytest.mark.parametrize("path", WITH_PRICES)
def test_before_the_first_tick_there_are_no_prices(empty: Served, path: str) -> None:
    assert empty.problem(path) == (503, "late")
    assert empty.woken == [NOW_MS]


@pytest.mark.parametrize("path", WITH_PRICES)
def test_a_broken_snapshot_tells_no_prices(served: Served, path: str) -> None:
    served.quotes._table.put_item(Item={"pk": "SNAPSHOT", "sk": "CURRENT", "seq": 3, "epoch": 1, "packed": b"garbage"})
    assert served.problem(path) == (503, "late")


def test_a_symbol_without_a_price_is_not_found_for_now(served: Served) -> None:
    left = {symbol: each for symbol, each in FIRST.quotes.items() if symbol != "BTC_CAD"}
    served.store_again(quotes=left, unavailable={"BTC_CAD": 2})
    assert served.problem("/markets/rates/BTC_CAD.json") == (404, "no_price")
    assert "max-age=5," in served.get("/markets/rates/BTC_CAD.json").headers["Cache-Control"]
    document = served.json("/markets/rates.json?symbols=BTC_CAD,ETH_CAD")
    assert (document["unavailable"], [each["symbol"] for each in document["data"]]) == (["BTC_CAD"], ["ETH_CAD"])


def test_candles_are_told_as_json_and_as_csv(served: Served) -> None:
    served.candles.write([("BTC_CAD", "1h", candle(hours)) for hours in (-3, -2)])
    served.candles.write([("BTC_CAD", "1h", candle(-1, ticks=None))])
    served.store_again(candles={"BTC_CAD": {"1h": candle(0, "7", ticks=3)}})
    told = served.json("/markets/history/BTC_CAD/1h.json")
    assert [row[0] for row in told["candles"]] == [HERE - hours * HOUR_MS for hours in (3, 2, 1)]
    assert (told["symbol"], told["interval"], told["ticks"]) == ("BTC_CAD", "1h", [720, 720, None])
    assert (told["in_progress"][1], told["in_progress_ticks"]) == (Decimal(7), 3)
    told_csv = rows(served.get("/markets/history/BTC_CAD/1h.csv").body)
    assert [list(row.values()) for row in told_csv] == [
        [str(row[0]), *4 * ["88000.5"], "" if ticks is None else str(ticks)]
        for row, ticks in zip(told["candles"], told["ticks"], strict=True)
    ]
    before = served.json(f"/markets/history/BTC_CAD/1h.json?limit=1&before={HERE - HOUR_MS}")
    assert ([row[0] for row in before["candles"]], "in_progress" in before) == ([HERE - 2 * HOUR_MS], False)


def test_a_late_feed_has_candles_but_none_in_progress(served: Served) -> None:
    """The one that it knows may have closed at another price."""
    served.candles.write([("BTC_CAD", "1h", candle(-1))])
    served.store_again(candles={"BTC_CAD": {"1h": candle(0)}})
    served.now_ms = NOW_MS + LIMITS.late_ms + 1
    told = served.json("/markets/history/BTC_CAD/1h.json")
    assert len(told["candles"]) == 1
    assert "in_progress" not in told


def test_the_status_tells_ages(served: Served) -> None:
    sources = {"kraken": SourceState(ok_ms=NOW_MS - 2_000), "ndax": SourceState(error="HTTP 503")}
    served.store_again(sources=sources, unavailable={"LTC_CAD": 1})
    served.quotes.join_audience(NOW_MS)
    served.now_ms = NOW_MS + 1_500
    assert served.json("/markets/status.json") == {
        "state": "live",
        "now": NOW_MS + 1_500,
        "seq": 2,
        "ts": NOW_MS,
        "age_ms": 1_500,
        "quotes": len(FIRST.quotes),
        "stale": [],
        "unavailable": ["LTC_CAD"],
        "sources": {"kraken": {"status": "ok", "age_ms": 3_500}, "ndax": {"status": "down", "age_ms": None}},
    }


@pytest.mark.parametrize(
    ("age_ms", "is_heard", "state"),
    [
        (1_000, True, "live"),
        (LIMITS.late_ms + 1, True, "late"),
        (1_000, False, "idle"),
        (LIMITS.late_ms + 1, False, "idle"),
        (120_000 + LIMITS.late_ms + 1, False, "late"),
    ],
)
def test_the_status_is_late_only_if_the_feed_should_have_ticked(
    served: Served, age_ms: int, is_heard: bool, state: str
) -> None:
    """Without listeners it ticks once a minute, as it should."""
    served.now_ms = NOW_MS + age_ms
    if is_heard:
        served.quotes.join_audience(served.now_ms)
    else:
        served.quotes.count_audience(0, served.quotes.counted_audience())
    answer = served.get("/markets/status.json")
    body = loads(answer.body)
    assert (body["state"], int(answer.status)) == (state, 503 if state == "late" else 200)
    assert body["age_ms"] == age_ms
    assert served.woken == []


def test_before_the_first_tick_the_status_is_late(empty: Served) -> None:
    body = loads(empty.get("/markets/status.json").body)
    assert (body["code"], body["state"], body["seq"], body["age_ms"]) == ("late", "late", 0, None)


def test_aws_that_does_not_answer_is_a_problem_and_counts(served: Served) -> None:
    served.quotes._table.delete()
    assert served.problem("/markets/rates.json") == (503, "unavailable")
    assert served.problem("/markets/history/BTC_CAD/1h.json") == (503, "unavailable")
    assert len(served.failures) == 2


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_document_is_open_and_named(served: Served, path: str) -> None:
    answer = served.get(path)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["ETag"].startswith('"1-')
    known = served.get(path, if_none_match=answer.headers["ETag"])
    assert (int(known.status), known.body, known.headers["ETag"]) == (304, b"", answer.headers["ETag"])


def test_a_document_that_grew_stale_is_another_one(served: Served) -> None:
    """Neither its name nor its date says that nothing has changed."""
    fresh = served.get("/markets/rates.json")
    served.now_ms = NOW_MS + 1_000
    assert served.get("/markets/rates.json", if_modified_since=fresh.headers["Last-Modified"]).status == 304
    served.now_ms = NOW_MS + LIMITS.stale_ms + 1
    for known in ({"if_none_match": fresh.headers["ETag"]}, {"if_modified_since": fresh.headers["Last-Modified"]}):
        answer = served.get("/markets/rates.json", **known)
        assert (int(answer.status), b'"stale":true' in answer.body) == (200, True)


def test_a_document_is_kept_for_the_rest_of_the_tick(served: Served) -> None:
    for age_ms, kept_s in ((0, 5), (1, 5), (1_000, 4), (4_999, 1), (5_000, 5), (7_500, 3)):
        served.now_ms = NOW_MS + age_ms
        told = served.get("/markets/rates.json").headers["Cache-Control"]
        assert told == f"public, max-age={kept_s}, must-revalidate, stale-if-error=0"


symbols = st.sampled_from(list(catalogue()))
odd: Any = st.text(max_size=30)
addresses = st.one_of(
    odd,
    st.builds(lambda path, query: f"{path}?{query}", st.sampled_from(DOCUMENTS), odd),
    st.builds(
        lambda path, name, value: f"{path}?{name}={value}",
        st.sampled_from(DOCUMENTS),
        st.sampled_from(["symbols", "limit", "before", "colour", "limit=1&limit", "symbols=BTC_CAD&before"]),
        st.one_of(odd, odd.map(escaped), st.integers().map(str), st.lists(symbols).map(",".join)),
    ),
    st.builds(
        lambda symbol, interval, form: f"/markets/history/{symbol}/{interval}.{form}",
        st.one_of(odd, symbols),
        st.one_of(odd, st.sampled_from(["1m", "1h", "1d", "1M", "٣h"])),
        st.sampled_from(["json", "csv", "xml"]),
    ),
    st.builds(lambda symbol: f"/markets/rates/{symbol}.json", st.one_of(odd, symbols)),
)  # fmt: skip
conditions = st.dictionaries(st.sampled_from(["if_none_match", "if_modified_since", "accept_encoding"]), odd)


@settings(max_examples=1_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(addresses, st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT", "BREW", ""]), conditions)
def test_no_request_makes_the_feed_fail(served: Served, address: str, method: str, headers: dict[str, str]) -> None:
    answer = served.get(address, method, **headers)
    assert answer.status in {200, 204, 304, 400, 404, 405}
    answer.body.decode()
    assert all(text.isascii() and text.isprintable() for text in answer.headers.values())
    if answer.status >= 400:
        assert loads(answer.body)["detail"]
    assert not served.failures


def test_snapshots_of_all_kinds_fit(empty: Served) -> None:
    empty.store(Snapshot(seq=1, ts_ms=NOW_MS))
    assert empty.json("/markets/rates.json")["data"] == []
    assert rows(empty.get("/markets/rates.csv").body) == []
    assert empty.json("/api/coins/") == []
