"""Where a tool gets its market from: the live sources, or an exchange that it starts itself with options after `--`."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.local.market import base_urls, start_exchange
from tools.local.processes import Processes


@contextmanager
def market(options: Sequence[str], *, live: bool) -> Iterator[dict[str, str]]:
    """The base URL of each source, by its name; none for the live ones.

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
            yield {name.removesuffix("_base_url"): url for name, url in base_urls(address).items()}
        finally:
            runner.run(processes.stop())
