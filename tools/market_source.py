"""The market of a tool: the live sources, or a simulated exchange started with the options after `--`."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from shared.sources.all_sources import SOURCES
from tools.local.market import start_exchange
from tools.local.processes import Processes


@contextmanager
def market(options: Sequence[str], *, live: bool) -> Iterator[dict[str, str]]:
    """Yield the base URL of each source by name; empty for the live sources.

    Raises:
        CannotStart: the exchange refused its options.
    """
    if live:
        yield {}
        return
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        processes = Processes(Path(folder) / "processes.json")
        try:
            address = runner.run(start_exchange(processes, Path(folder), options))
            yield {make().name: address for make in SOURCES}
        finally:
            runner.run(processes.stop())
