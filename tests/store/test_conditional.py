"""A change of an item that others change as well: each change is made, or its caller knows that it was not."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.store.conditional import TRIES, change

KEY = {"pk": "a", "sk": "b"}


def item_of(items: Table) -> Mapping[str, Any]:
    return items.get_item(Key=KEY).get("Item", {})


def counting(items: Table, others: int) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Count one up; before the first writes another writer comes between, who counts ten up."""
    left = [others]

    def changed(item: Mapping[str, Any]) -> Mapping[str, Any]:
        if left[0]:
            left[0] -= 1
            change(items, KEY, lambda now: {"count": int(now.get("count", 0)) + 10})
        return {"count": int(item.get("count", 0)) + 1}

    return changed


def test_a_new_item_has_version_1_and_each_change_adds_one(connections_items: Table) -> None:
    for count in (1, 2, 3):
        assert change(connections_items, KEY, counting(connections_items, 0))
        assert item_of(connections_items) == {**KEY, "count": count, "version": count}


def test_the_first_write_asks_that_there_is_no_version(
    connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that it is null: moto takes a missing attribute for that, and DynamoDB does not."""
    asked: list[object] = []
    monkeypatch.setattr(connections_items, "put_item", lambda **request: asked.append(request["ConditionExpression"]))
    assert change(connections_items, KEY, lambda _item: {})
    assert asked == [Attr("version").not_exists()]


def test_an_item_without_a_version_gets_the_first(connections_items: Table) -> None:
    connections_items.put_item(Item={**KEY, "count": 5})
    assert change(connections_items, KEY, counting(connections_items, 1))
    assert item_of(connections_items) == {**KEY, "count": 16, "version": 2}


@pytest.mark.parametrize("others", range(TRIES))
def test_writers_that_come_between_lose_nothing(connections_items: Table, others: int) -> None:
    assert change(connections_items, KEY, counting(connections_items, others))
    assert item_of(connections_items)["count"] == 10 * others + 1


def test_after_five_others_the_caller_is_told(connections_items: Table) -> None:
    assert TRIES == 5
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        change(connections_items, KEY, counting(connections_items, TRIES))
    assert item_of(connections_items)["count"] == 10 * TRIES


def test_another_refusal_is_told_at_once(connections_items: Table) -> None:
    tries: list[Mapping[str, Any]] = []

    def too_large(item: Mapping[str, Any]) -> Mapping[str, Any]:
        tries.append(item)
        return {"text": "x" * 500_000}

    with pytest.raises(ClientError, match="ValidationException"):
        change(connections_items, KEY, too_large)
    assert len(tries) == 1


def test_nothing_to_change_writes_nothing(connections_items: Table) -> None:
    assert not change(connections_items, KEY, lambda _item: None)
    assert item_of(connections_items) == {}
