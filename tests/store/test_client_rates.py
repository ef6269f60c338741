"""The marks of a viewer's connections on `rates`: only a place that is there gets one."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.message_limit import MessageLimit
from shared.model.values import Connection
from shared.model.viewer import Viewer, viewer_of, viewer_of_subject
from shared.store.client_places import ClientPlaces, Limits
from shared.store.client_rates import ClientRates

NOW_S = 1_718_707_723
ME = viewer_of("203.0.113.7")


def connection(connection_id: str, viewer: str = ME.name) -> Connection:
    return Connection(connection_id, {}, NOW_S, viewer=viewer)


def test_a_viewer_has_at_most_its_limit_on_rates(connections_items: Table) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=9), MessageLimit(per_minute=60, burst=100))
    for each in "abc":
        places.take(ME, each, NOW_S + 60, NOW_S * 1000)
    rates = ClientRates(connections_items, Limits(per_client=2))
    assert [rates.take(connection(each), NOW_S) for each in "abc"] == ["", "", "your address has 2"]
    assert [rates.has(connection(each), NOW_S) for each in "abc"] == [True, True, False]
    rates.give_back(connection("a"))
    assert not rates.take(connection("c"), NOW_S)


@pytest.mark.parametrize(
    ("viewers", "why"),
    [
        ([viewer_of(f"2001:db8:0:{n}::1") for n in range(3)], "the addresses around yours have 4"),
        ([viewer_of(f"203.0.113.{n}") for n in range(3)], "the addresses around yours have 4"),
        ([viewer_of(f"203.0.{n}.7") for n in range(3)], ""),
    ],
)
def test_a_block_of_addresses_has_at_most_its_limit(connections_items: Table, viewers: list[Viewer], why: str) -> None:
    """A /48 has 65,536 viewers, each of which may have two connections on `rates`."""
    places = ClientPlaces(connections_items, Limits(per_client=9), MessageLimit(per_minute=60, burst=100))
    rates = ClientRates(connections_items, Limits(per_client=2, per_block=4))
    asked = [connection(f"{viewer.name}-{n}", viewer.name) for viewer in viewers for n in range(2)]
    for viewer, each in zip([viewer for viewer in viewers for _ in range(2)], asked, strict=True):
        places.take(viewer, each.connection_id, NOW_S + 60, NOW_S * 1000)
    assert [rates.take(each, NOW_S) for each in asked] == ["", "", "", "", why, why]
    rates.give_back(asked[0])
    assert not rates.take(asked[4], NOW_S)


@pytest.mark.parametrize(
    ("limits", "why"),
    [(Limits(per_client=1), "your address has 1"), (Limits(per_block=1), "the addresses around yours have 1")],
)
def test_a_limit_of_one_is_one_on_rates(connections_items: Table, limits: Limits, why: str) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=9), MessageLimit(per_minute=60, burst=100))
    for each in "ab":
        places.take(ME, each, NOW_S + 60, NOW_S * 1000)
    rates = ClientRates(connections_items, limits)
    assert [rates.take(connection(each), NOW_S) for each in "ab"] == ["", why]


def test_a_subject_has_no_block_of_addresses(connections_items: Table) -> None:
    alice = viewer_of_subject("alice")
    places = ClientPlaces(connections_items, Limits(per_client=9), MessageLimit(per_minute=60, burst=100))
    rates = ClientRates(connections_items, Limits(per_block=1))
    for each in "abc":
        places.take(alice, each, NOW_S + 60, NOW_S * 1000)
        assert not rates.take(connection(each, alice.name), NOW_S)


def test_a_place_that_is_not_there_gets_no_mark(connections_items: Table) -> None:
    """Its connection may go on, since viewers without limits have no places."""
    rates = ClientRates(connections_items, Limits(per_client=1))
    for each in "abc":
        assert not rates.take(connection(each), NOW_S)
        assert rates.has(connection(each), NOW_S)
        rates.give_back(connection(each))
    assert not connections_items.scan()["Items"]


def test_a_connection_without_a_place_may_go_on(connections_items: Table) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=9), MessageLimit(per_minute=60, burst=100))
    for each in "ab":
        places.take(ME, each, NOW_S + 60, NOW_S * 1000)
        assert not ClientRates(connections_items, Limits(per_client=2)).take(connection(each), NOW_S)
    assert not ClientRates(connections_items, Limits(per_client=1)).take(connection("c"), NOW_S)


def test_another_table_error_is_told(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttle(**_request: Any) -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")

    monkeypatch.setattr(connections_items, "update_item", throttle)
    with pytest.raises(ClientError, match="ProvisionedThroughput"):
        ClientRates(connections_items, Limits(per_client=1)).take(connection("a"), NOW_S)


def test_without_a_limit_no_place_is_marked(connections_items: Table) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=9), MessageLimit(per_minute=60, burst=100))
    places.take(ME, "a", NOW_S + 60, NOW_S * 1000)
    before = connections_items.scan()["Items"]
    rates = ClientRates(connections_items, Limits())
    assert not rates.take(connection("a"), NOW_S)
    assert rates.has(connection("a"), NOW_S)
    rates.give_back(connection("a"))
    assert connections_items.scan()["Items"] == before
    limited = ClientRates(connections_items, Limits(per_client=1))
    assert not limited.take(connection("a"), NOW_S)
    rates.give_back(connection("a"))
    assert limited.has(connection("a"), NOW_S)
    assert ClientRates(connections_items, Limits(per_client=1)).has(connection("a", viewer=""), NOW_S)
