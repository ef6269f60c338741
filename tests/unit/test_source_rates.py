"""Kraken, the Bank of Canada and open.er-api.com say what a US dollar costs in CAD.

Of Kraken other pairs are on record; their answers are put under the key of USD/CAD. What else is here is written from
https://docs.kraken.com/api/docs/rest-api/get-ticker-information, https://www.bankofcanada.ca/valet/docs and
https://www.exchangerate-api.com/docs/free
"""

import copy
from decimal import Decimal
from typing import Any

import pytest

from shared.sources import bank_of_canada, er_api, kraken
from shared.sources.upstream import Answer, SourceUnavailable
from shared.values import Ticker
from tests.recordings import recorded_json

RECEIVED_MS = 1_768_000_000_000
ODD_PRICES: list[object] = [None, True, 0, "0", "-1.3", "n/a", "", "NaN", "1e999999", [], {}, 1.5]

KRAKEN: dict[str, Any] = {
    "error": [],
    "result": {
        "ZUSDZCAD": {
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
    },
}
VALET: dict[str, Any] = {
    "terms": {"url": "https://www.bankofcanada.ca/terms/"},
    "seriesDetail": {"FXUSDCAD": {"label": "USD/CAD", "description": "US dollar to Canadian dollar daily rate"}},
    "observations": [
        {"d": "2024-01-04", "FXUSDCAD": {"v": "1.3350"}},
        {"d": "2024-01-05", "FXUSDCAD": {"v": "1.3363"}},
    ],
}
ER_API: dict[str, Any] = {
    "result": "success",
    "provider": "https://www.exchangerate-api.com",
    "time_last_update_unix": 1704412951,
    "time_next_update_unix": 1704500551,
    "base_code": "USD",
    "rates": {"USD": 1, "AED": Decimal("3.6725"), "CAD": Decimal("1.335012")},
}


def answer(payload: object) -> Answer:
    return Answer(payload, RECEIVED_MS, simulated=False)


def adapted(recording: str, key: str = "ZUSDZCAD") -> dict[str, Any]:
    payload: dict[str, Any] = recorded_json(recording)
    (row,) = payload["result"].values()
    return payload | {"result": {key: row}}


@pytest.mark.parametrize("key", ["ZUSDZCAD", "USDCAD"])
def test_kraken_gives_bid_ask_and_last_of_usd_cad_under_either_key(key: str) -> None:
    (ticker,) = kraken.parse(answer(adapted("kraken/Ticker_XBTUSD_2026.json", key)))
    last = Decimal("78493.80000")
    assert ticker == Ticker("kraken", "USDCAD", Decimal("78493.70000"), last, last, None, RECEIVED_MS)


def test_kraken_keeps_every_digit_of_a_recording() -> None:
    (ticker,) = kraken.parse(answer(adapted("kraken/Ticker_BCHEUR_2017-10-03.json")))
    assert [str(price) for price in (ticker.bid, ticker.ask, ticker.last)] == ["354.300000", "355.400000", "355.400000"]


def test_kraken_gives_no_price_of_24_h_ago_since_its_open_is_that_of_midnight() -> None:
    assert kraken.parse(answer(KRAKEN))[0].open_24h is None


def test_kraken_gives_nothing_for_a_market_that_the_feed_does_not_use() -> None:
    assert kraken.parse(answer(recorded_json("kraken/Ticker_XBTUSD_2026.json"))) == []


@pytest.mark.parametrize("side", ["a", "b", "c"])
@pytest.mark.parametrize("odd", [*([price] for price in ODD_PRICES), [], None, "1.33", {}])
def test_kraken_with_an_odd_price_is_unavailable(side: str, odd: object) -> None:
    payload = copy.deepcopy(KRAKEN)
    payload["result"]["ZUSDZCAD"][side] = odd
    with pytest.raises(SourceUnavailable):
        kraken.parse(answer(payload))


def test_kraken_with_a_crossed_book_is_unavailable() -> None:
    payload = copy.deepcopy(KRAKEN)
    payload["result"]["ZUSDZCAD"]["b"][0] = "1.33481"
    with pytest.raises(SourceUnavailable, match="above ask"):
        kraken.parse(answer(payload))


def test_kraken_errors_come_with_status_200_and_are_named() -> None:
    with pytest.raises(SourceUnavailable, match="EQuery:Unknown asset pair"):
        kraken.parse(answer({"error": ["EQuery:Unknown asset pair"]}))


def test_the_bank_of_canada_gives_its_newest_rate_with_the_start_of_its_day() -> None:
    rate = Decimal("1.3363")
    assert bank_of_canada.parse(answer(VALET)) == [
        Ticker("bank_of_canada", "FXUSDCAD", rate, rate, rate, None, 1_704_412_800_000)
    ]


@pytest.mark.parametrize("odd", [*ODD_PRICES])
def test_the_bank_of_canada_with_an_odd_rate_is_unavailable(odd: object) -> None:
    payload = copy.deepcopy(VALET)
    payload["observations"][-1]["FXUSDCAD"]["v"] = odd
    with pytest.raises(SourceUnavailable):
        bank_of_canada.parse(answer(payload))


@pytest.mark.parametrize("newest", [None, {}, {"d": "2024-01-05"}, {"d": "05/01/2024", "FXUSDCAD": {"v": "1.3"}}, []])
def test_the_bank_of_canada_without_a_dated_rate_is_unavailable(newest: object) -> None:
    with pytest.raises(SourceUnavailable):
        bank_of_canada.parse(answer(VALET | {"observations": [newest]}))
    with pytest.raises(SourceUnavailable):
        bank_of_canada.parse(answer(VALET | {"observations": []}))


def test_er_api_gives_its_rate_with_the_time_of_its_last_update() -> None:
    rate = Decimal("1.335012")
    assert er_api.parse(answer(ER_API)) == [Ticker("er_api", "USDCAD", rate, rate, rate, None, 1_704_412_951_000)]


@pytest.mark.parametrize("odd", ODD_PRICES)
def test_er_api_with_an_odd_rate_is_unavailable(odd: object) -> None:
    with pytest.raises(SourceUnavailable):
        er_api.parse(answer(ER_API | {"rates": {"USD": 1, "CAD": odd}}))


@pytest.mark.parametrize("change", [{"result": "error"}, {"rates": None}, {"rates": {"USD": 1}}, {"rates": [1.3]}])
def test_er_api_without_success_or_a_rate_is_unavailable(change: dict[str, object]) -> None:
    with pytest.raises(SourceUnavailable):
        er_api.parse(answer(ER_API | change))


@pytest.mark.parametrize("odd", [None, "1704412951", 0, -1, 10**12, Decimal("1704412951.0"), []])
def test_er_api_without_a_time_in_seconds_is_unavailable(odd: object) -> None:
    with pytest.raises(SourceUnavailable, match="no time"):
        er_api.parse(answer(ER_API | {"time_last_update_unix": odd}))


@pytest.mark.parametrize(
    ("module", "payload"),
    [
        (kraken, KRAKEN),
        (bank_of_canada, VALET),
        (er_api, ER_API),
    ],
)
def test_rates_of_a_simulated_market_say_so(module: Any, payload: object) -> None:
    (ticker,) = module.parse(Answer(payload, RECEIVED_MS, simulated=True))
    assert ticker.simulated


def test_the_daily_rates_are_not_asked_every_tick() -> None:
    assert kraken.source().poll_every_ms == 0
    assert bank_of_canada.source().poll_every_ms == 600_000
    assert er_api.source().poll_every_ms == 3_600_000
