"""The places on `rates`: never more than the cap, given back, and corrected."""

from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from mypy_boto3_dynamodb.service_resource import Table

from shared.store.rates_places import KEY, Places, RatesPlaces


@pytest.fixture
def places(quotes_items: Table) -> RatesPlaces:
    return RatesPlaces(quotes_items)


def test_there_are_never_more_than_the_cap(places: RatesPlaces) -> None:
    assert [places.take(2) for _ in range(4)] == [True, True, False, False]
    assert places.read().taken == 2


def test_a_place_that_was_given_back_can_be_taken(places: RatesPlaces) -> None:
    assert places.take(1)
    places.give_back()
    assert places.take(1)
    assert not places.take(1)


def test_no_place_is_given_back_that_was_not_taken(places: RatesPlaces) -> None:
    places.give_back()
    places.take(1)
    places.give_back()
    places.give_back()
    assert places.read().taken == 0


def test_a_count_corrects_the_number(places: RatesPlaces) -> None:
    for _ in range(5):
        places.take(5)
    stored = places.correct(1, places.read())
    assert stored == places.read()
    assert stored.taken == 1


def test_a_count_that_began_before_a_subscription_is_not_stored(places: RatesPlaces) -> None:
    seen = places.read()
    assert seen == Places()
    places.take(5)
    assert places.correct(0, seen).taken == places.read().taken == 1
    seen = places.read()
    places.give_back()
    assert places.correct(9, seen).taken == places.read().taken == 0


def test_the_first_count_asks_that_nothing_is_stored(
    places: RatesPlaces, quotes_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto would also take a missing attribute for an empty one, DynamoDB would not."""
    asked: list[object] = []
    monkeypatch.setattr(quotes_items, "update_item", lambda **request: asked.append(request["ConditionExpression"]))
    places.correct(3, Places())
    assert asked == [Attr("write_id").not_exists()]


def test_a_count_begins_the_item(places: RatesPlaces) -> None:
    stored = places.correct(3, Places())
    assert stored == places.read()
    assert stored.taken == 3
    assert places.correct(4, stored).write_id not in {None, stored.write_id}


@pytest.mark.parametrize("broken", ["many", None, [1]])
def test_a_broken_number_differs_from_any_count(places: RatesPlaces, quotes_items: Table, broken: Any) -> None:
    quotes_items.put_item(Item={**KEY, "taken": broken, "write_id": "x"})
    seen = places.read()
    assert seen.taken < 0  # so a count of 0 or 1 is another number
    places.correct(0, seen)
    assert places.take(1)
