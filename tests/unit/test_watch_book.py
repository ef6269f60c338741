"""The client's book: whatever the network does to the frames, the state ends right."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.wire import dumps, loads
from tools.watch.book import ASK_AGAIN_AFTER_MS, Book, Kind

SYMBOLS = ("BTC_CAD", "SHIB_CAD", "DAI_CAD", "ETH_CAD")
Frame = dict[str, Any]


def quote(symbol: str, seq: int, price: str = "1.25", ts: int | None = None, **more: object) -> Frame:
    number = Decimal(price)
    prices = {"bid": number, "ask": number, "spot": number, "change": Decimal("0.1"), "change_pct": Decimal("1.5")}
    ts = seq * 1000 if ts is None else ts
    return {"symbol": symbol, "timestamp": ts // 1000, **prices, "ts": ts, "seq": seq, "source": "kraken:X"} | more


def snapshot(seq: int, *quotes: Frame, unavailable: tuple[str, ...] = ()) -> Frame:
    return _batch("snapshot", {"seq": seq}, quotes, unavailable)


def update(seq: int, previous: int, *quotes: Frame, unavailable: tuple[str, ...] = ()) -> Frame:
    return _batch("update", {"seq": seq, "prev_seq": previous}, quotes, unavailable)


def _batch(event: str, seqs: Frame, quotes: tuple[Frame, ...], unavailable: tuple[str, ...]) -> Frame:
    frame = {"channel": "rates_batch", "event": event, **seqs, "ts": 1, "data": list(quotes)}
    # Through the wire, as the client gets it.
    parsed: Frame = loads(dumps(frame | ({"unavailable": list(unavailable)} if unavailable else {})))
    return parsed


def state(book: Book) -> dict[str, int | None]:
    return {symbol: quote.seq for symbol, quote in book.quotes.items()} | dict.fromkeys(book.unavailable)


def test_prices_keep_every_digit() -> None:
    book = Book()
    book.apply(snapshot(1, quote("SHIB_CAD", 1, "0.000012439404123456")), 0)
    assert book.quotes["SHIB_CAD"].spot == Decimal("0.000012439404123456")


def test_an_update_that_follows_on_asks_for_nothing() -> None:
    book = Book()
    book.apply(snapshot(41, quote("BTC_CAD", 40)), 0)
    outcome = book.apply(update(43, 41, quote("BTC_CAD", 43)), 0)
    assert (outcome.kind, outcome.changed, outcome.ask_snapshot) == (Kind.DATA, ("BTC_CAD",), False)
    assert book.seq == 43


def test_a_missed_update_asks_for_one_snapshot_at_a_time() -> None:
    book = Book()
    book.apply(snapshot(41, quote("BTC_CAD", 41)), 0)
    assert book.apply(update(45, 43, quote("BTC_CAD", 45)), 0).ask_snapshot
    assert not book.apply(update(46, 45, quote("BTC_CAD", 46)), ASK_AGAIN_AFTER_MS - 1).ask_snapshot
    assert book.apply(update(47, 46, quote("BTC_CAD", 47)), ASK_AGAIN_AFTER_MS).ask_snapshot
    book.apply(snapshot(47, quote("BTC_CAD", 47)), ASK_AGAIN_AFTER_MS)
    assert not book.apply(update(48, 47, quote("BTC_CAD", 48)), ASK_AGAIN_AFTER_MS).ask_snapshot


def test_an_older_quote_never_overwrites_a_newer_one() -> None:
    book = Book()
    book.apply(snapshot(10, quote("BTC_CAD", 10, "2", ts=5000)), 0)
    book.apply(update(9, 8, quote("BTC_CAD", 9, "1")), 0)
    assert book.apply(update(10, 8, quote("BTC_CAD", 10, "3", ts=4999)), 0).changed == ()
    assert book.quotes["BTC_CAD"].spot == 2


def test_a_symbol_that_becomes_unavailable_leaves_and_may_return() -> None:
    book = Book()
    book.apply(snapshot(1, quote("DAI_CAD", 1)), 0)
    book.apply(update(2, 1, unavailable=("DAI_CAD",)), 0)
    assert state(book) == {"DAI_CAD": None}
    book.apply(update(1, 0, quote("DAI_CAD", 1)), 0)
    assert state(book) == {"DAI_CAD": None}
    book.apply(update(3, 2, quote("DAI_CAD", 3)), 0)
    assert state(book) == {"DAI_CAD": 3}


def test_after_a_reconnect_a_feed_that_starts_over_is_believed() -> None:
    book = Book()
    book.apply(snapshot(900, quote("BTC_CAD", 900), quote("ETH_CAD", 900), unavailable=("DAI_CAD",)), 0)
    book.reconnected(0)
    assert state(book) == {"BTC_CAD": 900, "ETH_CAD": 900, "DAI_CAD": None}
    assert not book.apply(update(3, 2, quote("BTC_CAD", 3)), 0).ask_snapshot
    book.apply(snapshot(3, quote("BTC_CAD", 3)), 0)
    assert state(book) == {"BTC_CAD": 3}


def test_the_plain_channel_needs_no_more_than_prices() -> None:
    book = Book()
    data = {"symbol": "BTC_CAD", "timestamp": 1718707723, "bid": 1, "ask": 2, "spot": Decimal("1.5"), "change": 0}
    frame = {"channel": "rates", "event": "data", "data": data}
    assert book.apply(frame, 0).changed == ("BTC_CAD",)
    assert book.apply(frame, 0).changed == ()
    assert book.quotes["BTC_CAD"].ts_ms == 1718707723000


def test_a_heartbeat_marks_what_is_stale() -> None:
    book = Book()
    book.apply(snapshot(1, quote("BTC_CAD", 1), quote("ETH_CAD", 1)), 0)
    book.apply({"event": "heartbeat", "ts": 1, "seq": 2, "stale": ["BTC_CAD", "UNKNOWN_CAD"]}, 0)
    assert [quote.stale for quote in book.quotes.values()] == [True, False]


def test_what_was_rejected_and_errors_reach_the_user() -> None:
    book = Book()
    rejected = [{"symbol": "FOO_CAD", "code": "unknown_symbol", "message": "no such symbol"}]
    acknowledged = {"event": "subscribed", "channel": "rates_batch", "symbols": ["BTC_CAD"], "rejected": rejected}
    assert book.apply(acknowledged, 0).message == "not served: FOO_CAD (unknown_symbol)"
    assert book.order == ("BTC_CAD",)
    refused = book.apply({"event": "error", "code": "bad_request", "message": "no channel"}, 0)
    assert (refused.kind, refused.message) == (Kind.REFUSED, "bad_request: no channel")


@pytest.mark.parametrize("event", ["pong", "closing", "tomorrow", None, 7])
def test_unknown_events_are_ignored(event: object) -> None:
    assert Book().apply({"event": event}, 0).kind is Kind.OTHER


@pytest.mark.parametrize(
    "frame",
    [
        {"channel": "rates_batch", "event": "snapshot"},
        {"channel": "rates_batch", "event": "snapshot", "seq": "1", "data": []},
        {"channel": "rates_batch", "event": "snapshot", "seq": 1, "data": [{"symbol": "BTC_CAD"}]},
        {"channel": "rates_batch", "event": "update", "seq": 1, "data": []},
        {"channel": "rates", "event": "data", "data": {"symbol": 1}},
        {"event": "heartbeat", "stale": "BTC_CAD"},
    ],
)
def test_a_malformed_frame_changes_nothing(frame: Frame) -> None:
    book = Book()
    with pytest.raises(ValueError, match=r"."):
        book.apply(frame, 0)
    assert book == Book()


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Frame], list[dict[str, int | None]]]:
    """The frames of a feed (a snapshot, then updates) and the true state after each of them."""
    true: dict[str, int | None] = {symbol: 1 for symbol in SYMBOLS if draw(st.booleans())}
    frames, states = [_whole(1, true)], [dict(true)]
    seq = 1
    for _ in range(draw(st.integers(1, 6))):
        previous, seq = seq, seq + draw(st.integers(1, 3))
        moved = draw(st.sets(st.sampled_from(SYMBOLS), min_size=1))
        lost = {symbol for symbol in moved if draw(st.booleans())}
        true |= {symbol: None if symbol in lost else seq for symbol in moved}
        quotes = [quote(symbol, seq) for symbol in sorted(moved - lost)]
        frames.append(update(seq, previous, *quotes, unavailable=tuple(sorted(lost))))
        states.append(dict(true))
    return frames, states


def _whole(seq: int, true: dict[str, int | None]) -> Frame:
    quotes = [quote(symbol, changed) for symbol, changed in true.items() if changed is not None]
    return snapshot(seq, *quotes, unavailable=tuple(symbol for symbol, changed in true.items() if changed is None))


@settings(deadline=None)
@given(days(), st.data())
def test_doubled_and_overtaken_frames_end_in_the_right_state(
    day: tuple[list[Frame], list[dict[str, int | None]]], data: st.DataObject
) -> None:
    frames, states = day
    doubled = frames + data.draw(st.lists(st.sampled_from(frames), max_size=5))
    book = Book()
    book.reconnected(0)
    for frame in data.draw(st.permutations(doubled)):
        book.apply(frame, 0)
    assert state(book) == states[-1]


@settings(deadline=None)
@given(days(), st.data())
def test_a_lost_frame_is_noticed_and_the_snapshot_heals_it(
    day: tuple[list[Frame], list[dict[str, int | None]]], data: st.DataObject
) -> None:
    frames, states = day
    book = Book()
    book.reconnected(-ASK_AGAIN_AFTER_MS)
    book.apply(frames[0], 0)
    lost_before = False
    for frame, true in zip(frames[1:], states[1:], strict=True):
        if data.draw(st.booleans()):
            lost_before = True
            continue
        outcome = book.apply(frame, 0)
        assert outcome.ask_snapshot == lost_before
        if outcome.ask_snapshot:
            book.apply(_whole(frame["seq"], true), 0)
        lost_before = False
        assert state(book) == true
        # A straggler after the healing does no harm.
        book.apply(data.draw(st.sampled_from(frames[: frames.index(frame) + 1])), 0)
        assert state(book) == true
