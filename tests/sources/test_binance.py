"""Binance's rows become tickers, except dead, old, crossed and odd ones."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from shared.model.assets import catalogue, market_names
from shared.pricing.rules import CLOCK_SKEW_MS
from shared.sources import binance
from shared.sources.listing import RENEWED_AFTER_MS
from shared.sources.upstream import Answer, SourceUnavailable
from tests.recordings import recorded_json
from tests.sources.reading import read

RECORDING = "binance/ticker_24hr_all_2024-01-05T211209Z.json"
RECORDED_MS = 1_704_489_129_000  # 2024-01-05 21:12:09 UTC

# The recorded row of 2024-01-05, its figures as facts
BTC: dict[str, Any] = {
    "symbol": "BTCUSDT", "bidPrice": "43650.00000000", "askPrice": "43650.01000000", "lastPrice": "43650.01000000",
    "openPrice": "44150.01000000", "openTime": RECORDED_MS - 86_400_000, "closeTime": RECORDED_MS,
    "firstId": 3349390000, "lastId": 3351390000, "count": 2000001,
}  # fmt: skip


@cache
def recorded_rows() -> tuple[dict[str, Any], ...]:
    return tuple(recorded_json(RECORDING))


def answer(payload: object, received_ms: int = RECORDED_MS) -> Answer:
    return Answer(payload, received_ms, simulated=False)


def parse_rows(*rows: dict[str, Any]) -> list[str]:
    """Return the priced markets beside one that always is: an answer without any price is refused."""
    ether = BTC | {"symbol": "ETHUSDT"}
    return [ticker.market for ticker in read(binance, answer([ether, *rows])) if ticker.market != "ETHUSDT"]


def test_the_recorded_answer_prices_every_asset_of_binance() -> None:
    """These are the assets that Binance had when it was recorded and has now."""
    tickers = read(binance, answer(list(recorded_rows())))
    live = {ticker.market for ticker in tickers}
    priced = [
        asset.code
        for asset in catalogue().values()
        if any(market.source == "binance" and market.name in live for market in asset.markets)
    ]
    # Of 2024: dropped since, or not yet under today's name.
    assert [asset.code for asset in catalogue().values() if asset.code not in priced] == [
        "XMR", "USDT", "QCAD", "MATIC", "DAI", "MKR", "EOS", "BAL", "ETHW", "ELF", "OMG", "FTM", "REN", "LRC", "STORJ",
        "RNDR",
    ]  # fmt: skip
    assert all(0 < ticker.bid <= ticker.ask for ticker in tickers)


def test_a_ticker_says_what_its_row_says() -> None:
    rows = {row["symbol"]: row for row in recorded_rows()}
    tickers = read(binance, answer(list(recorded_rows())))
    assert {ticker.market for ticker in tickers} <= set(market_names("binance"))
    for ticker in tickers:
        row = rows[ticker.market]
        assert [str(number) for number in (ticker.bid, ticker.ask, ticker.open_24h)] == [
            row[key] for key in ("bidPrice", "askPrice", "openPrice")
        ]
        assert ticker.old_last or str(ticker.last) == row["lastPrice"]
        assert (ticker.source, ticker.ts_ms, ticker.simulated) == ("binance", row["closeTime"], False)


@pytest.mark.parametrize("market", ["DAIUSDT", "USTUSDT"])
def test_a_dead_pair_is_not_a_price(market: str) -> None:
    row = next(row for row in recorded_rows() if row["symbol"] == market)
    assert (row["count"], row["firstId"], row["bidPrice"]) == (0, -1, "0.00000000")
    assert parse_rows(row) == []


def test_a_delisted_pair_with_a_last_price_is_not_a_price() -> None:
    delisted = [row for row in recorded_rows() if row["count"] > 0 and Decimal(row["bidPrice"]) == 0]
    assert delisted
    for row in delisted:
        assert Decimal(row["lastPrice"]) > 0
        # Under the name of a market of the catalogue, as on the day of its delisting
        assert parse_rows(row | {"symbol": "BTCUSDT", "closeTime": RECORDED_MS}) == []


@pytest.mark.parametrize("age_ms", [86_400_001, 30 * 86_400_000, -CLOCK_SKEW_MS - 1])
def test_a_close_time_of_another_day_or_to_come_is_not_a_price(age_ms: int) -> None:
    assert parse_rows(BTC | {"closeTime": RECORDED_MS - age_ms}) == []


@pytest.mark.parametrize("age_ms", [86_400_000, 0, -CLOCK_SKEW_MS])
def test_a_close_time_within_the_last_day_is_a_price(age_ms: int) -> None:
    assert parse_rows(BTC | {"closeTime": RECORDED_MS - age_ms}) == ["BTCUSDT"]


def test_a_crossed_book_is_not_a_price() -> None:
    assert parse_rows(BTC | {"bidPrice": "43650.02000000"}) == []
    assert parse_rows(BTC | {"bidPrice": BTC["askPrice"]}) == ["BTCUSDT"]


@pytest.mark.parametrize("key", ["bidPrice", "askPrice", "lastPrice", "closeTime", "count"])
@pytest.mark.parametrize("value", [None, 0, "0.00000000", "-1", "n/a", "NaN", "1e999999", [], {}, Decimal("1.5E+999")])
def test_a_row_with_an_odd_value_is_not_a_price(key: str, value: object) -> None:
    assert parse_rows(BTC | {key: value}) == []
    assert parse_rows({k: v for k, v in BTC.items() if k != key}) == []


def test_a_market_that_the_catalogue_does_not_name_is_left_out() -> None:
    assert parse_rows(BTC | {"symbol": "LUNAUSDT"}, BTC | {"symbol": "BTCUSDC"}, BTC) == ["BTCUSDT"]


def test_rows_that_are_not_rows_do_not_hide_the_others() -> None:
    payload: list[object] = [None, 1, [], "BTCUSDT", {}, {"symbol": 5}, {"symbol": ["BTCUSDT"]}, BTC]
    assert [ticker.market for ticker in read(binance, answer(payload))] == ["BTCUSDT"]


@pytest.mark.parametrize(
    "payload", [[], {}, None, BTC, {"code": -1121, "msg": "Invalid symbol."}, [BTC | {"count": 0}], "BTCUSDT"]
)
def test_an_answer_without_a_live_market_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        read(binance, answer(payload))


def test_tickers_of_a_simulated_market_say_so() -> None:
    (ticker,) = read(binance, Answer([BTC], RECORDED_MS, simulated=True))
    assert ticker.simulated


def test_the_first_request_lists_all_markets_the_next_its_own() -> None:
    """Its own are those that exist, live or not."""
    source = binance.source()
    assert source.params() == {"type": "FULL"}
    source.parse(answer([BTC, BTC | {"symbol": "ETHUSDT"}, BTC | {"symbol": "LTCUSDT", "askPrice": "0.00000000"}]))
    assert source.params() == {"type": "FULL", "symbolStatus": "TRADING", "symbols": '["BTCUSDT","ETHUSDT","LTCUSDT"]'}


@pytest.mark.parametrize(
    ("status", "change", "forgotten"),
    [
        (400, lambda body: body, True),
        (400, lambda body: body | {"code": -1100}, False),
        (429, lambda body: body, False),
        (400, lambda _: None, False),
    ],
)
def test_an_unknown_symbol_makes_the_next_request_list_all(
    status: int, change: Callable[[dict[str, Any]], object], forgotten: bool
) -> None:
    source = binance.source()
    source.params()
    source.parse(answer([BTC]))
    source.on_failure(status, change({"code": -1121, "msg": "Invalid symbol."}))
    assert ("symbols" not in source.params()) is forgotten


def test_all_markets_are_listed_again_every_hour() -> None:
    now_ms = 0
    source = binance.source(lambda: now_ms)
    source.params()
    source.parse(answer([BTC]))
    for now_ms in range(0, RENEWED_AFTER_MS, 1_000):  # noqa: B007
        assert "symbols" in source.params()
    now_ms = RENEWED_AFTER_MS
    assert "symbols" not in source.params()
    source.parse(answer([BTC]))
    assert "symbols" in source.params()


def test_an_answer_whose_clock_stands_still_is_not_an_answer() -> None:
    read(binance, answer([BTC], received_ms=BTC["closeTime"] + binance.NEWEST_WITHIN_MS))
    with pytest.raises(SourceUnavailable, match="clock stands still"):
        read(binance, answer([BTC], received_ms=BTC["closeTime"] + binance.NEWEST_WITHIN_MS + 1))


def test_the_error_bodies_on_record_are_not_tickers() -> None:
    for recorded in recorded_json("binance/error_bodies.json"):
        with pytest.raises(SourceUnavailable):
            read(binance, answer(recorded["body"]))
