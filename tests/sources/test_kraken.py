"""Kraken's rows become tickers under their altnames, except dead, crossed and odd ones.

All its pairs and two tickers of one pair each are recorded. The other answers are written from
https://docs.kraken.com/api/docs/rest-api/get-ticker-information and
https://docs.kraken.com/exchange/guides/general/errors
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.assets import market_names
from shared.sources import kraken
from shared.sources.listing import BY_NAMES_FOR_MS, RENEWED_AFTER_MS
from shared.sources.upstream import Answer, SourceUnavailable
from tests.recordings import recorded_json
from tests.sources.reading import read

RECEIVED_MS = 1_768_000_000_000
ODD_PRICES: list[object] = [None, True, 0, "0", "-1.3", "n/a", "", "NaN", "1e999999", [], {}, 1.5]

USD_CAD: dict[str, Any] = {
    "a": ["1.33480", "1", "1.000"],
    "b": ["1.33460", "250", "250.000"],
    "c": ["1.33470", "12.50000000"],
    "v": ["1000000.00000000", "2000000.00000000"],
    "p": ["1.33465", "1.33471"],
    "t": [1000, 2000],
    "l": ["1.33300", "1.33200"],
    "h": ["1.33600", "1.33700"],
    "o": "1.33500",
}
SOLANA = USD_CAD | {"a": ["190.01", "1", "1.000"], "b": ["190.00", "1", "1.000"], "c": ["189.95", "0.5"]}
KRAKEN: dict[str, Any] = {"error": [], "result": {"ZUSDZCAD": USD_CAD, "SOLUSD": SOLANA}}


def answer(payload: object) -> Answer:
    return Answer(payload, RECEIVED_MS, simulated=False)


def rows(**result: object) -> dict[str, Any]:
    return {"error": [], "result": result}


def errors(*names: str) -> dict[str, Any]:
    return {"error": list(names)}


def parse_beside_solana(**result: object) -> list[str]:
    """Return the priced markets beside one that always is: an answer without any price is refused."""
    tickers = read(kraken, answer(rows(SOLUSD=SOLANA, **result)))
    return [ticker.market for ticker in tickers if ticker.market != "SOLUSD"]


def test_a_ticker_has_altname_bid_ask_last_and_arrival_time() -> None:
    (ticker,) = read(kraken, answer(recorded_json("kraken/Ticker_XBTUSD_2026.json")))
    last = Decimal("78493.80000")
    assert (ticker.source, ticker.market, ticker.bid, ticker.ask, ticker.last) == (
        "kraken", "XBTUSD", Decimal("78493.70000"), last, last
    )  # fmt: skip
    assert (ticker.open_24h, ticker.ts_ms, ticker.answered_ms, ticker.has_book) == (
        None,
        RECEIVED_MS,
        RECEIVED_MS,
        True,
    )


def test_every_digit_of_a_recording_is_kept() -> None:
    (row,) = recorded_json("kraken/Ticker_BCHEUR_2017-10-03.json")["result"].values()
    (ticker,) = read(kraken, answer(rows(BCHUSD=row)))
    assert [str(price) for price in (ticker.bid, ticker.ask, ticker.last)] == ["354.300000", "355.400000", "355.400000"]


def test_every_legacy_key_is_krakens_and_none_is_missing() -> None:
    pairs = recorded_json("kraken/AssetPairs_all_2026-01-12.json")["result"]
    altnames = {key: pair["altname"] for key, pair in pairs.items()}
    wanted = {*market_names("kraken"), *kraken.EXCHANGE_RATES}
    assert {key: name for key, name in altnames.items() if name in wanted and key != name} == kraken.LEGACY_KEYS


def test_an_answer_for_all_pairs_has_every_market_of_the_feed() -> None:
    pairs = recorded_json("kraken/AssetPairs_all_2026-01-12.json")["result"]
    tickers = read(kraken, answer(rows(**dict.fromkeys(pairs, USD_CAD))))
    since_then = {"QCADUSD"}
    wanted = {*market_names("kraken"), "USDCAD", "USDTCAD", "USDTUSD"} - since_then
    assert {ticker.market for ticker in tickers} == wanted
    assert len(tickers) == len(wanted)


def test_a_market_that_the_feed_does_not_use_is_left_out() -> None:
    assert parse_beside_solana(XXBTZEUR=USD_CAD, BCHEUR=USD_CAD, USDCAD=USD_CAD) == ["USDCAD"]


def test_krakens_open_is_not_a_price_of_24_h_ago() -> None:
    """It is the price at midnight."""
    assert [ticker.open_24h for ticker in read(kraken, answer(KRAKEN))] == [None, None]


def test_a_market_without_a_trade_in_24_h_is_dead() -> None:
    assert parse_beside_solana(XXBTZUSD=USD_CAD | {"t": [0, 0]}) == []
    assert parse_beside_solana(XXBTZUSD=USD_CAD | {"t": [5, 0]}) == []
    assert parse_beside_solana(XXBTZUSD=USD_CAD | {"t": [0, 1]}) == ["XBTUSD"]


@pytest.mark.parametrize("trades", [None, [], [1], 5, ["1", "2"], [1, None], {}])
def test_a_market_whose_trades_are_not_counted_is_not_a_price(trades: object) -> None:
    assert parse_beside_solana(XXBTZUSD=USD_CAD | {"t": trades}) == []


@pytest.mark.parametrize("side", ["a", "b", "c"])
@pytest.mark.parametrize("odd", [*([price] for price in ODD_PRICES), [], None, "1.33", {}])
def test_an_odd_price_costs_its_own_market_and_no_other(side: str, odd: object) -> None:
    assert parse_beside_solana(XXBTZUSD=USD_CAD | {side: odd}) == []


def test_a_crossed_book_is_not_a_price() -> None:
    assert parse_beside_solana(XXBTZUSD=USD_CAD | {"b": ["1.33481"]}) == []
    assert parse_beside_solana(XXBTZUSD=USD_CAD | {"b": USD_CAD["a"]}) == ["XBTUSD"]


def test_a_spread_over_20_percent_of_the_mid_is_not_a_price() -> None:
    book = USD_CAD | {"b": ["0.9"], "c": ["1"]}
    assert parse_beside_solana(XXBTZUSD=book | {"a": ["1.1"]}) == ["XBTUSD"]
    assert parse_beside_solana(XXBTZUSD=book | {"a": ["1.10000001"]}) == []


def test_a_last_trade_far_outside_the_book_is_clamped() -> None:
    """The nearer side of the book takes its place."""
    tickers = read(kraken, answer(rows(SOLUSD=SOLANA, XXBTZUSD=USD_CAD | {"c": ["0.5"]})))
    _, ticker = sorted(tickers, key=lambda t: t.market)
    assert (ticker.market, ticker.last, ticker.old_last) == ("XBTUSD", ticker.bid, True)


@pytest.mark.parametrize("row", [None, [], "1.33", 5])
def test_rows_that_are_not_rows_do_not_hide_the_others(row: object) -> None:
    assert parse_beside_solana(ZUSDZCAD=row, XXBTZUSD=USD_CAD) == ["XBTUSD"]


@pytest.mark.parametrize("payload", [[], {}, None, "x", rows(), {"error": []}, rows(XXBTZUSD={}), {"result": [1]}])
def test_an_answer_without_a_live_market_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable, match="no live market"):
        read(kraken, answer(payload))


@pytest.mark.parametrize(
    "name", ["EQuery:Unknown asset pair", "EGeneral:Internal error", "EService:Unavailable", "EService:Busy"]
)
def test_errors_come_with_status_200_and_are_named(name: str) -> None:
    with pytest.raises(SourceUnavailable, match=name):
        read(kraken, answer(errors(name)))
    with pytest.raises(SourceUnavailable, match=name):
        read(kraken, answer(KRAKEN | errors(name)))


@pytest.mark.parametrize("name", ["EAPI:Rate limit exceeded", "EGeneral:Too many requests"])
def test_a_rate_limit_is_a_time_to_wait(name: str) -> None:
    with pytest.raises(SourceUnavailable) as unavailable:
        read(kraken, answer(errors(name)))
    assert unavailable.value.retry_after_ms == 60_000


def test_a_lockout_pauses_requests_for_15_minutes() -> None:
    """A request during a lockout prolongs it."""
    with pytest.raises(SourceUnavailable) as unavailable:
        read(kraken, answer(errors("EGeneral:Temporary lockout")))
    assert unavailable.value.retry_after_ms == 900_000


def test_a_warning_is_not_an_error() -> None:
    assert len(read(kraken, answer(KRAKEN | errors("WGeneral:Deprecated")))) == 2


def test_the_first_request_is_for_all_pairs_the_next_for_its_own() -> None:
    source = kraken.source()
    assert source.params() == {}
    # A market that is dead now may recover.
    source.parse(answer(rows(XXBTZCAD=USD_CAD, SOLUSD=SOLANA | {"t": [0, 0]}, XXBTZEUR=USD_CAD)))
    assert source.params() == {"pair": "SOLUSD,XBTCAD"}


def test_only_an_unknown_pair_makes_the_next_request_list_all() -> None:
    source = kraken.source()
    source.params()
    source.parse(answer(KRAKEN))
    with pytest.raises(SourceUnavailable):
        source.parse(answer(errors("EService:Unavailable")))
    assert source.params() == {"pair": "SOLUSD,USDCAD"}
    with pytest.raises(SourceUnavailable):
        source.parse(answer(errors("EQuery:Unknown asset pair")))
    assert source.params() == {}


def test_all_pairs_are_listed_again_every_hour() -> None:
    now_ms = 0
    source = kraken.source(lambda: now_ms)
    source.params()
    source.parse(answer(KRAKEN))
    for now_ms in range(0, RENEWED_AFTER_MS, 1_000):  # noqa: B007
        assert "pair" in source.params()
    now_ms = RENEWED_AFTER_MS
    assert source.params() == {}


def test_a_refused_list_keeps_the_one_before() -> None:
    now_ms = 0
    source = kraken.source(lambda: now_ms)
    source.params()
    source.parse(answer(KRAKEN))
    now_ms = RENEWED_AFTER_MS
    assert source.params() == {}
    source.on_failure(520, None)
    assert source.params() == {"pair": "SOLUSD,USDCAD"}
    now_ms += BY_NAMES_FOR_MS
    assert source.params() == {}


def test_a_refused_list_at_a_cold_start_falls_back_to_own_names() -> None:
    source = kraken.source(lambda: 0)
    assert source.params() == {}
    source.on_failure(520, None)
    assert source.params() == {"pair": ",".join(sorted(kraken.wanted()))}
    with pytest.raises(SourceUnavailable):
        source.parse(answer(errors("EQuery:Unknown asset pair")))
    assert source.params() == {}


def test_kraken_is_asked_every_tick_and_no_answer_is_held() -> None:
    assert (kraken.source().poll_every_ms, kraken.source().hold_ms) == (0, 0)


def test_tickers_of_a_simulated_market_say_so() -> None:
    assert {ticker.simulated for ticker in read(kraken, Answer(KRAKEN, RECEIVED_MS, simulated=True))} == {True}
