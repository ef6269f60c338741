"""A client never has more connections than its limit, and an ended one makes room."""

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.store.clients_table import ClientsTable, client_of
from shared.store.connections_table import LIFETIME_S
from tests.lambdas import websocket_event

NOW_S = 1_718_707_723


@pytest.fixture
def clients(connections_items: Table) -> ClientsTable:
    return ClientsTable(connections_items)


def test_a_client_is_its_principal_else_its_address() -> None:
    context = websocket_event("$connect", kind="CONNECT")["requestContext"]
    assert client_of(context) == "address:203.0.113.7"
    assert client_of(context | {"authorizer": {"principalId": "somebody"}}) == "principal:somebody"
    assert client_of(context | {"authorizer": {"other": 1}}) == "address:203.0.113.7"


def test_connections_are_admitted_up_to_the_limit(clients: ClientsTable) -> None:
    """A connection that ends makes room for another."""
    assert [clients.admit("somebody", f"c{number}", 3, NOW_S) for number in range(5)] == [True] * 3 + [False] * 2
    assert clients.admit("another", "c9", 3, NOW_S)
    clients.remove("somebody", "c1")
    assert clients.admit("somebody", "c5", 3, NOW_S)
    assert not clients.admit("somebody", "c6", 3, NOW_S)


def test_a_connection_that_was_refused_leaves_nothing_behind(clients: ClientsTable, connections_items: Table) -> None:
    clients.admit("somebody", "c0", 1, NOW_S)
    clients.admit("somebody", "c1", 1, NOW_S)
    assert connections_items.scan()["Items"] == [
        {"pk": "CLIENT#somebody", "sk": "c0", "expires_at": NOW_S + LIFETIME_S}
    ]


def test_an_expired_connection_does_not_count(clients: ClientsTable) -> None:
    assert clients.admit("somebody", "old", 1, NOW_S - LIFETIME_S)
    assert clients.admit("somebody", "new", 1, NOW_S)


def test_two_concurrent_connections_never_share_one_place(
    clients: ClientsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one writes before this one has counted."""
    count = ClientsTable._count
    others: list[bool] = []

    def count_late(table: ClientsTable, client: str, now_s: int) -> int:
        if not others:
            others.append(False)
            others[0] = table.admit(client, "other", 1, now_s)
        return count(table, client, now_s)

    monkeypatch.setattr(ClientsTable, "_count", count_late)
    assert [clients.admit("somebody", "this", 1, NOW_S), *others].count(True) <= 1


def test_every_page_of_a_client_is_counted(clients: ClientsTable, connections_items: Table) -> None:
    for number in range(15):
        connections_items.put_item(
            Item={"pk": "CLIENT#big", "sk": f"{number}", "expires_at": NOW_S + 60, "padding": "x" * 100_000}
        )
    assert not clients.admit("big", "c", 15, NOW_S)
    assert clients.admit("big", "c", 16, NOW_S)
