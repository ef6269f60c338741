"""The limit on frames, however the bytes of them are cut."""

import asyncio
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tools.local.frame_limit import FrameLimit

FRAME_BYTES, MESSAGE_BYTES = 300, 400


class Reader(asyncio.Protocol):
    def __init__(self) -> None:
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data


DATA = st.builds(
    Frame,
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
    st.sampled_from([0, 1, 125, 126, FRAME_BYTES, FRAME_BYTES + 1, 65_535, 65_536]).map(bytes),
    st.booleans(),
)
CONTROL = st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG, Opcode.CLOSE]), st.binary(max_size=125))


def is_too_long(frames: list[Frame]) -> bool:
    """The last of these frames is, or the message that it belongs to is with it."""
    *before, last = frames
    if last.opcode >= Opcode.CLOSE:
        return False
    fragments = takewhile(lambda frame: not frame.fin, (f for f in reversed(before) if f.opcode < Opcode.CLOSE))
    return len(last.data) > FRAME_BYTES or sum(len(f.data) for f in [last, *fragments]) > MESSAGE_BYTES


@given(st.lists(DATA | CONTROL), st.booleans(), st.lists(st.integers(1, 70_000), min_size=1))
def test_only_control_frames_pass_behind_a_long_one(frames: list[Frame], is_masked: bool, cuts: list[int]) -> None:
    serialized = [frame.serialize(mask=is_masked) for frame in frames]
    stream = b"".join(serialized)
    reader = Reader()
    too_long: list[None] = []
    limit = FrameLimit(reader, FRAME_BYTES, MESSAGE_BYTES, lambda: too_long.append(None))
    position = turn = 0
    while position < len(stream):
        cut = cuts[turn % len(cuts)]
        limit.data_received(stream[position : position + cut])
        position, turn = position + cut, turn + 1
    first = next((index for index in range(len(frames)) if is_too_long(frames[: index + 1])), len(frames))
    behind = (
        part for frame, part in zip(frames[first:], serialized[first:], strict=True) if frame.opcode >= Opcode.CLOSE
    )
    assert reader.heard == b"".join([*serialized[:first], *behind])
    assert len(too_long) == (first < len(frames))
