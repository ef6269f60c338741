"""A frame too long for one message is sent in parts that any client can read."""

from dataclasses import replace
from typing import Any

import pytest

from shared.model.channels import RATES_BATCH
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.model.wire import Encoded, dumps, loads
from shared.protocol import MAX_FRAME_BYTES, UpdateFrames, snapshot_frames
from shared.protocol.parts import Part, in_parts
from tests.samples import NOW_MS, SYMBOLS, after, quotes

LONG_SOURCE = "binance:BTCUSDT x " * 50


def long_quotes(spot: str = "86762.65", symbols: list[str] | None = None) -> Any:
    return {symbol: replace(each, source=LONG_SOURCE) for symbol, each in quotes(spot, symbols).items()}


FIRST = after(Snapshot(), long_quotes(symbols=SYMBOLS[1:]))
MOVED = after(FIRST, long_quotes("2", SYMBOLS[1:-1]), NOW_MS + 86_400_001)


def messages(frames: tuple[bytes, ...]) -> list[dict[str, Any]]:
    assert max(map(len, frames)) <= MAX_FRAME_BYTES
    return [loads(frame) for frame in frames]


def symbols_in(parts: list[dict[str, Any]]) -> list[str]:
    return [row["symbol"] for part in parts for row in part["data"]]


def test_a_frame_that_fits_says_nothing_of_parts() -> None:
    (frame,) = snapshot_frames(after(Snapshot(), quotes()), RATES_BATCH, None)
    assert len(frame) <= MAX_FRAME_BYTES
    assert not loads(frame).keys() & {"part", "parts"}


def test_a_long_snapshot_is_split_into_parts_of_one_seq() -> None:
    """The last part has the fields that are not quotes."""
    parts = messages(snapshot_frames(FIRST, RATES_BATCH, None, 7))
    assert [(part["part"], part["parts"]) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    assert len(parts) > 2
    assert symbols_in(parts) == SYMBOLS[1:]
    assert {(part["seq"], part["ts"], part["id"], part["event"]) for part in parts} == {(1, NOW_MS, 7, "snapshot")}
    assert all(not part.keys() & {"unavailable", "status"} for part in parts[:-1])
    assert (parts[-1]["unavailable"], parts[-1]["status"]) == ([SYMBOLS[0]], {"binance": "ok"})


def test_parts_of_an_update_show_no_gap_to_older_clients() -> None:
    parts = messages(UpdateFrames(Delta(FIRST, MOVED)).of(RATES_BATCH, None))
    assert len(parts) > 2
    assert [part["prev_seq"] for part in parts] == [FIRST.seq] + [MOVED.seq] * (len(parts) - 1)
    assert {part["seq"] for part in parts} == {MOVED.seq}
    assert symbols_in(parts) == SYMBOLS[1:-1]
    assert all("unavailable" not in part for part in parts[:-1])
    assert parts[-1]["unavailable"] == [SYMBOLS[-1]]


def test_a_call_may_have_a_lower_limit_and_larger_items() -> None:
    items = [("a" * size, "b" * size) for size in range(40)]

    def frame(pairs: Any, part: Part) -> bytes:
        return dumps({"a": [a for a, _ in pairs], "b": [b for _, b in pairs], **part.fields()}).encode()

    # Two texts with their quotation marks, and a comma between.
    frames = in_parts(items, frame, size_of=lambda pair: len(pair[0]) + len(pair[1]) + 5, most_bytes=300)
    read = [loads(each) for each in frames]
    assert len(frames) > 2
    assert max(map(len, frames)) <= 300
    assert [pair for each in read for pair in zip(each["a"], each["b"], strict=True)] == items
    above = in_parts([Encoded(dumps("x" * MAX_FRAME_BYTES))] * 2, frame_of_rows, most_bytes=10 * MAX_FRAME_BYTES)
    assert len(above) == 2


def frame_of_rows(rows: Any, part: Part) -> bytes:
    return dumps({"rows": list(rows), **part.fields()}).encode()


@pytest.mark.parametrize("size", [1, 100, 15_990, MAX_FRAME_BYTES // 2, 40_000])
def test_items_keep_their_order_and_fill_their_frames(size: int) -> None:
    items = [Encoded(dumps(f"{number:03}" + "x" * size)) for number in range(9)]
    frames = in_parts(items, frame_of_rows)
    read = [loads(each) for each in frames]
    assert [row for each in read for row in each["rows"]] == [loads(item) for item in items]
    if size < MAX_FRAME_BYTES:
        assert max(map(len, frames)) <= MAX_FRAME_BYTES
        # No frame has room for the first row of the next one.
        for each, following in zip(read, frames[1:], strict=False):
            assert len(dumps(each)) + len(dumps(loads(following)["rows"][0])) + 1 > MAX_FRAME_BYTES - 10
    else:
        assert [len(each["rows"]) for each in read] == [1] * 9
