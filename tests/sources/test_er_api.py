"""open.er-api.com says what a US dollar costs in CAD.

None of its answers is on record; the one here is written from https://www.exchangerate-api.com/docs/free
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.values import Ticker
from shared.sources import er_api
from shared.sources.upstream import Answer, SourceUnavailable
from tests.sources.reading import read
from tests.sources.test_bank_of_canada import ODD_PRICES, RECEIVED_MS, answer

ER_API: dict[str, Any] = {
    "result": "success",
    "base_code": "USD",
    "provider": "https://www.exchangerate-api.com",
    "time_last_update_unix": 1704412951,
    "time_next_update_unix": 1704500551,
    "rates": {"USD": 1, "AED": Decimal("3.6725"), "CAD": Decimal("1.335012")},
}


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


def test_a_simulated_rate_says_so() -> None:
    (ticker,) = er_api.parse(Answer(ER_API, RECEIVED_MS, simulated=True))
    assert ticker.simulated


def test_er_api_is_asked_once_an_hour() -> None:
    assert er_api.source().poll_every_ms == 3_600_000
    assert er_api.source().hold_ms == 0, "the snapshot carries its rate"
