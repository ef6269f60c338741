"""A batch by a clock of its own: when it tries again, how it grows, and what it leaves out when it is overtaken."""

import itertools
from collections.abc import Iterator

import pytest

from shared.gateway import Posted
from shared.gateway.delivery import Delivery
from tests.clients import Answer, Clients, Refusal, silent, throttled

ID = "L0SM9cOFvHcCIhw="
FRAMES = (b'{"event":"data","n":0}', b'{"event":"data","n":1}')
BASE_S = 0.125  # a power of two, so that sums are exact


class Clock:
    """In the place of `time`."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s


class Timed(Clients):
    """Clients whose answers take no time; a batch without a post in flight sleeps by the clock.

    `answered` is how many posts a step answers. `waits` has the length of each step's sleep, and the posts in flight.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(valid=False)
        self.clock = clock
        self.answered = 10**9
        self.at_once: list[int] = []
        self.waits: list[tuple[int, float]] = []
        self.begun: list[tuple[float, bool]] = []
        self.prepared_s: list[float] = []

    def prepare(self, wait_s: float) -> None:
        self.prepared_s.append(wait_s)

    def begin(self, tag: Delivery, request: bytes, *, fresh: bool) -> None:
        self.begun.append((self.clock.now_s - 1_000, fresh))
        super().begin(tag, request, fresh=fresh)

    def step(self, wait_s: float) -> Iterator[tuple[Delivery, int, str, str]]:
        self.at_once.append(len(self))
        self.waits.append((len(self), wait_s))
        if not len(self):
            self.clock.now_s += wait_s
            return iter(())
        later = self._under_way[self.answered :]
        del self._under_way[self.answered :]
        answers = list(super().step(0))
        self._under_way = later
        return iter(answers)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Timed:
    """No chance: a pause before a retry is as long as it may be."""
    clock = Clock()
    monkeypatch.setattr("shared.gateway.batch.time", clock)
    monkeypatch.setattr("shared.gateway.batch.random.random", lambda: 1.0)
    monkeypatch.setattr("shared.gateway.batch.RETRY_BASE_S", BASE_S)
    return Timed(clock)


def post_all(
    clients: Timed, count: int, frames: tuple[bytes, ...], overtaken: Iterator[bool], deadline_s: float = 10
) -> Posted:
    addressed = ((f"c{number}", frames) for number in range(count))
    return clients.gateway_at(1e9, 10**6).post_all(
        addressed, deadline_s=deadline_s, on_gone=lambda _ids: None, overtaken=lambda: next(overtaken)
    )


def never() -> Iterator[bool]:
    return itertools.repeat(False)


def test_a_pause_before_a_retry_doubles(clients: Timed) -> None:
    clients.refusals["c0"] = throttled
    posted = post_all(clients, 1, FRAMES, never())
    assert [at_s for at_s, _ in clients.begun] == [0, BASE_S, 3 * BASE_S]
    assert (posted.failures, posted.throttled, posted.elapsed_ms) == (1, 1, 375)


@pytest.mark.parametrize(("deadline_s", "posts"), [(BASE_S, 1), (BASE_S + 0.001, 2)])
def test_a_retry_is_made_only_before_the_deadline(clients: Timed, deadline_s: float, posts: int) -> None:
    clients.refusals["c0"] = throttled
    posted = post_all(clients, 1, FRAMES, never(), deadline_s)
    assert (posted.posts, posted.failures, posted.unsent) == (posts, 1, 0)


def test_a_batch_that_waits_for_tokens_ends_at_its_deadline(clients: Timed) -> None:
    addressed = [("c0", FRAMES), ("c1", FRAMES)]
    posted = clients.gateway_at(0.001, 1).post_all(
        addressed, deadline_s=10, on_gone=lambda _ids: None, overtaken=lambda: False
    )
    assert (posted.posts, posted.unsent, posted.elapsed_ms) == (1, 1, 10_000)
    assert clients.prepared_s == [10]


def test_nothing_is_posted_from_the_deadline_on(clients: Timed) -> None:
    def until_the_deadline() -> Iterator[tuple[str, tuple[bytes, ...]]]:
        yield "c0", FRAMES
        clients.clock.now_s += 10
        yield "c1", FRAMES
        yield "c2", FRAMES

    posted = clients.gateway_at(1e9, 10**6).post_all(
        until_the_deadline(), deadline_s=10, on_gone=lambda _ids: None, overtaken=lambda: False
    )
    assert (posted.posts, posted.complete) == (2, False)


@pytest.mark.parametrize(("burst", "refusal"), [(1, {}), (10, {"c0": throttled})])
def test_a_batch_without_a_free_slot_sleeps_until_an_answer(
    clients: Timed, monkeypatch: pytest.MonkeyPatch, burst: int, refusal: dict[str, Refusal]
) -> None:
    """It does not wake up for a token or a retry that would have to wait for the slot, which costs CPU time."""
    monkeypatch.setattr("shared.gateway.batch.ASK_EVERY_S", 5.0)
    clients.refusals = dict(refusal)
    addressed = [("c0", FRAMES[:1]), ("c1", FRAMES[:1])]
    clients.gateway_at(128, burst, in_flight=1).post_all(
        addressed, deadline_s=5, on_gone=lambda _ids: None, overtaken=lambda: False
    )
    assert [wait_s for in_flight, wait_s in clients.waits if in_flight] == [pytest.approx(5, abs=1)] * clients.posts


def test_no_more_than_four_retries_wait_for_each_slot(clients: Timed) -> None:
    """Meanwhile no other connection is read, so memory does not grow. Fewer retries keep nobody waiting."""
    clients.refusals = {f"c{number}": throttled for number in range(20)}
    addressed = [(f"c{number}", FRAMES[:1]) for number in range(20)]
    clients.gateway_at(1e9, 10**6, in_flight=2).post_all(
        addressed, deadline_s=10, on_gone=lambda _ids: None, overtaken=lambda: False
    )
    assert [at_s for at_s, _ in clients.begun].count(0) == 4 * 2


def test_connections_without_a_frame_count_as_reached(clients: Timed) -> None:
    assert post_all(clients, 3, (), never()).reached == 3


def test_a_last_try_that_is_in_flight_when_overtaken_fails(clients: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no more tries."""
    monkeypatch.setattr("shared.gateway.batch.ASK_EVERY_S", 0)
    clients.refusals["c0"] = throttled

    def during_the_third() -> Iterator[bool]:
        while len(clients.begun) < 3:
            clients.answered = 0 if len(clients.begun) == 2 else 10**9
            clients.clock.now_s += 0.01
            yield False
        clients.answered = 10**9
        yield True

    posted = post_all(clients, 1, FRAMES, during_the_third())
    assert (posted.posts, posted.failures, posted.unsent) == (3, 1, 0)


def test_a_silent_connection_is_tried_over_a_new_one(clients: Timed) -> None:
    answers: Iterator[Answer] = iter([silent(""), (429, "", ""), (200, "", ""), silent(""), (200, "", "")])
    clients.refusals["c0"] = lambda _id: next(answers)
    posted = post_all(clients, 1, FRAMES, never())
    assert (posted.reached, posted.frames) == (1, 2)
    assert [fresh for _, fresh in clients.begun] == [False, True, False, False, True]


def test_a_failed_frame_has_its_own_tries(clients: Timed) -> None:
    answers: Iterator[Answer] = iter([throttled(""), throttled(""), (200, "", "")] * 2)
    clients.refusals["c0"] = lambda _id: next(answers)
    assert post_all(clients, 1, FRAMES, never()).reached == 1


def test_an_overtaken_batch_counts_those_it_left_out(clients: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is asked the second time, the next frame of one connection and the retry of another wait. One
    of the four in flight is refused, three would get another frame."""
    monkeypatch.setattr("shared.gateway.batch.ASK_EVERY_S", 0)
    clients.answered = 2
    clients.refusals = {"c1": throttled, "c3": throttled}
    posted = post_all(clients, 6, FRAMES, iter([False, True]))
    assert (posted.posts, posted.frames, posted.reached, posted.failures) == (6, 4, 0, 0)
    assert (posted.unsent, posted.complete) == (6, False)


def test_a_batch_overtaken_while_it_reads_posts_nothing(clients: Timed) -> None:
    """Its frames would come after the newer ones."""

    def slow() -> Iterator[tuple[str, tuple[bytes, ...]]]:
        clients.clock.now_s += 2
        yield from ((f"c{number}", FRAMES) for number in range(3))

    posted = clients.gateway_at(1e9, 10**6).post_all(
        slow(), deadline_s=10, on_gone=lambda _ids: None, overtaken=lambda: True
    )
    assert (posted.posts, posted.unsent, posted.complete) == (0, 1, False)


def test_a_batch_overtaken_while_it_reads_counts_its_retries(clients: Timed) -> None:
    clients.refusals["c0"] = throttled

    def slow_second() -> Iterator[tuple[str, tuple[bytes, ...]]]:
        yield "c0", FRAMES
        clients.clock.now_s += 0.1  # so that the first one's retry waits
        yield "c1", FRAMES
        clients.clock.now_s += 2
        yield "c2", FRAMES

    posted = clients.gateway_at(1e9, 10**6, in_flight=1).post_all(
        slow_second(), deadline_s=10, on_gone=lambda _ids: None, overtaken=lambda: clients.clock.now_s > 1_001
    )
    assert (posted.posts, posted.unsent) == (3, 2)


def test_a_batch_cut_by_its_deadline_counts_all_that_is_left(clients: Timed) -> None:
    clients.answered = 1
    clients.refusals["c0"] = throttled

    def after_two_steps() -> Iterator[bool]:
        yield False

    def late(_frame: object) -> None:
        clients.clock.now_s += 100

    clients.on_post = late
    posted = post_all(clients, 4, FRAMES, after_two_steps())
    assert (posted.outcomes, posted.reached) == ({"throttled": 1, "ok": 1, "given_up": 2}, 0)
    assert posted.unsent == 4


def test_a_batch_grows_by_a_quarter_while_posts_wait_for_slots(clients: Timed) -> None:
    """And no more, once the thread is busy."""
    clients.waits_s = 10.0

    def busy_later(_frame: object) -> None:
        clients.clock.now_s += 0.001
        if len(clients.at_once) == 24:
            clients.waits_s = 0.0

    clients.on_post = busy_later
    post_all(clients, 16_000, FRAMES[:1], never(), deadline_s=1_000)
    steps = [(size, len(list(same))) for size, same in itertools.groupby(clients.at_once)]
    assert steps[:3] == [(128, 8), (160, 8), (200, 8)]
    assert [size for size, _ in steps[3:-1]] == [250, 312]


def test_a_thread_that_never_waits_gets_no_more_slots(clients: Timed) -> None:
    post_all(clients, 4_000, FRAMES[:1], never())
    assert max(clients.at_once) == 128


def test_failures_are_counted_beyond_those_that_are_named(clients: Timed) -> None:
    clients.refusals = {"c0": throttled, "c1": lambda _id: (403, "", ""), "c2": throttled}
    posted = post_all(clients, 4, FRAMES, never())
    assert (posted.failures, posted.throttled, posted.reached) == (3, 2, 1)
    assert [posted.is_throttled(f"c{number}") for number in range(4)] == [True, False, True, False]
