"""The client's side of the protocol, step by step, without sockets and without time."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadfeed_client import (
    Candle,
    ExplainRequest,
    History,
    HistoryRequest,
    Link,
    Refused,
    RequestError,
    Snapshot,
    SnapshotRequest,
    State,
    Withdrawn,
)
from cadfeed_client.answers import Request
from cadfeed_client.explanation import explanation_of
from cadfeed_client.machine import (
    BACKOFF_CAP_MS,
    SETTLED_MS,
    STABLE_MS,
    WAIT_UNSAID_MS,
    Action,
    Changed,
    End,
    Heard,
    Machine,
    Open,
    Send,
)
from cadfeed_client.questions import ANSWER_WITHIN_MS, GIVE_UP_AFTER_MS, Settled
from cadfeed_client.requests import ASK_AGAIN_AFTER_MS, MOST_SUBSCRIBES, PARTS_WITHIN_MS, Subscription
from shared.model.wire import dumps
from tests.client.frames import Frame, acknowledged, data, in_parts, quote, snapshot, state, update

ACK = acknowledged("BTC_CAD", "ETH_CAD")
WHOLE = snapshot(41, quote("BTC_CAD", 41), quote("ETH_CAD", 40))


class Stage:
    """A machine and its actions. Every random wait is as long as possible."""

    def __init__(self, channel: str = "rates_batch") -> None:
        self.machine = Machine(Subscription(channel), draw=lambda _, most: most)
        self.now_ms = 0
        self.did = self.machine.start()

    @property
    def link(self) -> Link:
        return self.machine.state.link

    def opened(self, number: int) -> None:
        self.did = self.machine.opened(number, self.now_ms)

    def hear(self, number: int, *frames: Frame) -> None:
        self.did = [action for frame in frames for action in self.machine.received(number, dumps(frame), self.now_ms)]

    def lose(self, number: int) -> None:
        self.did = self.machine.lost(number, "cut", self.now_ms)

    def at(self, now_ms: int) -> None:
        """Let time pass and run every timer on the way."""
        self.did = []
        while (due_ms := self.machine.due_ms()) is not None and due_ms <= now_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.did += self.machine.tick(self.now_ms)
        self.now_ms = now_ms

    def sent(self) -> list[tuple[int, dict[str, Any]]]:
        return [(action.number, json.loads(action.text)) for action in self.did if isinstance(action, Send)]

    def of(self, kind: type[Action]) -> list[int]:
        return [action.number for action in self.did if isinstance(action, kind) and isinstance(action, Open | End)]

    def changes(self) -> list[object]:
        return [change for action in self.did if isinstance(action, Heard | Changed) for change in action.changes]


@pytest.fixture
def live() -> Stage:
    stage = Stage()
    stage.opened(1)
    stage.hear(1, ACK, WHOLE)
    assert stage.link is Link.LIVE
    return stage


@pytest.fixture
def succeeded(live: Stage) -> Stage:
    """Set up a first connection that will end, and a subscribed second one that knows less."""
    live.hear(1, {"event": "closing", "reason": "max_duration", "reconnect_in_ms": 1_000, "ts": 1})
    live.at(1_000)
    assert live.of(Open) == [2]
    live.opened(2)
    live.hear(1, update(43, 41, quote("BTC_CAD", 43)))
    live.hear(2, ACK, WHOLE)
    assert live.of(End) == []
    assert state(live.machine.book) == {"BTC_CAD": 43, "ETH_CAD": 40}
    return live


def test_the_old_connection_closes_once_the_new_one_caught_up(succeeded: Stage) -> None:
    succeeded.hear(2, update(43, 41, quote("BTC_CAD", 43)))
    assert succeeded.of(End) == [1]
    assert succeeded.changes() == []
    assert succeeded.link is Link.LIVE
    succeeded.hear(1, update(44, 43, quote("BTC_CAD", 44)))
    assert succeeded.did == []


def test_a_new_connection_proves_its_seq_if_the_old_one_ends(succeeded: Stage) -> None:
    """If the old connection ends too early, the new one must show which seq it has reached."""
    succeeded.lose(1)
    (asked,) = succeeded.sent()
    assert asked == (2, {"event": "snapshot", "channel": "rates_batch", "id": 2})
    assert succeeded.link is Link.CONNECTING
    succeeded.hear(2, WHOLE)  # the periodic one: it may be as old as the first
    assert state(succeeded.machine.book) == {"BTC_CAD": 43, "ETH_CAD": 40}
    succeeded.hear(2, snapshot(43, quote("BTC_CAD", 43), quote("ETH_CAD", 40), id=2))
    assert (succeeded.link, succeeded.changes()) == (Link.LIVE, [])


def test_a_feed_may_restart_while_connections_change(live: Stage) -> None:
    live.hear(1, {"event": "closing", "reconnect_in_ms": 0})
    live.at(0)
    live.opened(2)
    live.hear(2, ACK, snapshot(3, quote("BTC_CAD", 3)))
    live.lose(1)
    live.hear(2, snapshot(3, quote("BTC_CAD", 3), id=2))
    assert live.link is Link.LIVE
    assert Withdrawn("ETH_CAD", listed=False) in live.changes()
    assert state(live.machine.book) == {"BTC_CAD": 3}


def test_the_proof_is_asked_for_again_when_it_does_not_come(succeeded: Stage) -> None:
    succeeded.lose(1)
    succeeded.at(succeeded.now_ms + ASK_AGAIN_AFTER_MS)
    assert [message["event"] for _, message in succeeded.sent()] == ["snapshot"]


def test_a_failed_new_connection_is_retried_while_the_old_lives(live: Stage) -> None:
    live.hear(1, {"event": "closing", "reconnect_in_ms": 0})
    live.at(0)
    for number, wait_ms in ((2, 500), (3, 1_000), (4, 2_000)):
        assert live.of(Open) == [number]
        live.lose(number)
        assert live.link is Link.LIVE
        live.at(live.now_ms + wait_ms - 1)
        assert live.of(Open) == []
        live.at(live.now_ms + 1)
    assert live.of(Open) == [5]


def test_a_notice_that_comes_twice_opens_one_connection(live: Stage) -> None:
    notice = {"event": "closing", "reconnect_in_ms": 100}
    live.hear(1, notice, notice)
    live.at(100)
    live.hear(1, notice)
    assert live.machine.due_ms() != 200
    live.at(5_000)
    assert live.of(Open) == []


@pytest.mark.parametrize(("said", "after_ms"), [(10**12, 600_000), (-5, 0), ("soon", 60_000), (None, 60_000)])
def test_an_absurd_notice_is_followed_within_bounds(live: Stage, said: object, after_ms: int) -> None:
    live.hear(1, {"event": "closing", "reconnect_in_ms": said})
    due_ms = live.machine._main.successor_ms if live.machine._main else None
    assert due_ms == after_ms


def test_the_back_off_doubles_to_its_cap_and_later_resets() -> None:
    """It resets after a connection has lasted for a while."""
    stage = Stage()
    waits = []
    for number in range(1, 11):
        assert stage.of(Open) == [number]
        stage.lose(number)
        waits.append(stage.machine.state.retry_ms - stage.now_ms)
        stage.at(stage.machine.state.retry_ms)
    assert waits == [500 * 2**n for n in range(6)] + [BACKOFF_CAP_MS] * 4
    stage.opened(11)
    stage.hear(11, ACK, WHOLE)
    stage.now_ms += STABLE_MS
    stage.lose(11)
    assert stage.machine.state.retry_ms - stage.now_ms == 500


def test_a_server_that_hangs_up_at_once_gets_longer_pauses(live: Stage) -> None:
    live.lose(1)
    live.at(500)
    live.opened(2)
    live.hear(2, ACK, WHOLE)
    live.lose(2)
    assert live.machine.state.retry_ms - live.now_ms == 1_000


def test_an_unanswered_subscription_is_resent_a_few_times() -> None:
    stage = Stage()
    stage.opened(1)
    assert [message["id"] for _, message in stage.sent()] == [1]
    stage.at(4 * ASK_AGAIN_AFTER_MS)
    assert [message["id"] for _, message in stage.sent()] == list(range(2, MOST_SUBSCRIBES + 1))


def test_a_subscription_without_a_snapshot_asks_for_one() -> None:
    stage = Stage()
    stage.opened(1)
    stage.hear(1, ACK)
    stage.at(ASK_AGAIN_AFTER_MS)
    assert [message["event"] for _, message in stage.sent()] == ["snapshot"]


def test_missing_parts_are_requested(live: Stage) -> None:
    first, second = in_parts(update(43, 41, quote("BTC_CAD", 43), quote("ETH_CAD", 43)), [1, 1])
    live.hear(1, first)
    assert (live.sent(), live.link) == ([], Link.LIVE)
    live.at(PARTS_WITHIN_MS - 1)
    assert live.sent() == []
    live.at(PARTS_WITHIN_MS)
    assert [message["event"] for _, message in live.sent()] == ["snapshot"]
    live.hear(1, second)
    live.at(PARTS_WITHIN_MS + ASK_AGAIN_AFTER_MS)
    assert live.sent() == []


def test_a_refused_snapshot_is_requested_when_the_server_says(live: Stage) -> None:
    live.hear(1, update(45, 43, quote("BTC_CAD", 45)))
    assert live.link is Link.STALE
    error = {"event": "error", "code": "rate_limited", "message": "", "retryable": True, "retry_in_ms": 4_000, "id": 2}
    live.hear(1, error)
    live.at(4_999)
    assert live.sent() == []
    live.at(5_000)  # a quarter of it is random
    assert [message["event"] for _, message in live.sent()] == ["snapshot"]


@pytest.mark.parametrize(("limit_ms", "late_ms", "said"), [(45_000, 3, "45 s"), (300, 1, "0.3 s"), (1_500, 0, "1.5 s")])
def test_a_silent_connection_is_closed_and_its_silence_reported(limit_ms: int, late_ms: int, said: str) -> None:
    machine = Machine(Subscription("rates_batch"), dead_after_ms=limit_ms)
    machine.start()
    machine.opened(1, 0)
    assert End(1) not in machine.tick(limit_ms - 1)
    assert End(1) in machine.tick(limit_ms + late_ms)
    assert machine.state.reason == f"nothing was heard for {said}"


SAYS_LATE = {"feed": "late", "kraken": "ok"}


def test_a_late_feed_shows_from_its_first_frame_to_the_next_tick() -> None:
    stage = Stage()
    stage.opened(1)
    stage.hear(1, ACK, snapshot(41, quote("BTC_CAD", 41), status=SAYS_LATE))
    (state_,) = [action for action in stage.did if isinstance(action, State)]
    assert (state_.link, state_.reason.split(":")[0]) == (Link.LATE, "the feed itself is late")
    stage.hear(1, {**update(42, 41, quote("BTC_CAD", 42)), "ts": 2})
    assert (stage.link, stage.machine.state.reason) == (Link.LIVE, "")


def test_on_rates_a_heartbeat_says_that_the_feed_is_late() -> None:
    stage = Stage("rates")
    stage.opened(1)
    stage.hear(1, data("BTC_CAD", 5), {"event": "heartbeat", "ts": 1, "seq": 5, "stale": [], "status": SAYS_LATE})
    links = [stage.link]
    stage.hear(1, data("BTC_CAD", 6))
    assert [*links, stage.link] == [Link.LATE, Link.LIVE]


def test_a_gap_in_a_late_feed_is_closed_like_any_other(live: Stage) -> None:
    live.hear(1, {"event": "heartbeat", "ts": 2, "seq": 41, "stale": [], "status": SAYS_LATE})
    links = [live.link]
    live.hear(1, {**update(45, 43, quote("BTC_CAD", 45)), "ts": 3})
    assert [*links, live.link] == [Link.LATE, Link.STALE]
    assert [message["event"] for _, message in live.sent()] == ["snapshot"]


# The user's own requests

EXPLAIN = ExplainRequest("BTC_CAD")
WHY = {"event": "explain", "symbol": "BTC_CAD"}
NUMBERS = {"seq": 3, "ts": 4, "reference": None, "dispersion": None, "band": Decimal("0.02"), "sources": 0}
ANSWER: Frame = WHY | NUMBERS | {"candidates": []}
TOLD = explanation_of(ANSWER)


def ends(stage: Stage) -> list[tuple[int, object]]:
    """Return the ended requests: their answers or their error codes."""
    settled = [action for action in stage.did if isinstance(action, Settled)]
    return [(each.key, each.end.code if isinstance(each.end, RequestError) else each.end) for each in settled]


def ask(stage: Stage, key: int = 1, request: Request[object] = EXPLAIN) -> list[dict[str, Any]]:
    stage.did = stage.machine.ask(key, request, stage.now_ms)
    return [message for _, message in stage.sent()]


def test_a_request_is_sent_at_once_and_answered_by_id(live: Stage) -> None:
    (sent,) = ask(live)
    assert sent == WHY | {"id": "ask-1"}
    live.hear(1, ANSWER, ANSWER | {"id": "ask-2"}, ANSWER | {"id": 1})
    assert ends(live) == []
    live.hear(1, ANSWER | {"id": "ask-1"})
    assert ends(live) == [(1, TOLD)]
    live.hear(1, ANSWER | {"id": "ask-1"})
    assert ends(live) == []


def test_requests_are_answered_in_any_order(live: Stage) -> None:
    for key in (1, 2, 3):
        ask(live, key)
    live.hear(1, *(ANSWER | {"id": f"ask-{number}"} for number in (3, 1, 2)))
    assert [key for key, _ in ends(live)] == [3, 1, 2]


def history(message_id: str, part: int, *opens_ms: int, **more: object) -> Frame:
    rows = [[open_ms, 1, 2, 1, Decimal("1.50")] for open_ms in opens_ms]
    return {"event": "history", "candles": rows, "part": part, "parts": 3, "id": message_id} | more


def test_an_answer_in_parts_is_put_together_in_order(live: Stage) -> None:
    (sent,) = ask(live, 1, HistoryRequest("BTC_CAD", "1m", limit=3, before=9))
    asked = {"event": "history", "symbol": "BTC_CAD", "interval": "1m", "limit": 3, "before": 9}
    assert sent == asked | {"id": "ask-1"}
    last = {"in_progress": [180_000, 1, 2, 1, 2]}
    live.hear(1, history("ask-1", 3, 120_000, **last), history("ask-1", 1, 0), history("ask-1", 3, 120_000, **last))
    assert ends(live) == []
    live.hear(1, history("ask-1", 2, 60_000))
    one, two, half = Decimal(1), Decimal(2), Decimal("1.50")
    candles = tuple(Candle(minute * 60_000, one, two, one, half) for minute in range(3))
    assert ends(live) == [(1, History(candles, Candle(180_000, one, two, one, two)))]


def test_parts_of_two_attempts_are_never_put_together(live: Stage) -> None:
    ask(live, 1, HistoryRequest("BTC_CAD", "1m"))
    live.hear(1, history("ask-1", 1, 0), history("ask-1", 2, 60_000))
    live.at(ANSWER_WITHIN_MS)
    live.hear(1, history("ask-2", 3, 120_000), history("ask-1", 1, 0))
    assert ends(live) == []


@pytest.mark.parametrize("row", [[60_000, 1, 2, "?", 1], [60_000, 1, 2, 1], None, [Decimal("0.5"), 1, 2, 1, 1]])
def test_an_unreadable_answer_counts_as_missing(live: Stage, row: object) -> None:
    """A candle that is left out would be a hole in the chart without a sign of it."""
    ask(live, 1, HistoryRequest("BTC_CAD", "1m"))
    live.hear(1, history("ask-1", 1, 0) | {"candles": [row], "parts": 1})
    assert ends(live) == []
    (heard,) = [action for action in live.did if isinstance(action, Heard)]
    assert heard.message.startswith("a frame could not be read")
    live.hear(1, history("ask-1", 1, 0) | {"parts": 1})
    assert [key for key, _ in ends(live)] == [1]


def test_a_requested_snapshot_is_an_answer_and_changes_the_book(live: Stage) -> None:
    (sent,) = ask(live, 1, SnapshotRequest())
    assert sent == {"event": "snapshot", "channel": "rates_batch", "id": "ask-1"}
    live.hear(1, snapshot(44, quote("BTC_CAD", 44), unavailable=["ETH_CAD"], id="ask-1", ts=44_000))
    book = live.machine.book
    assert ends(live) == [(1, Snapshot(44, 44_000, (book.quotes["BTC_CAD"],), ("ETH_CAD",)))]
    assert state(book) == {"BTC_CAD": 44, "ETH_CAD": None}


def test_a_snapshot_is_asked_for_on_the_offered_channel() -> None:
    """Also if the feed says only afterwards that it does not offer the first one."""
    stage = Stage("rates_compact")
    stage.opened(1)
    (sent,) = ask(stage, 1, SnapshotRequest())
    assert sent == {"event": "snapshot", "channel": "rates_compact", "id": "ask-1"}
    refusal = {"event": "error", "code": "unknown_channel", "message": "no", "retryable": False}
    stage.hear(1, refusal | {"id": 1})
    assert stage.sent() == [(1, {"event": "subscribe", "channel": "rates_batch", "id": 2})]
    stage.hear(1, refusal | {"id": "ask-1"})
    assert ends(stage) == []
    stage.at(WAIT_UNSAID_MS * 2)
    assert stage.sent() == [(1, {"event": "snapshot", "channel": "rates_batch", "id": "ask-2"})]
    stage.hear(1, refusal | {"id": "ask-2"})
    assert ends(stage) == [(1, "unknown_channel")]


@pytest.mark.parametrize("code", ["unknown_channel", "channel_denied"])
def test_a_feed_without_rows_is_read_on_the_other_channel(code: str) -> None:
    stage = Stage("rates_compact")
    for number in (1, 2):
        stage.opened(number)
        assert [message["channel"] for _, message in stage.sent()] == ["rates_compact"]
        stage.hear(number, {"event": "error", "code": code, "message": "no", "retryable": False, "id": 1})
        assert stage.sent() == [(number, {"event": "subscribe", "channel": "rates_batch", "id": 2})]
        (heard,) = [action for action in stage.did if isinstance(action, Heard)]
        assert heard.message == ""
        seq = 40 + 4 * number
        stage.hear(number, acknowledged("BTC_CAD", "ETH_CAD", id=2), WHOLE | {"seq": seq})
        assert stage.link is Link.LIVE
        stage.hear(number, update(seq + 3, seq + 2, quote("BTC_CAD", seq + 3)))
        assert [message["channel"] for _, message in stage.sent()] == ["rates_batch"]
        stage.lose(number)
        stage.at(stage.now_ms + BACKOFF_CAP_MS)


@pytest.mark.parametrize(
    ("seq", "ts", "after_ms", "is_shown"),
    [
        (40, 40_000, 0, False),
        (41, 41_000, 0, True),
        (2, 42_000, 0, True),
        (2, 2_000, 0, False),
        (2, 2_000, 10_000, True),
    ],
)
def test_a_new_connection_may_tell_older_prices_at_first(seq: int, ts: int, after_ms: int, *, is_shown: bool) -> None:
    """A lower tick is one of a feed that has started over, if its time goes on, or if that lasts."""
    stage = Stage()
    stage.opened(1)
    stage.hear(1, acknowledged("BTC_CAD", "ETH_CAD"), WHOLE | {"ts": 41_000})
    stage.lose(1)
    stage.at(stage.now_ms + BACKOFF_CAP_MS)
    stage.opened(2)
    stage.at(stage.now_ms + after_ms)
    stage.hear(2, acknowledged("BTC_CAD", "ETH_CAD"), snapshot(seq, quote("BTC_CAD", seq, "9.5"), ts=ts))
    assert (stage.machine.book.quotes["BTC_CAD"].spot == Decimal("9.5")) is is_shown
    assert stage.link is (Link.LIVE if is_shown else Link.CONNECTING)


def test_a_refusal_of_the_other_channel_too_ends_the_feed() -> None:
    stage = Stage("rates_compact")
    stage.opened(1)
    for message_id in (1, 2):
        stage.hear(
            1, {"event": "error", "code": "channel_denied", "message": "no", "retryable": False, "id": message_id}
        )
    assert stage.link is Link.CLOSED
    assert isinstance(stage.did[-1], Refused)


def test_a_request_waits_for_the_connection() -> None:
    stage = Stage()
    assert ask(stage) == []
    stage.opened(1)
    assert [message["event"] for _, message in stage.sent()] == ["subscribe", "explain"]


def test_a_request_is_resent_on_the_next_connection(live: Stage) -> None:
    ask(live)
    live.lose(1)
    live.at(500)
    live.opened(2)
    assert live.sent()[-1] == (2, WHY | {"id": "ask-2"})
    live.hear(2, ANSWER | {"id": "ask-2"})
    assert [key for key, _ in ends(live)] == [1]


def test_an_unanswered_request_is_resent_then_given_up(live: Stage) -> None:
    ask(live)
    live.at(ANSWER_WITHIN_MS - 1)
    assert live.sent() == []
    live.at(ANSWER_WITHIN_MS)
    assert live.sent() == [(1, WHY | {"id": "ask-2"})]
    live.at(GIVE_UP_AFTER_MS - 1)
    assert ends(live) == []
    live.at(GIVE_UP_AFTER_MS)
    assert ends(live) == [(1, "no_answer")]


def test_a_request_that_finds_no_connection_is_given_up() -> None:
    stage = Stage()
    ask(stage)
    stage.at(GIVE_UP_AFTER_MS)
    assert ends(stage) == [(1, "disconnected")]


def test_a_wrong_request_is_not_resent_and_changes_nothing(live: Stage) -> None:
    ask(live)
    words = {"code": "unknown_symbol", "message": "no such symbol", "retryable": False}
    live.hear(1, {"event": "error", "id": "ask-1", **words})
    assert (ends(live), live.link) == ([(1, "unknown_symbol")], Link.LIVE)
    assert [action.message for action in live.did if isinstance(action, Heard)] == [""]
    live.at(GIVE_UP_AFTER_MS)
    assert live.sent() == []


def test_a_rate_limited_request_is_resent_when_the_server_says(live: Stage) -> None:
    ask(live)
    words = {"code": "rate_limited", "message": "too many", "retryable": True, "retry_in_ms": 400}
    live.hear(1, {"event": "error", "id": "ask-1", **words})
    live.at(499)
    assert live.sent() == []
    live.at(500)  # a quarter of it is random
    assert live.sent() == [(1, WHY | {"id": "ask-2"})]


def test_an_expired_request_ends_with_the_servers_error(live: Stage) -> None:
    ask(live)
    words = {"code": "unavailable", "message": "not yet", "retryable": True, "retry_in_ms": 60_000}
    live.hear(1, {"event": "error", "id": "ask-1", **words})
    assert ends(live) == [(1, "unavailable")]


def test_an_error_without_an_id_resends_the_request(live: Stage) -> None:
    ask(live)
    live.hear(1, {"message": "Internal server error", "connectionId": "a=", "requestId": "b="})
    live.at(1_250)
    assert live.sent() == [(1, WHY | {"id": "ask-2"})]


def test_a_cancelled_request_is_not_resent(live: Stage) -> None:
    ask(live)
    live.machine.forget(1)
    live.at(GIVE_UP_AFTER_MS)
    assert (live.sent(), ends(live)) == ([], [])


def test_every_request_ends_with_the_feed(live: Stage) -> None:
    ask(live)
    live.did = live.machine.close()
    assert ends(live) == [(1, "closed")]
    live.did = live.machine.ask(2, ExplainRequest("BTC_CAD"), 0)
    assert ends(live) == [(2, "closed")]


def test_a_refused_subscription_ends_every_request_with_it() -> None:
    stage = Stage()
    stage.opened(1)
    ask(stage)
    words = {"code": "unknown_symbol", "message": "no such symbol: NO_CAD", "retryable": False}
    stage.hear(1, {"event": "error", "id": 1, **words})
    assert ends(stage) == [(1, "unknown_symbol")]
    state = stage.machine.state
    assert (state.link, state.reason) == (Link.CLOSED, "the server says: no such symbol: NO_CAD")
    assert isinstance(stage.did[-1], Refused)
    assert state.error is stage.did[-1]
    stage.did = stage.machine.close() + stage.machine.ask(2, ExplainRequest("BTC_CAD"), 0)
    assert ends(stage) == [(2, "unknown_symbol")]
    assert stage.machine.due_ms() is None


def test_a_silent_new_connection_is_closed_and_the_old_kept(live: Stage) -> None:
    live.hear(1, {"event": "closing", "reconnect_in_ms": 0})
    live.at(0)
    live.opened(2)
    for second in range(1, 45):
        live.at(second * 1_000)
        live.hear(1, {"event": "heartbeat", "ts": 1, "seq": 41, "stale": []})
    live.at(45_000)
    assert live.of(End) == [2]
    assert live.link is Link.LIVE


def test_on_rates_the_old_connection_stays_until_the_new_settles() -> None:
    stage = Stage("rates")
    stage.opened(1)
    stage.hear(1, data("BTC_CAD", 5), data("ETH_CAD", 5), {"event": "closing", "reconnect_in_ms": 0})
    stage.at(0)
    stage.opened(2)
    stage.hear(2, acknowledged("BTC_CAD", "ETH_CAD") | {"channel": "rates"}, data("BTC_CAD", 4))
    assert state(stage.machine.book) == {"BTC_CAD": 5, "ETH_CAD": 5}
    stage.hear(2, data("BTC_CAD", 6))
    stage.at(SETTLED_MS)
    assert stage.of(End) == [1]
    assert state(stage.machine.book) == {"BTC_CAD": 6, "ETH_CAD": 5}
    stage.lose(2)
    assert state(stage.machine.book) == {"BTC_CAD": 6, "ETH_CAD": 5}


def test_on_rates_no_snapshot_is_requested() -> None:
    """On `rates` nothing marks the end of a snapshot."""
    stage = Stage("rates")
    stage.opened(1)
    assert [message["event"] for _, message in stage.sent()] == ["subscribe"]
    stage.hear(1, acknowledged("BTC_CAD", "ETH_CAD") | {"channel": "rates"}, data("BTC_CAD", 4))
    for second in range(0, 120, 10):
        stage.at(second * 1_000)
        assert stage.sent() == []
        stage.hear(1, data("BTC_CAD", 5 + second))


FRAMES = [
    ACK,
    WHOLE,
    update(42, 41, quote("BTC_CAD", 42)),
    update(44, 43, quote("BTC_CAD", 44)),
    *in_parts(snapshot(44, quote("BTC_CAD", 44), quote("ETH_CAD", 44), id=2), [1, 1]),
    snapshot(3, quote("BTC_CAD", 3), id=2),
    {"event": "closing", "reconnect_in_ms": 700},
    {"event": "heartbeat", "ts": 1, "seq": 44, "stale": ["ETH_CAD"]},
    {"event": "error", "code": "rate_limited", "message": "", "retryable": True, "retry_in_ms": 300},
    {"message": "Internal server error", "connectionId": "a", "requestId": "b"},
]
EVENTS = st.one_of(
    st.tuples(st.just("hear"), st.integers(1, 6), st.sampled_from(FRAMES)),
    st.tuples(st.sampled_from(["opened", "lost"]), st.integers(1, 6), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 50_000), st.none()),
)


@given(st.lists(EVENTS, max_size=60))
def test_the_client_never_has_three_connections_or_no_timer(
    events: list[tuple[str, int, Frame | None]],
) -> None:
    """Whatever happens, it has at most two connections and always waits for something."""
    stage = Stage()
    open_now, ever_opened = {1}, 1

    def count() -> None:
        nonlocal ever_opened
        for action in stage.did:
            match action:
                case Open(number):
                    assert number == ever_opened + 1
                    ever_opened = number
                    open_now.add(number)
                case End(number):
                    open_now.remove(number)
                case Send(number):
                    assert number in open_now
        assert 0 <= len(open_now) <= 2

    for what, number, frame in events:
        if what == "wait":
            stage.now_ms += number
            stage.did = stage.machine.tick(stage.now_ms)
            due_ms = stage.machine.due_ms()
            # Due actions are done, so a caller that follows `due_ms` does not spin.
            assert due_ms is None or due_ms > stage.now_ms
        elif number in open_now:
            if what == "lost":
                open_now.discard(number)
                stage.lose(number)
            elif what == "opened":
                stage.opened(number)
            else:
                stage.hear(number, frame or {})
        else:
            continue
        count()
        # Without a connection the next one is due.
        assert open_now or stage.machine.due_ms() is not None
