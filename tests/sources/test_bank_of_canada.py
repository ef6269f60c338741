"""The Bank of Canada says what a US dollar costs in CAD.

None of its answers is on record; the one here is written from https://www.bankofcanada.ca/valet/docs
"""

import copy
from decimal import Decimal
from typing import Any

import pytest

from shared.model.values import Ticker
from shared.sources import bank_of_canada
from shared.sources.upstream import Answer, SourceUnavailable
from tests.sources.reading import read

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


def answer(payload: object) -> Answer:
    return Answer(payload, RECEIVED_MS, simulated=False)


def test_the_bank_of_canada_gives_its_newest_rate_and_its_day() -> None:
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


def test_a_simulated_rate_says_so() -> None:
    (ticker,) = bank_of_canada.parse(Answer(VALET, RECEIVED_MS, simulated=True))
    assert ticker.simulated


def test_the_bank_of_canada_is_asked_every_ten_minutes() -> None:
    assert bank_of_canada.source().poll_every_ms == 600_000
    assert bank_of_canada.source().hold_ms == 0, "the snapshot carries its rate"
