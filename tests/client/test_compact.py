"""Both clients make of `rates_compact` the book that they make of `rates_batch`, digit by digit."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, localcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadfeed_client import Book, Quote
from cadfeed_client.compact import MOST_LEGENDS, Legends, percent_of
from cadfeed_client.quote import loads
from shared.model import percent
from shared.model.channels import RATES_BATCH, RATES_COMPACT
from shared.model.delta import Delta
from shared.model.values import Quote as ServerQuote
from shared.model.values import Snapshot
from shared.model.wire import EXACT, dumps
from shared.protocol import UpdateFrames, View, quote_fields, snapshot_frames
from tests.contract.frames import FULL
from tests.samples import NOW_MS, after, prices, quote

NODE = Path(sys.executable).with_name("node")
BOOKS = Path(__file__).with_name("books.mjs")
SYMBOLS = ("BTC_CAD", "ETH_CAD", "MATIC_CAD", "SHIB_CAD")
CHANNELS = (RATES_BATCH, RATES_COMPACT)
changes = st.one_of(prices, prices.map(lambda price: -price), st.just(Decimal(0)))


def right_percent(change: Decimal, spot: Decimal) -> Decimal:
    with localcontext(EXACT):
        return percent.percent_of(change, spot - change)


sources_drawn = st.sampled_from(["kraken:XBTCAD", "binance:BTCUSDT x kraken:USDTCAD", "ndax:BTC_CAD"])
fields_drawn: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    dict.fromkeys(("bid", "ask"), prices)
    | {"change": changes, "change_pct": st.decimals(-100, 10**9, places=6), "source": sources_drawn}
    | {"ts_ms": st.integers(NOW_MS - 10**6, NOW_MS + 10**5), "simulated": st.booleans(), "sources": st.integers(1, 5)}
)
quotes_drawn = fields_drawn.flatmap(
    lambda drawn: st.builds(partial(quote, **drawn), st.sampled_from(SYMBOLS), prices.map(str))
)
# Most say what follows from the other numbers, as the feed's own do.
told_drawn = st.one_of(
    quotes_drawn,
    quotes_drawn.map(lambda each: replace(each, change_pct=right_percent(each.change, each.spot))),
)


@dataclass(frozen=True)
class Tick:
    """What a tick does: quotes that it brings, symbols that lose theirs, and how its frames reach the client."""

    quotes: list[ServerQuote]
    lost: set[str]
    way: str


ticks_drawn = st.lists(
    st.builds(
        Tick,
        st.lists(told_drawn, max_size=4),
        st.sets(st.sampled_from(SYMBOLS), max_size=1),
        st.sampled_from(["update", "update", "update", "conflated", "snapshot", "lost"]),
    ),
    min_size=1,
    max_size=6,
)
views = st.one_of(st.just(SYMBOLS), st.just(("BTC_CAD",)), st.just(None))


def snapshots_of(ticks: list[Tick]) -> list[Snapshot]:
    made = [after(Snapshot(), {symbol: quote(symbol) for symbol in SYMBOLS})]
    for number, tick in enumerate(ticks, 1):
        old = made[-1]
        kept = {symbol: each for symbol, each in old.quotes.items() if symbol not in tick.lost}
        fresh = {each.symbol: each for each in tick.quotes if each.symbol not in tick.lost}
        made.append(after(replace(old, quotes=kept), fresh, NOW_MS + 5_000 * number))
    return made


def frames_of(ticks: list[Tick], channel: str, view: View) -> list[bytes]:
    """Return what a client gets: the first snapshot, a frame for each tick that is not lost, a snapshot at the end."""
    made = snapshots_of(ticks)
    frames = [*snapshot_frames(made[0], channel, view)]
    for tick, (old, new) in zip(ticks, pairwise(made), strict=True):
        if tick.way == "snapshot":
            frames += snapshot_frames(new, channel, view)
        elif tick.way != "lost":
            since = 1 if tick.way == "conflated" else None
            frames += UpdateFrames(Delta(old, new), since).of(channel, view)
    return [*frames, *snapshot_frames(made[-1], channel, view)]


class Reader:
    """The Python client's book."""

    def __init__(self) -> None:
        self.book = Book()
        self._legends = Legends()

    def read(self, frame: bytes) -> None:
        self.book.apply(self._legends.expanded(loads(frame)), NOW_MS)

    def state(self, left_out: str = "") -> Any:
        """Return all that it says; `left_out`: a field of a quote that does not count."""
        quotes = {symbol: texts(each, left_out) for symbol, each in sorted(self.book.quotes.items())}
        return quotes, sorted(self.book.unavailable), self.book.seq, self.book.whole, self.book.status


def texts(told: Quote, left_out: str) -> dict[str, str]:
    """Return the fields as texts, so that numbers with other digits differ."""
    return {field.name: str(getattr(told, field.name)) for field in fields(Quote) if field.name != left_out}


def without_losses(ticks: list[Tick]) -> list[Tick]:
    return [replace(tick, way="update") if tick.way == "lost" else tick for tick in ticks]


@given(ticks_drawn, views)
def test_after_losses_the_books_are_the_same(ticks: list[Tick], view: View) -> None:
    """A time is never before the one that was told, and after a loss one channel may have told less."""
    books = [Reader(), Reader()]
    for reader, channel in zip(books, CHANNELS, strict=True):
        for frame in frames_of(ticks, channel, view):
            reader.read(frame)
    batch, compact = books
    assert compact.state("ts_ms") == batch.state("ts_ms")


@given(ticks_drawn.map(without_losses), views)
def test_without_losses_each_frame_tells_the_same(ticks: list[Tick], view: View) -> None:
    batch, compact = Reader(), Reader()
    sent = [frames_of(ticks, channel, view) for channel in CHANNELS]
    for one, other in zip(*sent, strict=True):
        batch.read(one)
        compact.read(other)
        assert compact.state() == batch.state()


@given(ticks_drawn, views)
def test_no_loss_makes_a_wrong_price(ticks: list[Tick], view: View) -> None:
    """Until the next snapshot a quote may be missing. A price that is there is one that the feed had."""
    had = {(each.symbol, each.seq): quote_fields(each) for made in snapshots_of(ticks) for each in made.quotes.values()}
    reader = Reader()
    for frame in frames_of(ticks, RATES_COMPACT, view):
        reader.read(frame)
        for each in reader.book.quotes.values():
            stored = had[each.symbol, each.seq]
            assert (each.bid, each.spot, each.change_pct) == (stored["bid"], stored["spot"], stored["change_pct"])
            assert each.source == stored["source"]


@pytest.fixture(scope="module")
def typescript() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([NODE, BOOKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def typescript_book(process: "subprocess.Popen[str]", frames: list[bytes]) -> Any:
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([frame.decode() for frame in frames]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@given(ticks=ticks_drawn.map(without_losses), view=views)
@settings(deadline=None)
def test_the_typescript_books_are_the_same(typescript: "subprocess.Popen[str]", ticks: list[Tick], view: View) -> None:
    batch, compact = (typescript_book(typescript, frames_of(ticks, channel, view)) for channel in CHANNELS)
    assert batch["quotes"].keys() | set(batch["unavailable"]) >= {"BTC_CAD"}
    assert compact == batch
    assert not compact["asks"]


@given(ticks=ticks_drawn, view=views)
@settings(deadline=None)
def test_after_losses_the_typescript_books_are_the_same(
    typescript: "subprocess.Popen[str]", ticks: list[Tick], view: View
) -> None:
    books = [typescript_book(typescript, frames_of(ticks, channel, view)) for channel in CHANNELS]
    for book in books:
        del book["asks"]
        for each in book["quotes"].values():
            del each["ts"], each["timestamp"]
    assert books[0] == books[1]


@given(change=changes, spot=prices)
def test_percent_is_the_servers_in_every_digit(change: Decimal, spot: Decimal) -> None:
    assert str(percent_of(change, spot)) == dumps(right_percent(change, spot))


@pytest.mark.parametrize(
    ("change", "spot", "expected"),
    [
        ("1", "1", "0"),
        ("0", "5", "0"),
        ("0.5", "100.5", "0.500000"),
        ("12", "112", "12.0000"),
        ("-25", "75", "-25.0000"),
        ("0.00000050", "100.0000005", "0"),  # 0.0000005 %: half to even
        ("0.0000015", "100.0000015", "0.00000200000"),
        ("1000000000", "1000100000", "1000000"),
    ],
)
def test_percent_is_rounded_half_to_even(change: str, spot: str, expected: str) -> None:
    assert str(percent_of(Decimal(change), Decimal(spot))) == expected


def whole(**changed: object) -> dict[str, Any]:
    """A snapshot of two symbols with some fields changed."""
    (frame,) = snapshot_frames(after(Snapshot(), {s: quote(s) for s in SYMBOLS[:2]}), RATES_COMPACT, SYMBOLS[:2])
    return dict(loads(frame)) | changed


def told(frame: Mapping[str, Any]) -> Any:
    return Legends().expanded(frame)["data"]


def test_a_row_has_every_field_of_a_quote() -> None:
    snapshot = Snapshot(42, NOW_MS, {"FTM_CAD": FULL})
    (batch,), (compact,) = (snapshot_frames(snapshot, channel, ("FTM_CAD",)) for channel in CHANNELS)
    assert told(loads(compact)) == loads(batch)["data"]


def test_a_row_has_every_field_in_typescript_too(typescript: "subprocess.Popen[str]") -> None:
    snapshot = Snapshot(42, NOW_MS, {"FTM_CAD": FULL})
    batch, compact = (
        typescript_book(typescript, [*snapshot_frames(snapshot, channel, ("FTM_CAD",))]) for channel in CHANNELS
    )
    assert compact["quotes"] == batch["quotes"]
    assert compact["quotes"]["FTM_CAD"].keys() == quote_fields(FULL).keys()


def test_columns_are_found_by_name_and_unknown_ones_are_ignored() -> None:
    frame = whole()
    columns, width = ["volume", *frame["columns"][::-1]], len(frame["columns"])
    rows = [[Decimal("1.5"), *[None] * (width - len(row)), *row[::-1]] for row in frame["rows"]]
    known = {"flags": 0, "seq": frame["seq"], "sources": 1}
    filled = [[known.get(columns[n]) if cell is None else cell for n, cell in enumerate(row)] for row in rows]
    assert told(frame | {"columns": columns, "rows": filled}) == told(frame)
    assert told(frame | {"columns": [*frame["columns"], "volume"]}) == told(frame)


def test_an_update_without_its_legend_is_a_gap() -> None:
    reader = Reader()
    reader.read(dumps(whole()).encode())
    before = dict(reader.book.quotes)
    row = [0, 1, 1, 1, 0, 0]
    update = {"channel": RATES_COMPACT, "event": "update", "seq": 2, "prev_seq": 1, "ts": NOW_MS + 5_000}
    reader.read(dumps(update | {"legend": "00000000", "rows": [row]}).encode())
    assert reader.book.quotes == before
    assert reader.book.gap
    reader.read(dumps(whole(seq=2)).encode())
    assert reader.book.whole


def test_a_whole_view_without_sources_has_those_of_its_legend() -> None:
    reader = Reader()
    reader.read(dumps(whole()).encode())
    repeated = {name: value for name, value in whole(seq=2).items() if name not in ("sources_used", "renamed_to")}
    reader.read(dumps(repeated).encode())
    assert (reader.book.seq, reader.book.whole) == (2, True)


def test_a_whole_view_with_a_legend_that_was_missed_is_a_gap() -> None:
    reader = Reader()
    reader.read(dumps(whole()).encode())
    before = dict(reader.book.quotes)
    unknown = {**whole(seq=2, legend="00000000")}
    for name in ("sources_used", "renamed_to"):
        unknown.pop(name, None)
    reader.read(dumps(unknown).encode())
    assert reader.book.quotes == before
    assert reader.book.gap


def test_only_the_newest_legends_are_kept() -> None:
    legends = Legends()
    for number in range(MOST_LEGENDS + 1):
        legends.expanded(whole(legend=f"{number:08x}"))
    update = {**whole(event="update", prev_seq=1)}
    for name in ("columns", "symbols", "sources_used"):
        del update[name]
    heard = [bool(legends.expanded(update | {"legend": f"{number:08x}"})["data"]) for number in range(MOST_LEGENDS + 1)]
    assert heard == [False, *[True] * MOST_LEGENDS]


@pytest.mark.parametrize(
    "broken",
    [
        {"rows": None},
        {"rows": [1]},
        {"rows": [[2, 1, 1, 1, 0, 0]]},
        {"rows": [[-1, 1, 1, 1, 0, 0]]},
        {"rows": [[0, 1, 1]]},
        {"rows": [[0, 1, 1, "1", 0, 0]]},
        {"rows": [[0, 1, 1, 1, 0, "0"]]},
        {"rows": [[0, 1, 1, 1, 0, 0, 1, "2"]]},
        {"rows": [[0, 1, 1, Decimal(f"1.{1:0>299}"), 1, 0]]},  # more digits than a quotient may have
        {"sources_used": ["kraken:XBTCAD"]},
        {"columns": "bid"},
        {"symbols": None},
        {"renamed_to": ["A"]},
        {"seq": None},
        {"ts": "1"},
    ],
)
def test_a_broken_frame_changes_nothing(broken: dict[str, object]) -> None:
    book = Book()
    with pytest.raises(ValueError, match=r"."):
        book.apply(Legends().expanded(whole(**broken)), NOW_MS)
    assert book == Book()


@given(ticks_drawn, st.sampled_from(CHANNELS))
def test_the_time_of_a_symbol_never_runs_backwards(ticks: list[Tick], channel: str) -> None:
    reader, last = Reader(), dict.fromkeys(SYMBOLS, 0)
    for frame in frames_of([replace(tick, lost=set()) for tick in ticks], channel, SYMBOLS):
        reader.read(frame)
        now = {symbol: each.ts_ms for symbol, each in reader.book.quotes.items()}
        assert all(now[symbol] >= last[symbol] for symbol in SYMBOLS)
        last = now


def test_a_time_from_a_wrong_clock_does_not_stay() -> None:
    reader, day_ms = Reader(), 86_400_000
    made = [after(Snapshot(), {"BTC_CAD": quote(ts_ms=NOW_MS + day_ms)}, NOW_MS + day_ms)]
    made.append(replace(after(made[0], {"BTC_CAD": quote(spot="1", ts_ms=NOW_MS)}, NOW_MS + day_ms), ts_ms=NOW_MS))
    for snapshot in made:
        for frame in snapshot_frames(snapshot, RATES_COMPACT, ("BTC_CAD",)):
            reader.read(frame)
    assert reader.book.quotes["BTC_CAD"].ts_ms == NOW_MS


def test_other_frames_pass_unchanged() -> None:
    for frame in ({"event": "heartbeat"}, {"channel": RATES_COMPACT, "event": "subscribed"}, {"channel": RATES_BATCH}):
        assert Legends().expanded(frame) is frame
