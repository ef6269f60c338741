"""The exact text of frames of `rates_compact`, and when they state their legend."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.model.channels import RATES_BATCH, RATES_COMPACT
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.model.wire import loads
from shared.protocol import SnapshotFrames, UpdateFrames, parts, snapshot_frames
from shared.protocol.compact import COLUMNS
from tests.samples import NOW_MS, SYMBOLS, after, quote, quotes

SHIB = quote(
    "SHIB_CAD",
    "0.000012439404",
    bid=Decimal("0.0000124251260"),
    ask=Decimal("0.00001245"),
    change=Decimal("-0.000000026694"),
    change_pct=Decimal("-0.214133"),
    ts_ms=NOW_MS - 1_500,
    seq=41,
    sources=3,
    source="binance:SHIBUSDT x kraken:USDTCAD",
)
VIEW = ("DAI_CAD", "FTM_CAD", "SHIB_CAD")


def shib_alone(**changes: Any) -> str:
    """Return the rows of a snapshot with this quote alone."""
    snapshot = Snapshot(43, NOW_MS, {"SHIB_CAD": replace(SHIB, **changes)})
    (frame,) = snapshot_frames(snapshot, RATES_COMPACT, ("SHIB_CAD",))
    return frame.decode().partition('"rows":')[2].partition(',"unavailable"')[0]


def test_a_snapshot_states_its_legend_before_its_rows() -> None:
    snapshot = Snapshot(43, NOW_MS, {"SHIB_CAD": SHIB}, unavailable={"DAI_CAD": 7})
    (frame,) = snapshot_frames(snapshot, RATES_COMPACT, VIEW, "a")
    name = loads(frame)["legend"]
    assert frame.decode() == (
        f'{{"channel":"rates_compact","event":"snapshot","seq":41,"ts":{NOW_MS},"legend":"{name}",'
        '"columns":["i","bid","ask","spot","change","age_ms","sources","flags","seq","change_pct"],'
        '"symbols":["DAI_CAD","FTM_CAD","SHIB_CAD"],"sources_used":["","","binance:SHIBUSDT x kraken:USDTCAD"],'
        '"renamed_to":[["FTM_CAD","S_CAD"]],'
        '"rows":[[2,0.000012425126,0.0000124500,0.000012439404,-0.0000000266940,1500,3]],'
        '"unavailable":["DAI_CAD"],"status":{},"id":"a"}'
    )


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, "1500,3]]"),
        ({"sources": 1}, "1500]]"),
        ({"ts_ms": NOW_MS + 20}, "-20,3]]"),
        ({"stale": True}, "1500,3,1]]"),
        ({"simulated": True}, "1500,3,2]]"),
        ({"sources": 1, "stale": True, "simulated": True}, "1500,1,3]]"),
        ({"change_pct": Decimal("-0.215054")}, "1500,3,0,41,-0.215054]]"),
    ],
)
def test_a_row_ends_where_the_rest_follows(changes: dict[str, Any], end: str) -> None:
    assert shib_alone(**changes).endswith(end)


def test_a_row_has_its_seq_if_the_frame_has_another() -> None:
    snapshot = after(Snapshot(), quotes(symbols=["BTC_CAD", "ETH_CAD"]))
    later = after(snapshot, quotes("1", ["BTC_CAD"]))
    (frame,) = snapshot_frames(later, RATES_COMPACT, ("BTC_CAD", "ETH_CAD"))
    place = COLUMNS.index("seq")
    assert [row[place : place + 1] for row in loads(frame)["rows"]] == [[2], [1]]


def test_only_a_new_legend_is_stated_again() -> None:
    first = after(Snapshot(), quotes())
    moved = after(first, quotes("1", ["BTC_CAD"]))
    other = after(moved, quotes("2", ["BTC_CAD"], source="ndax:BTC_CAD"))
    stated = [
        loads(frame).keys() >= {"columns", "symbols", "sources_used"}
        for old, new in ((first, moved), (moved, other))
        for frame in UpdateFrames(Delta(old, new)).of(RATES_COMPACT, None)
    ]
    assert stated == [False, True]
    (unmoved,) = UpdateFrames(Delta(moved, other)).of(RATES_COMPACT, ("BTC_CAD",))
    assert loads(unmoved)["symbols"] == ["BTC_CAD"]


def test_a_whole_view_names_sources_to_those_who_may_lack_them() -> None:
    first = after(Snapshot(), quotes())
    moved = after(first, quotes("1", ["BTC_CAD"]))
    other = after(moved, quotes("2", ["BTC_CAD"], source="ndax:BTC_CAD"))
    stated = [
        "sources_used" in loads(frame)
        for frames, knows in (
            (SnapshotFrames(moved, known=first), True),
            (SnapshotFrames(moved, known=first), False),
            (SnapshotFrames(other, known=moved), True),
        )
        for frame in frames.of(RATES_COMPACT, None, knows=knows)
    ]
    assert stated == [False, True, True]
    (repeated,) = SnapshotFrames(moved, known=first).of(RATES_COMPACT, None, knows=True)
    assert (loads(repeated)["columns"], loads(repeated)["symbols"]) == (list(COLUMNS), SYMBOLS)


def test_a_client_that_missed_ticks_is_told_the_legend() -> None:
    first = after(Snapshot(), quotes())
    moved = after(after(first, quotes("1")), quotes("2"))
    (frame,) = UpdateFrames(Delta(replace(moved, seq=2), moved), since=1).of(RATES_COMPACT, None)
    assert loads(frame)["symbols"] == SYMBOLS


def test_equal_legends_have_the_same_name_and_others_another() -> None:
    snapshot = after(Snapshot(), quotes())
    other = after(Snapshot(), quotes() | quotes(symbols=["BTC_CAD"], source="ndax:BTC_CAD"))

    def name(of: Snapshot, view: tuple[str, ...] | None) -> str:
        (frame,) = SnapshotFrames(of).of(RATES_COMPACT, view)
        return str(loads(frame)["legend"])

    names = [name(snapshot, None), name(snapshot, tuple(SYMBOLS[:5])), name(other, None)]
    assert len(set(names)) == len(names)
    assert name(after(snapshot, quotes("1")), None) == names[0]


def test_each_part_of_a_frame_states_the_legend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", 7_000)
    frames = [loads(frame) for frame in snapshot_frames(after(Snapshot(), quotes()), RATES_COMPACT, None)]
    assert len(frames) > 1
    assert {tuple(frame["symbols"]) for frame in frames} == {tuple(SYMBOLS)}
    assert [row[0] for frame in frames for row in frame["rows"]] == list(range(len(SYMBOLS)))


def test_a_symbol_that_the_catalogue_lost_is_listed() -> None:
    """A stored subscription may name it."""
    (frame,) = snapshot_frames(after(Snapshot(), quotes()), RATES_COMPACT, ("BTC_CAD", "GONE_CAD"))
    assert loads(frame)["symbols"] == ["BTC_CAD", "GONE_CAD"]


def test_rows_take_a_third_of_the_bytes_of_objects() -> None:
    first = after(Snapshot(), quotes())
    delta = Delta(first, after(first, quotes("86762.66")))
    (batch,), (compact,) = (UpdateFrames(delta).of(channel, None) for channel in (RATES_BATCH, RATES_COMPACT))
    assert len(compact) * 3 < len(batch)
