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


CUTS = st.lists(st.integers(1, 70_000), min_size=1)


class Heard:
    """What a limit let through and told about a stream that came in pieces of these lengths."""

    def __init__(self, stream: bytes, cuts: list[int]) -> None:
        reader = Reader()
        self.too_long = self.unmasked = 0
        limit = FrameLimit(reader, FRAME_BYTES, MESSAGE_BYTES, self._count_too_long, self._count_unmasked)
        position = turn = 0
        while position < len(stream):
            cut = cuts[turn % len(cuts)]
            limit.data_received(stream[position : position + cut])
            position, turn = position + cut, turn + 1
        self.bytes = reader.heard

    def _count_too_long(self) -> None:
        self.too_long += 1

    def _count_unmasked(self) -> None:
        self.unmasked += 1


@given(st.lists(DATA | CONTROL), CUTS)
def test_only_control_frames_pass_behind_a_long_one(frames: list[Frame], cuts: list[int]) -> None:
    serialized = [frame.serialize(mask=True) for frame in frames]
    heard = Heard(b"".join(serialized), cuts)
    first = next((index for index in range(len(frames)) if is_too_long(frames[: index + 1])), len(frames))
    behind = (
        part for frame, part in zip(frames[first:], serialized[first:], strict=True) if frame.opcode >= Opcode.CLOSE
    )
    assert heard.bytes == b"".join([*serialized[:first], *behind])
    assert (heard.too_long, heard.unmasked) == (first < len(frames), 0)


SHORT = st.builds(Frame, st.just(Opcode.TEXT), st.binary(max_size=3))


@given(st.lists(SHORT, max_size=4), SHORT | CONTROL | DATA, st.lists(DATA | CONTROL, max_size=3), st.booleans(), CUTS)
def test_nothing_passes_from_a_frame_without_a_mask_on(
    before: list[Frame], unmasked: Frame, behind: list[Frame], is_masked: bool, cuts: list[int]
) -> None:
    passed = b"".join(frame.serialize(mask=True) for frame in before)
    rest = b"".join(frame.serialize(mask=is_masked) for frame in behind)
    heard = Heard(passed + unmasked.serialize(mask=False) + rest, cuts)
    assert (heard.bytes, heard.too_long, heard.unmasked) == (passed, 0, 1)
