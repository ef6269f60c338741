"""CoinGecko's prices in CAD become tickers without a spread, unless they are older than 15 minutes.

None of its answers is recorded; these are written from https://docs.coingecko.com/reference/simple-price
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.assets import catalogue
from shared.model.values import Ticker
from shared.model.wire import loads
from shared.sources import coingecko
from shared.sources.upstream import Answer, SourceUnavailable
from tests.sources.reading import read
from tests.sources.test_binance import RECORDED_MS as RECEIVED_MS

ODD_PRICES: list[object] = [None, True, 0, "0", Decimal("-1.3"), "n/a", "", Decimal("1e999"), [], {}, 1.5]
UPDATED_S = RECEIVED_MS // 1000 - 40

COINGECKO: dict[str, Any] = loads(
    """{
        "bitcoin": {"cad": 58312.123456789012, "cad_24h_change": -1.2345678901234567, "last_updated_at": UPDATED},
        "shiba-inu": {"cad": 1.2439404e-05, "cad_24h_change": 2.5e-05, "last_updated_at": UPDATED},
        "stablecorp-qcad": {"cad": 1.0, "cad_24h_change": null, "last_updated_at": UPDATED}
    }""".replace("UPDATED", str(UPDATED_S))
)


def priced(payload: object) -> dict[str, Ticker]:
    tickers = read(coingecko, Answer(payload, RECEIVED_MS, simulated=False))
    return {ticker.market: ticker for ticker in tickers}


def parse_bitcoin(**changes: object) -> Ticker | None:
    """Parse it beside a priced coin: an answer without any price is refused."""
    return priced(COINGECKO | {"bitcoin": COINGECKO["bitcoin"] | changes}).get("bitcoin")


def test_bid_and_ask_are_the_price_and_the_time_is_theirs() -> None:
    last = Decimal("58312.123456789012")
    ticker = priced(COINGECKO)["bitcoin"]
    assert (ticker.source, ticker.market) == ("coingecko", "bitcoin")
    assert (ticker.bid, ticker.ask, ticker.last, ticker.has_book) == (last, last, last, False)
    assert (ticker.ts_ms, ticker.answered_ms) == (UPDATED_S * 1000, RECEIVED_MS)


def test_a_price_in_usd_is_a_ticker_for_the_exchange_rate() -> None:
    assert parse_bitcoin(usd=Decimal(42_600)) == priced(COINGECKO)["bitcoin"]
    both = priced(COINGECKO | {"bitcoin": COINGECKO["bitcoin"] | {"usd": Decimal(42_600)}})
    assert both["bitcoin/usd"].last == 42_600
    assert "bitcoin/usd" not in priced(COINGECKO)


def test_a_number_with_an_exponent_keeps_every_digit() -> None:
    assert priced(COINGECKO)["shiba-inu"].last == Decimal("0.000012439404")


@pytest.mark.parametrize(
    ("price", "change", "opened"),
    [
        ("110", "10", "100"),
        ("50", "-50", "100"),
        ("58312.123456789012", "-1.2345678901234567", "59041.0249934"),
        ("1.2439404e-05", "2.5e-05", "0.0000124394008901"),
        ("7", "0", "7"),
    ],
)
def test_the_price_of_24_h_ago_follows_from_the_change(price: str, change: str, opened: str) -> None:
    """It has 12 digits."""
    ticker = parse_bitcoin(cad=Decimal(price), cad_24h_change=Decimal(change))
    assert ticker
    assert ticker.open_24h == Decimal(opened)


@pytest.mark.parametrize(
    "change",
    [None, Decimal(-100), Decimal("-100.5"), "n/a", True, [], Decimal("-99.9999999999999999999999999999999999")],
)
def test_without_a_sound_change_there_is_no_price_of_24_h_ago(change: object) -> None:
    ticker = parse_bitcoin(cad_24h_change=change)
    assert ticker
    assert ticker.open_24h is None
    assert (
        priced(COINGECKO | {"stablecorp-qcad": {"cad": 1, "last_updated_at": UPDATED_S}})["stablecorp-qcad"].open_24h
        is None
    )


@pytest.mark.parametrize(("age_s", "alive"), [(900, True), (901, False), (86_400, False), (-299, True), (-301, False)])
def test_a_price_of_more_than_15_minutes_ago_or_to_come_is_dead(age_s: int, alive: bool) -> None:
    assert bool(parse_bitcoin(last_updated_at=RECEIVED_MS // 1000 - age_s)) is alive


@pytest.mark.parametrize("odd", [None, "1704489089", Decimal("1704489089.5"), [], 10**400])
def test_a_price_without_a_time_is_not_a_price(odd: object) -> None:
    assert parse_bitcoin(last_updated_at=odd) is None


@pytest.mark.parametrize("odd", ODD_PRICES)
def test_an_odd_price_costs_its_own_coin_and_no_other(odd: object) -> None:
    assert parse_bitcoin(cad=odd) is None


@pytest.mark.parametrize("row", [None, [], "x", 5, {}, {"eur": 1, "last_updated_at": UPDATED_S}])
def test_rows_that_are_not_rows_do_not_hide_the_others(row: object) -> None:
    assert set(priced(COINGECKO | {"bitcoin": row})) == {"shiba-inu", "stablecorp-qcad"}


def test_a_coin_that_the_catalogue_does_not_name_is_left_out() -> None:
    assert "terra-luna-2" not in priced(COINGECKO | {"terra-luna-2": COINGECKO["bitcoin"]})


@pytest.mark.parametrize(
    "payload", [{}, [], None, "x", {"status": {"error_code": 429, "error_message": "Rate Limit"}}, {"bitcoin": {}}]
)
def test_an_answer_without_a_live_price_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        priced(payload)


def test_one_request_a_minute_gets_all_assets_for_two_minutes() -> None:
    source = coingecko.source()
    query = dict(source.params())
    assert len(query.pop("ids").split(",")) == len(catalogue())
    assert query == {
        "vs_currencies": "cad,usd",
        "include_24hr_change": "true",
        "include_last_updated_at": "true",
        "precision": "full",
    }
    assert (source.poll_every_ms, source.hold_ms) == (60_000, 120_000)


def test_tickers_of_a_simulated_market_say_so() -> None:
    simulated = read(coingecko, Answer(COINGECKO, RECEIVED_MS, simulated=True))
    assert {ticker.simulated for ticker in simulated} == {True}
