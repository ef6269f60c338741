"""A connection whose token has ended gets nothing more, is closed, and no longer counts."""

import time

import pytest

from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.protocol import TOKEN_ENDS
from shared.publishing.fan_out import UNKNOWN_PROGRESS, FanOut
from shared.publishing.slow_clients import MOST_CLOSED
from shared.store.connections_table import ConnectionsTable, NotConnected
from tests.clients import Clients
from tests.samples import after, quote, quotes

NOW_S = int(time.time())
FIRST = after(Snapshot(), quotes(), (NOW_S - 5) * 1000)
MOVED = Delta(FIRST, after(FIRST, quotes() | {"BTC_CAD": quote(spot="1")}, NOW_S * 1000))
DEADLINE_S = 10.0


def listen(connections: ConnectionsTable, connection_id: str, ends_s: int = 0) -> None:
    connections.add(connection_id, NOW_S - 5, {"ends_at": ends_s} if ends_s else {})
    connections.subscribe(connection_id, "rates_batch", ("BTC_CAD",))


@pytest.fixture
def clients() -> Clients:
    return Clients()


def test_an_ended_token_ends_its_connection(connections_table: ConnectionsTable, clients: Clients) -> None:
    for name, ends_s in {"none": 0, "later": NOW_S + 1_000, "now": NOW_S, "before": NOW_S - 3}.items():
        listen(connections_table, name, ends_s)
    fan_out = FanOut(connections_table, clients.gateway)
    posted, progress = fan_out.post(MOVED, None, UNKNOWN_PROGRESS, deadline_s=time.monotonic() + DEADLINE_S)
    assert set(clients.received) == {"none", "later"}
    assert sorted(clients.closed) == ["before", "now"]
    assert (posted.ended, posted.closed, posted.reached, posted.listening, posted.complete) == (2, 0, 2, 2, True)
    assert progress.complete_seq == MOVED.new.seq
    for each in clients.closed:
        with pytest.raises(NotConnected):
            connections_table.get(each)


def test_of_many_that_end_at_once_none_gets_anything(connections_table: ConnectionsTable, clients: Clients) -> None:
    """Each close is a request of its own, so the rest waits for the next tick."""
    for number in range(MOST_CLOSED + 3):
        listen(connections_table, f"{number}", NOW_S)
    fan_out = FanOut(connections_table, clients.gateway)
    ended = [
        fan_out.post(MOVED, None, UNKNOWN_PROGRESS, deadline_s=time.monotonic() + DEADLINE_S)[0].ended for _ in range(3)
    ]
    assert ended == [MOST_CLOSED, 3, 0]
    assert clients.posts == 0


def test_a_client_comes_back_before_its_token_ends(connections_table: ConnectionsTable, clients: Clients) -> None:
    """A token of 20 s: the notice comes 5 s before its end, and asks to come back within 4 s."""
    connected_s = FIRST.ts_ms // 1000 - 12
    ids = [f"c{number}" for number in range(20)]
    for each in ids:
        connections_table.add(each, connected_s, {"ends_at": connected_s + 20})
        connections_table.subscribe(each, "rates_batch", ("BTC_CAD",))
    FanOut(connections_table, clients.gateway).post(MOVED, None, UNKNOWN_PROGRESS, deadline_s=DEADLINE_S)
    notices = [clients.frames(each)[-1] for each in ids]
    assert {frame["reason"] for frame in notices} == {TOKEN_ENDS}
    assert all(frame["reconnect_in_ms"] <= 4_000 for frame in notices)


def test_an_end_that_cannot_be_read_does_not_count(connections_table: ConnectionsTable, clients: Clients) -> None:
    listen(connections_table, "odd")
    key = {"pk": f"SHARD#{connections_table.partition_of('odd')}", "sk": "odd"}
    connections_table._table.update_item(
        Key=key, UpdateExpression="SET ends_at = :odd", ExpressionAttributeValues={":odd": "soon"}
    )
    fan_out = FanOut(connections_table, clients.gateway)
    fan_out.post(MOVED, None, UNKNOWN_PROGRESS, deadline_s=time.monotonic() + DEADLINE_S)
    assert (set(clients.received), clients.closed) == ({"odd"}, [])
