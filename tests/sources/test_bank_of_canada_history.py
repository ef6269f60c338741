"""The Bank of Canada's daily rates become candles without a range.

The observations have the shape that https://www.bankofcanada.ca/valet/docs describes.
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.candles import Candle
from shared.sources.bank_of_canada_history import history
from shared.sources.history import Wanted
from shared.sources.upstream import Answer, SourceUnavailable
from tests.recordings import recorded_json
from tests.sources.test_bank_of_canada import VALET

DAY_MS = 86_400_000
DAY_0_MS = 1_704_326_400_000  # 2024-01-04, a Thursday
WANTED = Wanted("FXUSDCAD", "1d", DAY_0_MS, DAY_0_MS + 4 * DAY_MS)


def parse(payload: object, wanted: Wanted = WANTED) -> list[Candle]:
    return history().parse(Answer(payload, wanted.until_ms, simulated=False), wanted)


def flat(open_ms: int, rate: str) -> Candle:
    price = Decimal(rate)
    return Candle(open_ms, price, price, price, price, ticks=0)


def test_a_business_day_has_one_rate_and_a_weekend_none() -> None:
    candles = parse(VALET)
    assert candles == [flat(DAY_0_MS, "1.3350"), flat(DAY_0_MS + DAY_MS, "1.3363")]
    assert [str(candle.close) for candle in candles] == ["1.3350", "1.3363"]


def test_a_recorded_answer_has_its_days() -> None:
    day_ms = 1_783_987_200_000  # 2026-07-14
    recorded = recorded_json("fx/bank_of_canada_FXUSDCAD_2026-07.json")
    assert parse(recorded, Wanted("FXUSDCAD", "1d", day_ms, day_ms + 2 * DAY_MS)) == [
        flat(day_ms, "1.4067"),
        flat(day_ms + DAY_MS, "1.4049"),
    ]


def test_a_request_names_the_series_and_its_first_and_last_day() -> None:
    assert history().path(WANTED) == "/valet/observations/FXUSDCAD/json"
    assert history().params(WANTED) == {"start_date": "2024-01-04", "end_date": "2024-01-07"}


def test_only_days_are_offered() -> None:
    assert set(history().most) == {"1d"}
    assert history().reach == {}


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        {"d": "2024-01-05"},
        {"d": "2024-01-05", "FXUSDCAD": {}},
        {"d": "2024-01-05", "FXUSDCAD": {"v": ""}},
        {"d": "2024-01-05", "FXUSDCAD": {"v": "0"}},
        {"d": "2024-01-05", "FXEURCAD": {"v": "1.46"}},
        {"d": "05/01/2024", "FXUSDCAD": {"v": "1.3363"}},
    ],
)
def test_an_odd_observation_costs_its_own_day_only(odd: object) -> None:
    payload: dict[str, Any] = {"observations": [odd, VALET["observations"][0]]}
    assert parse(payload) == [flat(DAY_0_MS, "1.3350")]


def test_an_answer_without_any_day_is_empty() -> None:
    assert parse({"observations": []}) == []


@pytest.mark.parametrize("payload", [[], None, "x", {}, {"observations": {}}, {"message": "Series not found"}])
def test_an_answer_without_observations_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        parse(payload)


def test_only_not_found_means_an_unknown_series() -> None:
    assert history().is_unknown(404, {"message": "Series FXUSDCAT not found."})
    assert not history().is_unknown(500, None)
