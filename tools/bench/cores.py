"""Keep sink and clients on separate processor cores if the system can (Linux) and has two."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """The two cores, or None if processes cannot be kept on a core."""

    sink: int | None
    client: int | None

    @contextmanager
    def children_on_client_core(self) -> Iterator[None]:
        """Keep this process and those that it starts in the block on the clients' core."""
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
    """Return the first two cores that this process may use."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores(None, None)
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[1]) if len(usable) > 1 else Cores(None, None)
