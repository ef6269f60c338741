"""The Bank of Canada and open.er-api.com say what a US dollar costs in CAD.

None of their answers is on record; these are written from https://www.bankofcanada.ca/valet/docs and
https://www.exchangerate-api.com/docs/free
"""

import copy
from decimal import Decimal
from typing import Any

import pytest

from shared.model.values import Ticker
from shared.sources import bank_of_canada, er_api
from shared.sources.upstream import Answer, SourceUnavailable
from tests.unit.reading import read

RECEIVED_MS = 1_704_489_129_000
ODD_PRICES: list[object] = [None, True, 0, "0", "-1.3", "n/a", "", "NaN", "1e999999", [], {}, 1.5]

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
    "base_code": "USD",
    "provider": "https://www.exchangerate-api.com",
    "time_last_update_unix": 1704412951,
    "time_next_update_unix": 1704500551,
    "rates": {"USD": 1, "AED": Decimal("3.6725"), "CAD": Decimal("1.335012")},
}


def answer(payload: object) -> Answer:
    return Answer(payload, RECEIVED_MS, simulated=False)


def test_the_bank_of_canada_gives_its_newest_rate_with_the_start_of_its_day() -> None:
    rate = Decimal("1.3363")
    assert read(bank_of_canada, answer(VALET)) == [
        Ticker("bank_of_canada", "FXUSDCAD", rate, rate, rate, None, 1_704_412_800_000, RECEIVED_MS, has_book=False)
    ]


@pytest.mark.parametrize("odd", [*ODD_PRICES])
def test_the_bank_of_canada_with_an_odd_rate_is_unavailable(odd: object) -> None:
    payload = copy.deepcopy(VALET)
    payload["observations"][-1]["FXUSDCAD"]["v"] = odd
    with pytest.raises(SourceUnavailable):
        read(bank_of_canada, answer(payload))


@pytest.mark.parametrize("newest", [None, {}, {"d": "2024-01-05"}, {"d": "05/01/2024", "FXUSDCAD": {"v": "1.3"}}, []])
def test_the_bank_of_canada_without_a_dated_rate_is_unavailable(newest: object) -> None:
    with pytest.raises(SourceUnavailable):
        read(bank_of_canada, answer(VALET | {"observations": [newest]}))
    with pytest.raises(SourceUnavailable):
        read(bank_of_canada, answer(VALET | {"observations": []}))


def test_er_api_gives_its_rate_with_the_time_of_its_last_update() -> None:
    rate = Decimal("1.335012")
    assert read(er_api, answer(ER_API)) == [
        Ticker("er_api", "USDCAD", rate, rate, rate, None, 1_704_412_951_000, RECEIVED_MS, has_book=False)
    ]


@pytest.mark.parametrize("odd", ODD_PRICES)
def test_er_api_with_an_odd_rate_is_unavailable(odd: object) -> None:
    with pytest.raises(SourceUnavailable):
        read(er_api, answer(ER_API | {"rates": {"USD": 1, "CAD": odd}}))


@pytest.mark.parametrize("change", [{"result": "error"}, {"rates": None}, {"rates": {"USD": 1}}, {"rates": [1.3]}])
def test_er_api_without_success_or_a_rate_is_unavailable(change: dict[str, object]) -> None:
    with pytest.raises(SourceUnavailable):
        read(er_api, answer(ER_API | change))


@pytest.mark.parametrize("odd", [None, "1704412951", 0, -1, 10**12, Decimal("1704412951.0"), []])
def test_er_api_without_a_time_in_seconds_is_unavailable(odd: object) -> None:
    with pytest.raises(SourceUnavailable, match="no time"):
        read(er_api, answer(ER_API | {"time_last_update_unix": odd}))


@pytest.mark.parametrize(
    ("module", "payload"),
    [
        (bank_of_canada, VALET),
        (er_api, ER_API),
    ],
)
def test_rates_of_a_simulated_market_say_so(module: Any, payload: object) -> None:
    (ticker,) = module.parse(Answer(payload, RECEIVED_MS, simulated=True))
    assert ticker.simulated


def test_the_daily_rates_are_not_asked_every_tick() -> None:
    assert bank_of_canada.source().poll_every_ms == 600_000
    assert er_api.source().poll_every_ms == 3_600_000
    # Their rates are carried in the snapshot.
    assert (bank_of_canada.source().hold_ms, er_api.source().hold_ms) == (0, 0)
