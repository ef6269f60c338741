"""Sink and clients each on a processor core of their own, where the system can do that (Linux) and has two."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """None where processes cannot be kept on a core."""

    sink: int | None
    client: int | None

    @contextmanager
    def children_on_client_core(self) -> Iterator[None]:
        """Processes that are started in the block stay on the clients' core, as this one does meanwhile."""
        if self.client is None:
            yield
            return
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.client})
        try:
            yield
        finally:
            os.sched_setaffinity(0, mine)

    def __str__(self) -> str:
        return "clients on one core, the sink on another" if self.client is not None else "not pinned to cores"


def two() -> Cores:
    """The first two cores that this process may use."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores(None, None)
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[1]) if len(usable) > 1 else Cores(None, None)
