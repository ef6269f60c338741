"""Coinbase's statistics become tickers without a spread, except for markets without a trade for a day.

One product's statistics of 2015 are recorded, from before they had `last`. The other answers are written from
https://docs.cdp.coinbase.com/exchange/reference/exchangerestapi_getproductstats
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.sources import coinbase
from shared.sources.upstream import Answer, SourceUnavailable
from tests.recordings import recorded_json
from tests.sources.reading import read

RECEIVED_MS = 1_768_000_000_000
ODD_PRICES: list[object] = [None, True, 0, "0", "-1.3", "n/a", "", "NaN", "1e999999", [], {}, 1.5]

BTC: dict[str, Any] = {
    "open": "43100.11",
    "high": "44250",
    "low": "42900.5",
    "last": "43650.010",
    "volume": "12345.67890123",
}
COINBASE: dict[str, Any] = {
    "BTC-USD": {"stats_30day": {"volume": "400000.1"}, "stats_24hour": BTC},
    "SHIB-USD": {"stats_24hour": BTC | {"open": "0.00001241", "last": "0.00001244", "volume": "99000000000"}},
}


def priced(payload: object) -> list[Ticker]:
    return read(coinbase, Answer(payload, RECEIVED_MS, simulated=False))


def parse_btc(stats: object) -> list[str]:
    """Return the priced markets beside one that always is: an answer without any price is refused."""
    tickers = priced(COINBASE | {"BTC-USD": {"stats_24hour": stats}})
    return [ticker.market for ticker in tickers if ticker.market != "SHIB-USD"]


def test_bid_and_ask_are_the_last_trade_timed_on_arrival() -> None:
    last = Decimal("43650.010")
    assert priced(COINBASE)[0] == Ticker(
        source="coinbase",
        market="BTC-USD",
        bid=last,
        ask=last,
        last=last,
        open_24h=Decimal("43100.11"),
        ts_ms=RECEIVED_MS,
        answered_ms=RECEIVED_MS,
        has_book=False,
        activity_24h=Decimal(BTC["volume"]),
    )


def test_every_digit_is_kept() -> None:
    assert [str(ticker.last) for ticker in priced(COINBASE)] == ["43650.010", "0.00001244"]


def test_a_market_that_the_catalogue_does_not_name_is_left_out() -> None:
    products = [row["id"] for row in recorded_json("coinbase/products_2021-04-17.json")]
    tickers = priced({product: {"stats_24hour": BTC} for product in products})
    assert {ticker.market for ticker in tickers} == set(products) & set(market_names("coinbase"))
    assert len(tickers) == 32


def test_a_market_without_volume_in_24_h_is_dead() -> None:
    assert parse_btc(BTC | {"volume": "0"}) == []
    assert parse_btc(BTC | {"volume": "0.00000000"}) == []
    assert parse_btc(BTC | {"volume": "0.00000001"}) == ["BTC-USD"]


def test_statistics_of_2015_hold_no_price() -> None:
    assert parse_btc(recorded_json("coinbase/stats_example_2015.json")) == []


@pytest.mark.parametrize("key", ["last", "volume"])
@pytest.mark.parametrize("odd", ODD_PRICES)
def test_an_odd_value_costs_its_own_market_and_no_other(key: str, odd: object) -> None:
    assert parse_btc(BTC | {key: odd}) == []
    assert parse_btc({k: v for k, v in BTC.items() if k != key}) == []


@pytest.mark.parametrize("odd", ODD_PRICES)
def test_an_odd_opening_costs_the_change_and_not_the_price(odd: object) -> None:
    (ticker, *_) = priced({"BTC-USD": {"stats_24hour": BTC | {"open": odd}}})
    assert (ticker.last, ticker.open_24h) == (Decimal(BTC["last"]), None)


@pytest.mark.parametrize("row", [None, [], "x", 5, {}, {"stats_24hour": None}, {"stats_24hour": []}])
def test_rows_that_are_not_rows_do_not_hide_the_others(row: object) -> None:
    assert [ticker.market for ticker in priced(COINBASE | {"BTC-USD": row})] == ["SHIB-USD"]


@pytest.mark.parametrize("payload", [{}, [], None, "x", {"message": "NotFound"}, {"BTC-USD": {}}, {"ETH-XYZ": BTC}])
def test_an_answer_without_a_live_market_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        priced(payload)


def test_one_request_every_ten_seconds_serves_for_half_a_minute() -> None:
    source = coinbase.source()
    assert (source.params(), source.poll_every_ms, source.hold_ms) == ({}, 10_000, 30_000)


def test_tickers_of_a_simulated_market_say_so() -> None:
    assert {ticker.simulated for ticker in read(coinbase, Answer(COINBASE, RECEIVED_MS, simulated=True))} == {True}
