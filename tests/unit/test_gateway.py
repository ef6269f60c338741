"""Posts reach each connection in order, and one that is gone or fails keeps nobody else waiting."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from shared.gateway import POST_TIMEOUT_S, THREADS, Gateway, Gone, PostFailed, connect
from tests.unit.clients import Clients, ConnectionsServer, Refusal, gone, silent, throttled

ID = "L0SM9cOFvHcCIhw="
FRAMES = tuple(b'{"event":"data","n":%d}' % number for number in range(20))


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectionsServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    # How long botocore rests between attempts is its own affair.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda _self, _context: 0)
    with ConnectionsServer() as running:
        yield running


def test_a_frame_is_posted_as_it_is(clients: Clients) -> None:
    clients.gateway.post(ID, FRAMES[0])
    assert clients.received == {ID: [FRAMES[0]]}


def test_a_connection_that_has_ended_is_gone(clients: Clients) -> None:
    clients.refusals[ID] = gone
    with pytest.raises(Gone, match=ID):
        clients.gateway.post(ID, FRAMES[0])


@pytest.mark.parametrize("refusal", [throttled, silent])
def test_a_post_that_does_not_arrive_has_failed_and_is_not_gone(clients: Clients, refusal: Refusal) -> None:
    clients.refusals[ID] = refusal
    with pytest.raises(PostFailed):
        clients.gateway.post(ID, FRAMES[0])


def test_a_bug_is_neither(clients: Clients) -> None:
    clients.refusals[ID] = lambda _connection_id: KeyError("a bug")
    with pytest.raises(KeyError):
        clients.gateway.post(ID, FRAMES[0])


def test_every_connection_gets_its_own_frames_in_order(clients: Clients) -> None:
    wanted = {f"connection-{number}": FRAMES[number % 7 :] for number in range(3 * THREADS)}
    posted = clients.gateway.post_all(wanted.items())
    assert {name: tuple(frames) for name, frames in clients.received.items()} == wanted
    assert posted.reached == len(wanted)
    assert posted.frames == sum(map(len, wanted.values()))
    assert not posted.gone
    assert not posted.failed


def test_one_bad_connection_never_stops_the_rest(clients: Clients) -> None:
    clients.refusals = {"b": gone, "d": throttled, "e": silent}
    posted = clients.gateway.post_all([(name, FRAMES[:2]) for name in "abcdef"])
    assert set(clients.received) == {"a", "c", "f"}
    assert (posted.reached, posted.frames, posted.gone, list(posted.failed)) == (3, 6, ["b"], ["d", "e"])
    assert "LimitExceededException" in posted.failed["d"]
    assert "Read timeout" in posted.failed["e"]


def test_after_a_frame_that_failed_the_connection_gets_no_later_one(clients: Clients) -> None:
    clients.refusals = {ID: gone}
    posted = clients.gateway.post_all([(ID, FRAMES)])
    assert (clients.posts, posted.frames) == (1, 0)


def test_what_arrived_before_a_failure_is_counted(clients: Clients) -> None:
    def third_fails(frame: dict[str, object]) -> None:
        if frame["n"] == 1:
            clients.refusals[ID] = throttled

    clients.on_post = third_fails
    posted = clients.gateway.post_all([(ID, FRAMES)])
    assert (posted.frames, list(posted.failed)) == (2, [ID])
    assert clients.received[ID] == list(FRAMES[:2])


def test_a_connection_without_frames_is_reached_without_a_post(clients: Clients) -> None:
    posted = clients.gateway.post_all([(ID, ()), ("b", FRAMES[:1])])
    assert (clients.posts, posted.reached, posted.frames) == (1, 2, 1)


def test_nobody_to_post_to_is_no_error(clients: Clients) -> None:
    posted = clients.gateway.post_all([])
    assert (posted.reached, posted.frames) == (0, 0)


@pytest.mark.parametrize("count", [0, 1, 20])
def test_frames_that_stand_for_themselves_all_arrive_in_any_order(clients: Clients, count: int) -> None:
    clients.gateway.post_unordered(ID, FRAMES[:count])
    assert sorted(clients.received[ID]) == sorted(FRAMES[:count])


@pytest.mark.parametrize(("refusal", "error"), [(gone, Gone), (throttled, PostFailed)])
@pytest.mark.parametrize("count", [1, 20])
def test_frames_that_cannot_be_posted_say_why(
    clients: Clients, refusal: Refusal, error: type[Exception], count: int
) -> None:
    clients.refusals[ID] = refusal
    with pytest.raises(error):
        clients.gateway.post_unordered(ID, FRAMES[:count])


# On the wire


@pytest.mark.parametrize(
    ("connection_id", "path"),
    [
        ("L0SM9cOFvHcCIhw=", "/live/@connections/L0SM9cOFvHcCIhw%3D"),
        ("a/b+c=", "/live/@connections/a%2Fb%2Bc%3D"),
        ("a%3Db", "/live/@connections/a%253Db"),
    ],
)
def test_a_connection_id_is_encoded_once(server: ConnectionsServer, connection_id: str, path: str) -> None:
    connect(server.url).post(connection_id, FRAMES[0])
    assert [(posted.replace("%40", "@"), frame) for posted, frame in server.posts] == [(path, FRAMES[0])]


def only_path(server: ConnectionsServer, gateway: Gateway) -> str:
    gateway.post(ID, b"{}")
    ((path, _),) = server.posts
    server.posts.clear()
    return path


def test_410_is_gone_at_once(server: ConnectionsServer) -> None:
    gateway = connect(server.url)
    server.statuses[only_path(server, gateway)] = 410
    with pytest.raises(Gone):
        gateway.post(ID, FRAMES[0])
    assert len(server.posts) == 1


@pytest.mark.parametrize(("status", "attempts"), [(429, 3), (500, 3), (503, 3), (403, 1)])
def test_a_throttled_or_failing_service_is_asked_three_times_more(
    server: ConnectionsServer, status: int, attempts: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    gateway = connect(server.url)
    server.statuses[only_path(server, gateway)] = status
    with pytest.raises(PostFailed):
        gateway.post(ID, FRAMES[0])
    assert len(server.posts) == attempts


def test_nothing_that_listens_is_a_failed_post(server: ConnectionsServer) -> None:  # noqa: ARG001 - for its keys
    with pytest.raises(PostFailed):
        connect("http://127.0.0.1:1/live").post(ID, FRAMES[0])


def test_a_post_that_hangs_is_given_up_and_each_thread_has_its_connection(server: ConnectionsServer) -> None:
    config: Any = connect(server.url)._client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (POST_TIMEOUT_S, POST_TIMEOUT_S)
    assert POST_TIMEOUT_S <= 5
    assert config.max_pool_connections == THREADS
