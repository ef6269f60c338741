"""A viewer and its block never have more connections than their limits, and an ended one makes room."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.message_limit import MessageLimit, RateLimited
from shared.model.refused import Refused
from shared.model.viewer import Viewer, viewer_of
from shared.store.client_places import HANDSHAKE, USED, ClientPlaces, Limits, Place, left_by, places_of
from shared.store.connections_table import LIFETIME_S, ConnectionsTable

NOW_S = 1_718_707_723
ME, NEIGHBOUR, STRANGER = (viewer_of(each) for each in ("203.0.113.7", "203.0.113.8", "198.51.100.1"))
MESSAGES = MessageLimit(per_minute=60, burst=10)
TOO_MANY, BLOCK_FULL = "the viewer has too many connections", "the viewer's block of addresses has too many connections"


def places_in(items: Table, per_client: int = 0, per_block: int = 0) -> ClientPlaces:
    return ClientPlaces(items, Limits(per_client, per_block), MESSAGES)


def taken(places: ClientPlaces, viewer: Viewer, connection_id: str, now_s: int = NOW_S) -> str:
    """Take a place; return why it was refused."""
    try:
        places.take(viewer, connection_id, now_s + LIFETIME_S, now_s * 1000)
    except Refused as refused:
        return str(refused) if refused.status == 429 else f"{refused.status} {refused}"
    return ""


def leave(connections_items: Table, viewer: Viewer, connection_id: str) -> None:
    for key in places_of({"sk": connection_id, "viewer": viewer.name}):
        connections_items.delete_item(Key=key)


@pytest.mark.parametrize("me", [ME, viewer_of("2001:db8:1:2::3")])
def test_a_viewer_has_at_most_its_limit(connections_items: Table, me: Viewer) -> None:
    places = places_in(connections_items, per_client=3)
    assert [taken(places, me, f"c{number}") for number in range(5)] == ["", "", "", TOO_MANY, TOO_MANY]
    assert not taken(places, NEIGHBOUR, "c9")
    leave(connections_items, me, "c1")
    assert [taken(places, me, each) for each in ("c5", "c6")] == ["", TOO_MANY]


def test_a_limit_of_one_is_one(connections_items: Table) -> None:
    places = places_in(connections_items, per_client=1)
    assert [taken(places, ME, each) for each in ("c1", "c2")] == ["", TOO_MANY]


def test_with_a_limit_of_one_the_next_takes_over_what_was_used(connections_items: Table) -> None:
    places, now_ms = places_in(connections_items, per_client=1), NOW_S * 1_000
    place = places.take(ME, "c1", NOW_S + LIFETIME_S, now_ms)
    (left,) = left_by({**place, "sk": "c1", USED: Decimal(now_ms + 2_500)}, now_ms)
    connections_items.put_item(Item=left)
    assert places.take(ME, "c2", NOW_S + LIFETIME_S, now_ms)[USED] > now_ms + 2_500


def test_an_ended_connection_leaves_what_it_used_until_refilled() -> None:
    used_ms = Decimal(NOW_S * 1_000 + 2_500)
    ended = {"sk": "c1", "viewer": ME.name, USED: used_ms}
    (key,) = places_of(ended)
    assert left_by(ended, NOW_S * 1_000) == [{**key, USED: used_ms, "expires_at": NOW_S + 3}]
    assert left_by(ended, NOW_S * 1_000 + 2_500) == []


def test_a_block_has_at_most_its_limit(connections_items: Table) -> None:
    places = places_in(connections_items, per_client=2, per_block=3)
    viewers = (ME, ME, ME, NEIGHBOUR, NEIGHBOUR, STRANGER)
    told = [taken(places, viewer, f"c{number}") for number, viewer in enumerate(viewers)]
    assert told == ["", "", TOO_MANY, "", BLOCK_FULL, ""]
    leave(connections_items, ME, "c0")
    assert not taken(places, NEIGHBOUR, "c6")


def test_a_similar_address_is_another_viewer(connections_items: Table) -> None:
    """`203.0.113.1` is the beginning of `203.0.113.10`."""
    places = places_in(connections_items, per_client=1)
    assert not taken(places, viewer_of("203.0.113.10"), "a")
    assert not taken(places, viewer_of("203.0.113.1"), "b")


def test_a_refused_connection_leaves_nothing_behind(connections_items: Table) -> None:
    places = places_in(connections_items, per_client=1)
    assert places.take(ME, "c0", NOW_S + 60, NOW_S * 1000)["viewer"] == "203.0.113.7"
    assert taken(places, ME, "c1")
    assert connections_items.scan()["Items"] == [
        {"pk": "CLIENT#203.0.113.0/24", "sk": "203.0.113.7#c0", "expires_at": NOW_S + 60}
    ]


def test_a_place_that_cannot_be_counted_is_given_back(
    connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, look = places_in(connections_items, per_client=1), ClientPlaces._spare

    def throttled(place: ClientPlaces, *given: Any, **more: Any) -> Sequence[Place]:
        if not more["others"]:
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "Query")
        return look(place, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(ClientPlaces, "_spare", throttled)
        with pytest.raises(ClientError):
            taken(places, ME, "c0")
    assert connections_items.scan()["Items"] == []
    assert not taken(places, ME, "c1")


def test_without_limits_there_are_no_places(connections_items: Table) -> None:
    assert places_in(connections_items).take(ME, "c0", NOW_S + 60, NOW_S * 1000) == {}
    assert connections_items.scan()["Items"] == []
    assert places_of({"sk": "c0"}) == []


def test_an_expired_place_does_not_count(connections_items: Table) -> None:
    places = places_in(connections_items, per_client=1, per_block=1)
    assert not taken(places, ME, "old", NOW_S - LIFETIME_S)
    assert not taken(places, ME, "new")


def test_two_concurrent_connections_never_share_one_place(
    connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one writes between this one's first look and its count."""
    places = places_in(connections_items, per_client=1)
    look = ClientPlaces._spare
    others: list[str] = []

    def look_late(place: ClientPlaces, viewer: Viewer, limits: Limits, now_ms: int, **more: Any) -> Sequence[Place]:
        spare = look(place, viewer, limits, now_ms, **more)
        if not others:
            others.append("")
            others[0] = taken(place, viewer, "other")
        return spare

    monkeypatch.setattr(ClientPlaces, "_spare", look_late)
    assert [taken(places, ME, "this"), *others].count("") <= 1


def test_a_refusal_at_the_first_look_writes_nothing(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    places = places_in(connections_items, per_client=1)
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
    assert taken(places_in(connections_items, 15), ME, "c") == TOO_MANY
    assert not taken(places_in(connections_items, 16), ME, "c")


@pytest.mark.parametrize("known_s", [NOW_S, NOW_S - 1])
def test_whatever_removes_a_connection_removes_its_place(connections_items: Table, known_s: int) -> None:
    """Also if its `$disconnect` was lost: then a post finds it gone. A newer connection keeps both."""
    places, connections = places_in(connections_items, per_client=9), ConnectionsTable(connections_items)
    for connection_id in ("told", "gone", "gone too", "stays"):
        connections.add(connection_id, NOW_S, places.take(ME, connection_id, NOW_S + LIFETIME_S, NOW_S * 1000))
    connections.add("old", 0)  # of a version without places
    connections.remove("told")
    connections.remove_all(["gone", "gone too", "old", "unknown"], known_s)
    left = {"stays"} if known_s == NOW_S else {"gone", "gone too", "stays"}
    items = connections_items.scan()["Items"]
    assert {str(item["sk"]) for item in items if "connected_at" in item} == left
    held = {str(item["sk"]).partition("#")[2] for item in items if str(item["pk"]).startswith("CLIENT#")}
    assert held == left


def test_a_newer_connection_among_the_ended_keeps_its_place(connections_items: Table) -> None:
    """The transaction fails as a whole, so each is removed by itself, with its place."""
    places, connections = places_in(connections_items, per_client=9), ConnectionsTable(connections_items)
    for connection_id, came_s in (("ended", NOW_S - 60), ("newer", NOW_S)):
        connections.add(connection_id, came_s, places.take(ME, connection_id, NOW_S + LIFETIME_S, NOW_S * 1000))
    connections.remove_all(["newer", "ended"], NOW_S - 30)
    left = {str(item["sk"]).rpartition("#")[2] for item in connections_items.scan()["Items"] if "layout" not in item}
    assert left == {"newer"}


@dataclass
class Visits:
    """Connections of viewers that come, send and go at the times that a test sets."""

    items: Table
    monkeypatch: pytest.MonkeyPatch
    limits: Limits
    now_s: float = NOW_S

    def __post_init__(self) -> None:
        self.monkeypatch.setattr(time, "time", lambda: self.now_s)
        self._places = ClientPlaces(self.items, self.limits, MESSAGES)
        self._connections = ConnectionsTable(self.items)

    def come(self, connection_id: str, viewer: Viewer = ME) -> str:
        """Return why it was refused."""
        now_ms = int(self.now_s * 1000)
        try:
            place = self._places.take(viewer, connection_id, now_ms // 1000 + LIFETIME_S, now_ms)
        except Refused as refused:
            return str(refused)
        self._connections.add(connection_id, now_ms // 1000, place)
        return ""

    def send(self, connection_id: str) -> int:
        """Return how many messages at the same time were accepted."""
        for sent in range(100):
            try:
                self._connections.count_message(connection_id, MESSAGES, int(self.now_s * 1000), lambda _: 1)
            except RateLimited:
                return sent
        raise AssertionError("nothing limits this connection")

    def go(self, connection_id: str, *, told: bool = True) -> None:
        if told:
            self._connections.remove(connection_id)
        else:
            self._connections.remove_all([connection_id], NOW_S * 2)


@pytest.fixture
def visits(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> Visits:
    return Visits(connections_items, monkeypatch, Limits(per_client=2))


NEW = MESSAGES.burst - HANDSHAKE  # what a viewer's first connection may send


@pytest.mark.parametrize("told", [True, False])
def test_reconnecting_gives_no_more_messages(visits: Visits, *, told: bool) -> None:
    """Also if `$disconnect` was lost. Two connections are allowed, so there are two bursts, each of them once."""
    sent = []
    for each in "abcd":
        refused = visits.come(each)
        sent.append(refused or visits.send(each))
        visits.go(each, told=told)
    assert sent == [NEW, NEW, "the viewer connects too often", "the viewer connects too often"]
    assert visits.come("e", NEIGHBOUR) == ""


def test_an_ended_connections_messages_come_back(visits: Visits) -> None:
    """As those of one that stayed would have. Then nothing is left of its place."""
    for each in "ab":
        visits.come(each)
        visits.send(each)
        visits.go(each)
    visits.now_s += 1 + HANDSHAKE + 3  # one came over the limit
    assert visits.come("c") == ""
    assert visits.send("c") == 3
    visits.now_s += 3600
    visits.go("c")
    assert [visits.come(each) for each in "de"] == ["", ""]
    assert [visits.send(each) for each in "de"] == [NEW, NEW]
    assert visits.come("f") == TOO_MANY


def test_who_sent_little_may_reconnect_often(visits: Visits) -> None:
    """A page that is opened again takes over the connection that used the least, so other ones cost it little."""
    assert visits.come("flood") == ""
    visits.send("flood")
    visits.go("flood")
    for number in range(NEW // HANDSHAKE):
        assert visits.come(f"page {number}") == ""
        visits.go(f"page {number}")
    assert visits.come("once more") == ""
    assert visits.come("other") == "the viewer connects too often"


def test_a_block_keeps_what_its_viewers_used(connections_items: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each address of a block would have bursts of its own."""
    visits = Visits(connections_items, monkeypatch, Limits(per_client=9, per_block=2))
    for number, viewer in enumerate((ME, NEIGHBOUR)):
        visits.come(str(number), viewer)
        assert visits.send(str(number)) == NEW
        visits.go(str(number))
    assert visits.come("third", viewer_of("203.0.113.9")) == "the viewer connects too often"
    assert visits.come("stranger", STRANGER) == ""


def test_two_connections_never_take_over_the_same(visits: Visits, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in "ab":
        visits.come(each)
        visits.go(each)
    take_over = ClientPlaces._take_over
    others: list[str] = []

    def take_over_late(places: ClientPlaces, viewer: Viewer, spare: Sequence[Place]) -> int:
        if not others:
            others.append("")
            others[0] = visits.come("other")
        return take_over(places, viewer, spare)

    monkeypatch.setattr(ClientPlaces, "_take_over", take_over_late)
    assert [visits.come("this"), *others] == ["", ""]
    left = [item for item in visits.items.scan()["Items"] if "CLIENT#" in str(item["pk"])]
    assert {str(item["sk"]) for item in left} == {"203.0.113.7#this", "203.0.113.7#other"}


def test_a_full_block_takes_nobody_for_an_ended_connection(
    connections_items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its viewer has a place to take over, but the block would have one open connection too many."""
    visits = Visits(connections_items, monkeypatch, Limits(per_client=1, per_block=2))
    visits.come("ended")
    visits.go("ended")
    assert [visits.come(str(number), viewer_of(f"203.0.113.{number}")) for number in (20, 21)] == ["", ""]
    assert visits.come("again") == BLOCK_FULL
