"""The client's book ends in the right state, whatever the network does to the frames."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadfeed_client import Book, Kind, Quote, Withdrawn
from tests.client.frames import Frame, acknowledged, data, in_parts, quote, snapshot, state, update

SYMBOLS = ("BTC_CAD", "SHIB_CAD", "DAI_CAD", "ETH_CAD")
State = dict[str, int | None]


def after(*frames: Frame) -> Book:
    book = Book()
    for frame in frames:
        book.apply(frame, 0)
    return book


def test_prices_keep_every_digit() -> None:
    book = after(snapshot(1, quote("SHIB_CAD", 1, "0.000012439404123456")))
    assert book.quotes["SHIB_CAD"].spot == Decimal("0.000012439404123456")


def test_an_update_that_follows_on_leaves_no_gap() -> None:
    book = after(snapshot(41, quote("BTC_CAD", 40)))
    outcome = book.apply(update(43, 41, quote("BTC_CAD", 43)), 0)
    assert (outcome.kind, [change.symbol for change in outcome.changes]) == (Kind.DATA, ["BTC_CAD"])
    assert (book.whole, book.gap, book.seq) == (True, False, 43)


def test_a_snapshot_as_new_as_a_missed_update_closes_the_gap() -> None:
    book = after(snapshot(41, quote("BTC_CAD", 41)), update(45, 43, quote("BTC_CAD", 45)))
    assert (book.whole, book.gap) == (False, True)
    book.apply(snapshot(42, quote("BTC_CAD", 42)), 0)
    assert (book.whole, book.gap, state(book)) == (False, True, {"BTC_CAD": 45})
    book.apply(snapshot(45, quote("BTC_CAD", 45)), 0)
    assert (book.whole, book.gap) == (True, False)


def test_an_older_snapshot_and_its_updates_close_a_gap() -> None:
    """A snapshot from within the gap closes it once the updates that continue it have arrived."""
    book = after(snapshot(41, quote("BTC_CAD", 41)), update(45, 43, quote("BTC_CAD", 45)), update(46, 45))
    book.apply(snapshot(43, quote("BTC_CAD", 43)), 0)
    assert (book.whole, state(book)) == (True, {"BTC_CAD": 45})


def test_an_overtaken_update_closes_its_gap_itself() -> None:
    book = after(snapshot(1, quote("BTC_CAD", 1)), update(3, 2, quote("BTC_CAD", 3)))
    assert book.gap
    book.apply(update(2, 1, quote("BTC_CAD", 2)), 0)
    assert (book.whole, state(book)) == (True, {"BTC_CAD": 3})


def test_an_update_with_nothing_before_it_is_taken() -> None:
    assert after(update(3, 0, quote("BTC_CAD", 3))).whole
    assert not after(update(3, 2, quote("BTC_CAD", 3))).whole


def test_an_older_quote_never_overwrites_a_newer_one() -> None:
    book = after(snapshot(10, quote("BTC_CAD", 10, "2", ts=5000)))
    book.apply(update(9, 8, quote("BTC_CAD", 9, "1")), 0)
    assert book.apply(update(10, 8, quote("BTC_CAD", 10, "2", ts=4999)), 0).changes == ()
    assert book.quotes["BTC_CAD"].spot == 2
    assert book.quotes["BTC_CAD"].ts_ms == 5000


def test_what_the_same_tick_tells_again_counts() -> None:
    """How many sources agree is not news, and may differ in a later snapshot."""
    book = after(snapshot(10, quote("BTC_CAD", 10, ts=5000, sources=2)))
    (again,) = book.apply(snapshot(10, quote("BTC_CAD", 10, ts=4999, sources=1)), 0).changes
    assert again == book.quotes["BTC_CAD"]
    assert (book.quotes["BTC_CAD"].sources, book.quotes["BTC_CAD"].ts_ms) == (1, 5000)


def test_an_unavailable_symbol_is_withdrawn_and_may_return() -> None:
    book = after(snapshot(1, quote("DAI_CAD", 1)))
    assert book.apply(update(2, 1, unavailable=["DAI_CAD"]), 0).changes == (Withdrawn("DAI_CAD"),)
    book.apply(update(1, 0, quote("DAI_CAD", 1)), 0)
    assert state(book) == {"DAI_CAD": None}
    book.apply(update(3, 2, quote("DAI_CAD", 3)), 0)
    assert state(book) == {"DAI_CAD": 3}


def test_a_symbol_missing_from_a_snapshot_is_withdrawn() -> None:
    """A late frame does not bring it back."""
    book = after(snapshot(1, quote("DAI_CAD", 1), quote("BTC_CAD", 1), unavailable=["ETH_CAD"]))
    changes = book.apply(snapshot(5, quote("BTC_CAD", 1)), 0).changes
    assert changes == (Withdrawn("DAI_CAD", listed=False),)
    assert state(book) == {"BTC_CAD": 1}
    book.apply(update(4, 1, quote("DAI_CAD", 4), unavailable=["ETH_CAD"]), 0)
    assert state(book) == {"BTC_CAD": 1}
    book.apply(update(6, 5, quote("DAI_CAD", 6)), 0)
    assert state(book) == {"BTC_CAD": 1, "DAI_CAD": 6}


def test_a_snapshot_in_parts_withdraws_only_with_its_last_part() -> None:
    book = after(snapshot(1, *(quote(symbol, 1) for symbol in SYMBOLS)))
    new = snapshot(2, quote("BTC_CAD", 2), quote("SHIB_CAD", 2), unavailable=["DAI_CAD"])
    last, first = reversed(in_parts(new, [1, 1]))
    assert not book.apply(last, 0).is_snapshot
    assert state(book) == {"BTC_CAD": 1, "SHIB_CAD": 2, "ETH_CAD": 1, "DAI_CAD": None}
    assert (book.whole, book.gap) == (False, False)
    outcome = book.apply(first, 0)
    assert outcome.is_snapshot
    assert Withdrawn("ETH_CAD", listed=False) in outcome.changes
    assert (book.whole, state(book)) == (True, {"BTC_CAD": 2, "SHIB_CAD": 2, "DAI_CAD": None})


def test_any_lost_part_of_an_update_is_a_gap() -> None:
    first, second = in_parts(update(2, 1, quote("BTC_CAD", 2), quote("ETH_CAD", 2)), [1, 1])
    for part in (first, second):
        book = after(snapshot(1, quote("BTC_CAD", 1), quote("ETH_CAD", 1)), part)
        assert (book.whole, book.gap) == (False, False)
        book.apply(update(3, 2, quote("BTC_CAD", 3)), 0)
        assert (book.whole, book.gap) == (False, True)
    book = after(snapshot(1, quote("BTC_CAD", 1), quote("ETH_CAD", 1)), second, first)
    assert book.whole


def test_rates_needs_no_more_than_prices() -> None:
    book = Book()
    prices = {"symbol": "BTC_CAD", "timestamp": 1718707723, "bid": 1, "ask": 2, "spot": Decimal("1.5"), "change": 0}
    frame = {"channel": "rates", "event": "data", "data": prices}
    assert len(book.apply(frame, 0).changes) == 1
    assert book.apply(frame, 0).changes == ()
    assert book.quotes["BTC_CAD"].ts_ms == 1718707723000


def test_a_new_connection_replaces_carried_over_quotes() -> None:
    book = Book()
    book.carry(after(data("BTC_CAD", 900), data("ETH_CAD", 900)))
    book.apply(data("BTC_CAD", 3), 0)
    assert state(book) == {"BTC_CAD": 3, "ETH_CAD": 900}
    book.apply(data("BTC_CAD", 2), 0)
    assert state(book) == {"BTC_CAD": 3, "ETH_CAD": 900}


def test_a_heartbeat_marks_what_is_stale() -> None:
    book = after(snapshot(1, quote("BTC_CAD", 1), quote("ETH_CAD", 1)))
    beat = {"event": "heartbeat", "ts": 1, "seq": 2, "stale": ["BTC_CAD", "UNKNOWN_CAD"]}
    (marked,) = book.apply(beat, 0).changes
    assert isinstance(marked, Quote)
    assert (marked.symbol, marked.stale) == ("BTC_CAD", True)
    assert [quote.stale for quote in book.quotes.values()] == [True, False]
    assert book.apply(beat, 0).changes == ()


def test_a_heartbeat_that_was_overtaken_marks_nothing() -> None:
    book = after(snapshot(5, quote("BTC_CAD", 5)))
    assert book.apply({"event": "heartbeat", "ts": 1, "seq": 4, "stale": ["BTC_CAD"]}, 0).changes == ()


LATE = {"feed": "late", "kraken": "ok"}


def test_on_rates_a_feed_is_late_until_a_quote_of_a_later_tick() -> None:
    book = Book()
    for frame in (data("BTC_CAD", 5), {"event": "heartbeat", "ts": 1, "seq": 6, "stale": ["BTC_CAD"], "status": LATE}):
        book.apply(frame, 0)
    assert (book.status.late, book.status.sources) == (True, {"kraken": "ok"})
    book.apply(data("ETH_CAD", 6), 0)
    assert book.status.late
    book.apply(data("BTC_CAD", 7), 0)
    assert not book.status.late
    book.apply({"event": "heartbeat", "ts": 1, "seq": 6, "stale": [], "status": LATE}, 0)
    assert not book.status.late, "it was overtaken"


@pytest.mark.parametrize("status", ["late", ["feed"], None, 1, {"feed": "LATE"}, {"feed": True}, {"feed": None}])
def test_an_unknown_status_is_ignored(status: object) -> None:
    book = after(snapshot(1, quote("BTC_CAD", 1)))
    book.apply({"event": "heartbeat", "ts": 2, "seq": 2, "stale": [], "status": status}, 0)
    assert not book.status.late


@pytest.mark.parametrize("number", ["4", True, Decimal("1.5"), None])
def test_a_fractional_source_count_rejects_the_frame(number: object) -> None:
    book = Book()
    with pytest.raises(ValueError, match="sources"):
        book.apply(snapshot(1, quote("BTC_CAD", 1, sources=number)), 0)
    assert state(book) == {}


def test_rejections_and_errors_reach_the_user() -> None:
    book = Book()
    rejected = [{"symbol": "FOO_CAD", "code": "unknown_symbol", "message": "no such symbol"}]
    outcome = book.apply(acknowledged("BTC_CAD", rejected=rejected), 0)
    assert (outcome.kind, outcome.message) == (Kind.SUBSCRIBED, "not served: FOO_CAD (unknown_symbol)")
    assert book.order == ("BTC_CAD",)
    refused = book.apply({"event": "error", "code": "bad_request", "message": "no channel"}, 0)
    assert (refused.kind, refused.message) == (Kind.REFUSED, "bad_request: no channel")


def test_an_acknowledgement_in_parts_gives_the_order_of_all() -> None:
    book = after(acknowledged("B", part=2, parts=2), acknowledged("A", part=1, parts=2))
    assert list(book.order) == ["A", "B"]
    book.apply(acknowledged("C"), 0)
    assert list(book.order) == ["C"]


@pytest.mark.parametrize("event", ["pong", "closing", "tomorrow", None, 7, [], {}])
def test_unknown_events_are_ignored(event: object) -> None:
    assert Book().apply({"event": event, "channel": "rates_batch"}, 0).kind is Kind.OTHER


@pytest.mark.parametrize(
    "frame",
    [
        {"channel": "rates_batch", "event": "snapshot"},
        {"channel": "rates_batch", "event": "snapshot", "seq": "1", "data": []},
        {"channel": "rates_batch", "event": "snapshot", "seq": 1, "data": [{"symbol": "BTC_CAD"}]},
        {"channel": "rates_batch", "event": "snapshot", "seq": 1, "data": [], "part": 2},
        {"channel": "rates_batch", "event": "snapshot", "seq": 1, "data": [], "part": 1, "parts": 10**9},
        {"channel": "rates_batch", "event": "update", "seq": 1, "data": []},
        {"channel": "rates_batch", "event": "update", "seq": 1, "prev_seq": True, "data": [quote("BTC_CAD", 1)]},
        {"channel": "rates", "event": "data", "data": {"symbol": 1}},
        {"event": "heartbeat", "stale": "BTC_CAD"},
        {"event": "subscribed", "symbols": [1]},
    ],
)
def test_a_malformed_frame_changes_nothing(frame: Frame) -> None:
    book = Book()
    with pytest.raises(ValueError, match=r"."):
        book.apply(frame, 0)
    assert book == Book()


@dataclass
class Day:
    """The frames of a feed (a snapshot, then updates, each of them as its parts) and the true state after each."""

    frames: list[list[Frame]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)

    @property
    def all(self) -> list[Frame]:
        return [part for parts in self.frames for part in parts]


@st.composite
def days(draw: st.DrawFn) -> Day:
    true: State = {symbol: 1 for symbol in SYMBOLS if draw(st.booleans())}
    day = Day([split(draw, whole(1, true))], [dict(true)])
    seq = 1
    for _ in range(draw(st.integers(1, 6))):
        previous, seq = seq, seq + draw(st.integers(1, 3))
        moved = draw(st.sets(st.sampled_from(SYMBOLS), min_size=1))
        lost = {symbol for symbol in moved if draw(st.booleans())}
        true |= {symbol: None if symbol in lost else seq for symbol in moved}
        quotes = [quote(symbol, seq) for symbol in sorted(moved - lost)]
        day.frames.append(split(draw, update(seq, previous, *quotes, unavailable=sorted(lost))))
        day.states.append(dict(true))
        if draw(st.integers(0, 3)) == 0:  # the periodic one
            day.frames.append(split(draw, whole(seq, true)))
            day.states.append(dict(true))
    return day


def whole(seq: int, true: State) -> Frame:
    quotes = [quote(symbol, changed) for symbol, changed in true.items() if changed is not None]
    return snapshot(seq, *quotes, unavailable=[symbol for symbol, changed in true.items() if changed is None])


def split(draw: st.DrawFn, frame: Frame) -> list[Frame]:
    cut = draw(st.integers(0, len(frame["data"])))
    return in_parts(frame, [cut, len(frame["data"]) - cut]) if draw(st.booleans()) else [frame]


def shown(book: Book, frames: Iterable[Frame]) -> None:
    """Apply the frames and assert that no quote is followed by an older one."""
    newest: dict[str, int] = {}
    for frame in frames:
        book.apply(frame, 0)
        for symbol, held in book.quotes.items():
            assert held.seq >= newest.get(symbol, 0)
            newest[symbol] = held.seq


@given(days(), st.data())
def test_doubled_and_overtaken_frames_end_in_the_right_state(day: Day, drawn: st.DataObject) -> None:
    doubled = day.all + drawn.draw(st.lists(st.sampled_from(day.all), max_size=5))
    book = Book()
    shown(book, drawn.draw(st.permutations(doubled)))
    assert state(book) == day.states[-1]
    assert book.whole


@given(days(), st.data())
def test_one_snapshot_corrects_any_state(day: Day, drawn: st.DataObject) -> None:
    some = drawn.draw(st.lists(st.sampled_from(day.all), max_size=20))
    book = Book()
    shown(book, [*some, whole(day.all[-1]["seq"], day.states[-1])])
    assert state(book) == day.states[-1]
    assert (book.whole, book.gap) == (True, False)


@given(days(), st.data())
def test_a_lost_frame_is_noticed_and_the_snapshot_heals_it(day: Day, drawn: st.DataObject) -> None:
    book = Book()
    shown(book, day.frames[0])
    for parts, true in zip(day.frames[1:], day.states[1:], strict=True):
        kept = [part for part in parts if drawn.draw(st.integers(0, 3))]
        shown(book, kept)
        # Nobody can notice the loss of the last frames. A book that says it is complete is right.
        if book.whole and book.seq == parts[0]["seq"]:
            assert state(book) == true
        elif book.gap:
            shown(book, [whole(parts[0]["seq"], true)])
            assert state(book) == true
            # A late frame after the snapshot changes nothing.
            shown(book, [drawn.draw(st.sampled_from(day.all[: day.all.index(parts[0]) + 1]))])
            assert state(book) == true
