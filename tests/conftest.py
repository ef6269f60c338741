"""The fixtures of several rooms, and the order of the tests: the slowest start first.

Those that take both cores come last, since tests of real time run beside them.
"""

import gc
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ("tests.no_network", "tests.tables", "tests.lambdas")

# The time of an example is not a rule of the feed. Each run draws others, so that few in each are many in all.
settings.register_profile("cadfeed", deadline=None, max_examples=int(os.environ.get("CADFEED_EXAMPLES", "30")))
settings.load_profile("cadfeed")

# A program that was started in the background ignores Ctrl-C, and so do those that its tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_FIRST = (
    # Only one of the browsers at the beginning: each takes a core.
    "e2e/test_page_in_chromium",
    "e2e/test_schedule",
    "e2e/test_prices",
    "e2e/test_soak",
    "e2e/test_page_in_firefox",
    "e2e/test_history",
    "e2e/test_shards",
    "e2e/test_kept_data",
    "e2e/test_lies",
    "e2e/test_failover",
    "e2e/test_upgrade",
    "e2e/",
    "fan_out/",
    "infra/",
)
LAST = "changing/"
ROOMS_OF_ONE_PROCESS = ("tests/infra/",)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write down what was skipped and why, and what failed at the first try; `make test` prints both at its end."""
    skipped = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    _gather("CADFEED_SKIPPED", [f"{count} tests: {why.removeprefix('Skipped: ')}" for why, count in skipped.items()])
    tried_again = terminalreporter.stats.get("rerun", [])
    _gather("CADFEED_TRIED_AGAIN", [f"{report.nodeid}: {_last_line(report)}" for report in tried_again])


def _gather(file_setting: str, lines: list[str]) -> None:
    if (name := os.environ.get(file_setting)) and "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(name).open("a", encoding="utf-8") as file:
            file.writelines(f"  {line}\n" for line in lines)


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return " ".join(str(crash.message if crash else report.longrepr).split())[:300]


def pytest_collection_finish() -> None:
    """Let the garbage collector look at new objects only, and less often: else it takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.nodeid))


class ByRoom(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """One process runs all tests of a file, or of a room that shares what is made once."""

    def _split_scope(self, nodeid: str) -> str:
        path = super()._split_scope(nodeid)
        return next((room for room in ROOMS_OF_ONE_PROCESS if room in path), path)


@pytest.hookimpl(optionalhook=True)  # without xdist there is one process anyway
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByRoom:
    return ByRoom(config, log)


def _place(name: str) -> int:
    after_all = len(LONGEST_FIRST) + (LAST in name)
    return next((n for n, part in enumerate(LONGEST_FIRST) if part in name), after_all)
