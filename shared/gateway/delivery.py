"""A connection's frames on their way, and the interface of the transport that carries them."""

from collections.abc import Iterable
from typing import Protocol

from shared.gateway.signer import quoted

Addressed = Iterable[tuple[str, tuple[bytes, ...]]]


class Delivery:
    """A connection's frames on their way, one at a time."""

    __slots__ = ("connection_id", "fails", "frames", "fresh", "position", "quoted_id")

    def __init__(self, connection_id: str, frames: tuple[bytes, ...]) -> None:
        self.connection_id = connection_id
        self.quoted_id = quoted(connection_id)
        self.frames = frames
        self.position = 0
        self.fails = 0
        self.fresh = False


class Posts(Protocol):
    """The transport as a batch uses it. `idle_s`: the seconds it has spent waiting since its start."""

    idle_s: float

    def __len__(self) -> int: ...
    def connections(self) -> int: ...
    def prepare(self, wait_s: float) -> None: ...
    def begin(self, tag: Delivery, request: bytes, *, fresh: bool) -> None: ...
    def step(self, wait_s: float) -> Iterable[tuple[Delivery, int, str, str]]: ...
    def abandon(self) -> list[Delivery]: ...
