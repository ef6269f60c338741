"""A client that applies the deltas, one by one or combined, has the same state as the snapshot."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from shared.model.channels import RATES_BATCH
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.model.wire import loads
from shared.pricing.fx import DAY_MS
from shared.protocol import UpdateFrames, snapshot_frames
from tests.samples import NOW_MS, STALE_AFTER_MS, SYMBOLS, after, quote, quotes

TRADED = SYMBOLS[:5]
VIEWS = [None, tuple(TRADED[:2]), (TRADED[3],)]

# The sources' prices in a tick by symbol, and the time since the tick before
ticks = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(TRADED), st.integers(1, 3)),
        st.sampled_from([1_000, STALE_AFTER_MS + 1, DAY_MS + 1]),
    ),
    min_size=1,
    max_size=10,
)


@dataclass
class Book:
    """A client's state of a view. It applies frames by the protocol and keeps nothing else."""

    seq: int = 0
    gaps: int = 0
    quotes: dict[str, object] = field(default_factory=dict)

    def apply(self, frame: bytes) -> None:
        message = loads(frame)
        if message["event"] == "snapshot":
            self.quotes.clear()
        elif message["prev_seq"] != self.seq:
            self.gaps += 1
        self.seq = message["seq"]
        for row in message["data"]:
            # The time of the last confirmation does not reach clients with every tick, since it is not a change
            self.quotes[row["symbol"]] = {key: row[key] for key in row if key not in ("ts", "timestamp")}
        for symbol in message.get("unavailable", ()):
            self.quotes.pop(symbol, None)


def run(told: list[tuple[dict[str, int], int]]) -> list[Snapshot]:
    """Return the snapshots of these ticks."""
    now_ms = NOW_MS
    snapshots = [after(Snapshot(), quotes(symbols=TRADED), now_ms)]
    for prices, wait_ms in told:
        now_ms += wait_ms
        fresh = {symbol: quote(symbol, str(price)) for symbol, price in prices.items()}
        snapshots.append(after(snapshots[-1], fresh, now_ms))
    return snapshots


def book_of(snapshot: Snapshot, view: tuple[str, ...] | None) -> Book:
    book = Book()
    for frame in snapshot_frames(snapshot, RATES_BATCH, view):
        book.apply(frame)
    return book


@given(told=ticks, view=st.sampled_from(VIEWS), data=st.data())
def test_deltas_give_the_last_snapshot_coalesced_or_not(
    told: list[tuple[dict[str, int], int]], view: tuple[str, ...] | None, data: st.DataObject
) -> None:
    snapshots = run(told)
    # The stream combines several ticks: the last new image against the first old one.
    cuts = sorted(data.draw(st.sets(st.integers(1, len(snapshots) - 1))) | {len(snapshots) - 1})
    book = book_of(snapshots[0], view)
    at = 0
    for cut in cuts:
        for frame in UpdateFrames(Delta(snapshots[at], snapshots[cut])).of(RATES_BATCH, view):
            book.apply(frame)
        at = cut
    assert book == book_of(snapshots[-1], view)
    assert book.gaps == 0


@given(told=ticks)
def test_a_lost_update_shows_as_a_gap(told: list[tuple[dict[str, int], int]]) -> None:
    snapshots = run([*told, ({"BTC_CAD": 77}, 1_000), ({"BTC_CAD": 78}, 1_000)])
    book = book_of(snapshots[-3], None)
    (frame,) = UpdateFrames(Delta(snapshots[-2], snapshots[-1])).of(RATES_BATCH, None)
    book.apply(frame)
    assert book.gaps == 1


def test_a_delta_of_nothing_is_false_and_holds_nothing() -> None:
    snapshot = after(Snapshot(), quotes())
    delta = Delta(snapshot, after(snapshot, quotes(), NOW_MS + 1_000))
    assert not delta
    assert (delta.quotes, delta.unavailable) == ({}, [])


def test_the_delta_from_nothing_is_the_whole_snapshot() -> None:
    snapshot = after(Snapshot(), quotes(symbols=TRADED))
    delta = Delta(Snapshot(), snapshot)
    assert delta
    assert delta.quotes == snapshot.quotes
    assert delta.unavailable == SYMBOLS[5:]


def test_a_symbol_that_only_lost_its_price_is_a_delta_too() -> None:
    first = after(after(Snapshot(), quotes(symbols=TRADED)), quotes(symbols=TRADED[1:]), NOW_MS + DAY_MS)
    lost = after(first, quotes(symbols=TRADED[1:]), NOW_MS + DAY_MS + 1)
    delta = Delta(first, lost)
    assert delta
    assert (delta.quotes, delta.unavailable) == ({}, ["BTC_CAD"])
