"""A viewer and its block never have more connections than their limits, and an ended one makes room."""

from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.refused import Refused
from shared.model.viewer import Viewer, viewer_of
from shared.store.client_places import ClientPlaces, Limits, places_of
from shared.store.connections_table import LIFETIME_S, ConnectionsTable

NOW_S = 1_718_707_723
ME, NEIGHBOUR, STRANGER = (viewer_of(each) for each in ("203.0.113.7", "203.0.113.8", "198.51.100.1"))
TOO_MANY, BLOCK_FULL = "the viewer has too many connections", "the viewer's block of addresses has too many connections"


def taken(places: ClientPlaces, viewer: Viewer, connection_id: str, now_s: int = NOW_S) -> str:
    """Take a place; return why it was refused."""
    try:
        places.take(viewer, connection_id, now_s + LIFETIME_S, now_s)
    except Refused as refused:
        return str(refused) if refused.status == 429 else f"{refused.status} {refused}"
    return ""


def leave(connections_items: Table, viewer: Viewer, connection_id: str) -> None:
    for key in places_of({"sk": connection_id, "viewer": viewer.name}):
        connections_items.delete_item(Key=key)


@pytest.mark.parametrize("me", [ME, viewer_of("2001:db8:1:2::3")])
def test_a_viewer_has_at_most_its_limit(connections_items: Table, me: Viewer) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=3))
    assert [taken(places, me, f"c{number}") for number in range(5)] == ["", "", "", TOO_MANY, TOO_MANY]
    assert not taken(places, NEIGHBOUR, "c9")
    leave(connections_items, me, "c1")
    assert [taken(places, me, each) for each in ("c5", "c6")] == ["", TOO_MANY]


def test_a_block_has_at_most_its_limit(connections_items: Table) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=2, per_block=3))
    viewers = (ME, ME, ME, NEIGHBOUR, NEIGHBOUR, STRANGER)
    told = [taken(places, viewer, f"c{number}") for number, viewer in enumerate(viewers)]
    assert told == ["", "", TOO_MANY, "", BLOCK_FULL, ""]
    leave(connections_items, ME, "c0")
    assert not taken(places, NEIGHBOUR, "c6")


def test_a_similar_address_is_another_viewer(connections_items: Table) -> None:
    """`203.0.113.1` is the beginning of `203.0.113.10`."""
    places = ClientPlaces(connections_items, Limits(per_client=1))
    assert not taken(places, viewer_of("203.0.113.10"), "a")
    assert not taken(places, viewer_of("203.0.113.1"), "b")


def test_a_refused_connection_leaves_nothing_behind(connections_items: Table) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=1))
    assert places.take(ME, "c0", NOW_S + 60, NOW_S) == {"viewer": "203.0.113.7"}
    assert taken(places, ME, "c1")
    assert connections_items.scan()["Items"] == [
        {"pk": "CLIENT#203.0.113.0/24", "sk": "203.0.113.7#c0", "expires_at": NOW_S + 60}
    ]


def test_without_limits_there_are_no_places(connections_items: Table) -> None:
    assert ClientPlaces(connections_items, Limits()).take(ME, "c0", NOW_S + 60, NOW_S) == {}
    assert connections_items.scan()["Items"] == []
    assert places_of({"sk": "c0"}) == []


def test_an_expired_place_does_not_count(connections_items: Table) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=1, per_block=1))
    assert not taken(places, ME, "old", NOW_S - LIFETIME_S)
    assert not taken(places, ME, "new")


def test_two_concurrent_connections_never_share_one_place(
    connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one writes between this one's first look and its count."""
    places = ClientPlaces(connections_items, Limits(per_client=1))
    check = ClientPlaces._check
    others: list[str] = []

    def check_late(place: ClientPlaces, viewer: Viewer, now_s: int, **more: Any) -> None:
        check(place, viewer, now_s, **more)
        if not others:
            others.append("")
            others[0] = taken(place, viewer, "other")

    monkeypatch.setattr(ClientPlaces, "_check", check_late)
    assert [taken(places, ME, "this"), *others].count("") <= 1


def test_a_refusal_at_the_first_look_writes_nothing(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    places = ClientPlaces(connections_items, Limits(per_client=1))
    assert not taken(places, ME, "c0")
    monkeypatch.setattr(connections_items, "put_item", None)
    assert taken(places, ME, "c1") == TOO_MANY


def test_every_page_of_a_block_is_counted(connections_items: Table) -> None:
    for number in range(15):
        connections_items.put_item(
            Item={
                "pk": f"CLIENT#{ME.block}", "sk": f"{ME.name}#{number}", "expires_at": NOW_S + 60, "x": "x" * 100_000
            }
        )  # fmt: skip
    assert taken(ClientPlaces(connections_items, Limits(15)), ME, "c") == TOO_MANY
    assert not taken(ClientPlaces(connections_items, Limits(16)), ME, "c")


@pytest.mark.parametrize("known_s", [NOW_S, NOW_S - 1])
def test_whatever_removes_a_connection_removes_its_place(connections_items: Table, known_s: int) -> None:
    """Also if its `$disconnect` was lost: then a post finds it gone. A newer connection keeps both."""
    places, connections = ClientPlaces(connections_items, Limits(per_client=9)), ConnectionsTable(connections_items)
    for connection_id in ("told", "gone", "gone too", "stays"):
        connections.add(connection_id, NOW_S, places.take(ME, connection_id, NOW_S + LIFETIME_S, NOW_S))
    connections.add("old", 0)  # of a version without places
    connections.remove("told")
    connections.remove_all(["gone", "gone too", "old", "unknown"], known_s)
    left = {"stays"} if known_s == NOW_S else {"gone", "gone too", "stays"}
    items = connections_items.scan()["Items"]
    assert {str(item["sk"]) for item in items if item["pk"] == "SHARD#0" and "connected_at" in item} == left
    held = {str(item["sk"]).partition("#")[2] for item in items if str(item["pk"]).startswith("CLIENT#")}
    assert held == left
