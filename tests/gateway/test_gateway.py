"""Posts reach each connection in order, at a rate and by a deadline; a failing one delays nobody."""

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from shared.gateway import Gateway, Gone, Posted, PostFailed
from tests.clients import Answer, Clients, Refusal, gone, silent, throttled

ID = "L0SM9cOFvHcCIhw="
FRAMES = tuple(b'{"event":"data","n":%d}' % number for number in range(20))
FORBIDDEN: Answer = (403, "", "")


@pytest.fixture(autouse=True)
def _no_rest_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.gateway.batch.RETRY_BASE_S", 0.001)


@pytest.fixture
def clients() -> Clients:
    return Clients(valid=False)  # the gateway carries any bytes


def post_all(clients: Clients, addressed: Any, gateway: Gateway | None = None, **options: Any) -> Posted:
    given: dict[str, Any] = {"deadline_s": 10, "on_gone": lambda _ids: None} | options
    return (gateway or clients.gateway).post_all(addressed, **given)


def connections(count: int, prefix: str = "connection") -> list[tuple[str, tuple[bytes, ...]]]:
    return [(f"{prefix}-{number}", FRAMES[:1]) for number in range(count)]


def test_a_frame_is_posted_as_it_is(clients: Clients) -> None:
    clients.gateway.post(ID, FRAMES[0])
    assert clients.received == {ID: [FRAMES[0]]}


def test_a_connection_that_has_ended_is_gone_at_once(clients: Clients) -> None:
    clients.refusals[ID] = gone
    with pytest.raises(Gone, match=ID):
        clients.gateway.post(ID, FRAMES[0])
    assert clients.posts == 1


@pytest.mark.parametrize(
    ("refusal", "tries", "reason"),
    [
        (throttled, 3, "throttled: 429"),
        (lambda _: (503, "", ""), 3, "server_error: 503"),
        (lambda _: (500, "", ""), 3, "server_error: 500"),
        (silent, 3, "timeout: no answer within 3 s"),
        (lambda _: (0, "broken", "Connection reset by peer"), 3, "broken: Connection reset"),
        (lambda _: (0, "untrusted", "certificate verify failed"), 1, "untrusted: certificate verify failed"),
        (lambda _: FORBIDDEN, 1, "forbidden: 403"),
        (lambda _: (413, "", ""), 1, "too_large: 413"),
        (lambda _: (400, "", ""), 1, "rejected: 400"),
    ],
)
def test_transient_failures_are_retried_twice_and_others_never(
    clients: Clients, refusal: Refusal, tries: int, reason: str
) -> None:
    clients.refusals[ID] = refusal
    with pytest.raises(PostFailed, match=reason):
        clients.gateway.post(ID, FRAMES[0])
    assert clients.posts == tries


@pytest.mark.parametrize("answer", [(200, "broken", "closed"), (200, "timeout", "timed out")])
def test_an_answer_that_is_cut_off_after_its_status_is_an_answer(clients: Clients, answer: Answer) -> None:
    clients.refusals[ID] = lambda _id: answer
    posted = post_all(clients, [(ID, FRAMES[:1])])
    assert (posted.reached, posted.posts, posted.outcomes) == (1, 1, {"ok": 1})


def test_every_connection_gets_its_own_frames_in_order(clients: Clients) -> None:
    wanted = {f"connection-{number}": FRAMES[number % 7 :] for number in range(300)}
    posted = post_all(clients, wanted.items())
    assert {name: tuple(frames) for name, frames in clients.received.items()} == wanted
    frames = [frame for frames in wanted.values() for frame in frames]
    assert (posted.reached, posted.posts, posted.frames) == (300, len(frames), len(frames))
    assert posted.bytes == sum(map(len, frames))
    assert (posted.complete, posted.failed, posted.gone, posted.outcomes) == (True, {}, 0, {"ok": len(frames)})


def test_frames_stay_in_order_over_retries(clients: Clients) -> None:
    tries = itertools.count()
    clients.refusals[ID] = lambda _id: (429, "", "") if next(tries) % 3 else (200, "", "")
    posted = post_all(clients, [(ID, FRAMES)])
    assert clients.received[ID] == list(FRAMES)
    assert posted.complete
    assert posted.outcomes == {"ok": 20, "throttled": posted.posts - 20}


def test_one_bad_connection_never_stops_the_rest(clients: Clients) -> None:
    clients.refusals = {"b": gone, "d": throttled, "e": silent, "f": lambda _: FORBIDDEN}
    left: list[str] = []
    posted = post_all(clients, [(name, FRAMES[:2]) for name in "abcdefg"], on_gone=left.extend)
    assert set(clients.received) == {"a", "c", "g"}
    assert (posted.reached, posted.frames, posted.gone, posted.failures) == (3, 6, 1, 3)
    assert left == ["b"]
    assert posted.failed.keys() == {"d", "e", "f"}
    assert posted.outcomes == {"ok": 6, "gone": 1, "throttled": 3, "timeout": 3, "forbidden": 1}
    assert not posted.complete


def test_frames_that_arrived_before_a_failure_are_counted(clients: Clients) -> None:
    def third_fails(frame: dict[str, object]) -> None:
        if frame["n"] == 1:
            clients.refusals[ID] = throttled

    clients.on_post = third_fails
    posted = post_all(clients, [(ID, FRAMES)])
    assert (posted.frames, list(posted.failed)) == (2, [ID])
    assert clients.received[ID] == list(FRAMES[:2])


def test_a_connection_without_frames_is_reached_without_a_post(clients: Clients) -> None:
    posted = post_all(clients, [(ID, ()), ("b", FRAMES[:1])])
    assert (clients.posts, posted.reached, posted.frames) == (1, 2, 1)


def test_an_empty_batch_is_not_an_error(clients: Clients) -> None:
    posted = post_all(clients, [])
    assert (posted.reached, posted.frames, posted.complete) == (0, 0, True)


# Memory


def test_connections_are_read_as_posts_get_done(clients: Clients) -> None:
    """Memory does not grow with their number."""
    ahead: list[int] = []

    def endless() -> Iterator[tuple[str, tuple[bytes, ...]]]:
        for number in range(5_000):
            ahead.append(number - sum(map(len, clients.received.values())))
            yield f"connection-{number}", FRAMES[:1]

    posted = post_all(clients, endless(), gateway=clients.gateway_at(1e9, 10**6, in_flight=200))
    assert posted.reached == 5_000
    assert max(ahead) <= 200
    assert clients.most_at_once <= 200


def test_a_short_batch_opens_no_more_connections_than_pay(clients: Clients) -> None:
    post_all(clients, connections(500), gateway=clients.gateway_at(1e9, 10**6))
    assert clients.most_at_once == 128
    post_all(clients, connections(20_000), gateway=clients.gateway_at(1e9, 10**6))
    assert clients.most_at_once == 128  # busy all the time, so more in flight would not help
    clients.waits_s = 0.015
    post_all(clients, connections(20_000), gateway=clients.gateway_at(1e9, 10**6))
    assert clients.most_at_once == 512


def test_when_all_posts_fail_reading_and_reasons_are_bounded(clients: Clients) -> None:
    clients.refusals = dict.fromkeys((name for name, _ in connections(3_000)), throttled)
    posted = post_all(clients, connections(3_000), gateway=clients.gateway_at(1e9, 10**6))
    assert (posted.failures, len(posted.failed), posted.posts) == (3_000, 1_000, 9_000)


def test_the_gone_are_handed_over_by_25_while_the_batch_goes_on(clients: Clients) -> None:
    clients.refusals = {f"left-{number}": gone for number in range(60)}
    handed: list[tuple[int, int]] = []

    def on_gone(ids: Sequence[str]) -> None:
        assert all(name.startswith("left") for name in ids)
        handed.append((len(ids), len(clients.received)))

    posted = post_all(clients, connections(60, "left") + connections(400), on_gone=on_gone)
    assert [count for count, _ in handed] == [25, 25, 10]
    assert handed[0][1] < 400
    assert (posted.gone, posted.reached, posted.complete) == (60, 400, True)


# Rate and deadline


def test_posts_keep_to_the_rate(clients: Clients) -> None:
    began = time.monotonic()
    post_all(clients, connections(150), gateway=clients.gateway_at(500, 50))
    assert time.monotonic() - began >= 100 / 500
    assert clients.most_at_once <= 50


def test_retries_take_tokens_too(clients: Clients) -> None:
    clients.refusals = dict.fromkeys((name for name, _ in connections(50)), throttled)
    began = time.monotonic()
    assert post_all(clients, connections(50), gateway=clients.gateway_at(500, 50)).posts == 150
    assert time.monotonic() - began >= 100 / 500


def test_a_batch_cut_by_its_deadline_says_what_it_left_out(clients: Clients) -> None:
    posted = post_all(clients, connections(1_000), gateway=clients.gateway_at(100, 10), deadline_s=0.2)
    assert posted.elapsed_ms >= 200
    assert 0 < posted.reached <= 10 + posted.elapsed_ms / 10 + 1
    assert not posted.complete


def test_a_retry_that_would_come_after_the_deadline_has_failed(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.gateway.batch.RETRY_BASE_S", 1e6)
    clients.refusals[ID] = throttled
    posted = post_all(clients, [(ID, FRAMES[:1])], deadline_s=5)
    assert (posted.failures, posted.posts) == (1, 1)
    assert posted.elapsed_ms < 5_000


def test_an_overtaken_batch_is_not_sent(clients: Clients) -> None:
    asked = itertools.count(1)
    posted = post_all(
        clients,
        ((f"connection-{number}", FRAMES) for number in range(1_000_000)),
        overtaken=lambda: next(asked) == 2,
        gateway=clients.gateway_at(2_000, 1),
    )
    assert next(asked) == 3
    assert posted.elapsed_ms >= 500
    assert posted.posts < 10_000  # of twenty million
    assert not posted.complete
    assert posted.error is None


def test_a_broken_iterator_ends_the_batch_after_its_items(clients: Clients) -> None:
    def breaks() -> Iterator[tuple[str, tuple[bytes, ...]]]:
        yield from ((name, FRAMES[:3]) for name, _ in connections(200))
        raise OSError("no next page")

    clients.refusals["connection-7"] = gone
    left: list[str] = []
    posted = post_all(clients, breaks(), on_gone=left.extend)
    assert (posted.reached, posted.frames, posted.gone) == (199, 597, 1)
    assert left == ["connection-7"]
    assert repr(posted.error) == "OSError('no next page')"
    assert not posted.complete


def test_a_table_that_does_not_forget_the_gone_stops_no_post(clients: Clients) -> None:
    clients.refusals["left-0"] = gone

    def on_gone(_ids: Sequence[str]) -> None:
        raise OSError("no table")

    posted = post_all(clients, connections(1, "left") + connections(3), on_gone=on_gone)
    assert (posted.reached, posted.gone, repr(posted.error)) == (3, 1, "OSError('no table')")


# Answers to a single client


@pytest.mark.parametrize("count", [0, 1, 20])
def test_independent_frames_arrive_in_any_order(clients: Clients, count: int) -> None:
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
