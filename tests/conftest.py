"""The fixtures of several rooms, and the order of the tests: the slowest start first."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ("tests.tables", "tests.lambdas")

# The time of an example is not a rule of the feed.
settings.register_profile("cadfeed", deadline=None)
settings.load_profile("cadfeed")

# A program that was started in the background ignores Ctrl-C, and so do those that its tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_FIRST = (
    "e2e/test_failover",
    "e2e/test_soak",
    "e2e/test_history",
    "e2e/test_schedule",
    "e2e/test_candles",
    "e2e/test_page_on",
    "e2e/",
    "fan_out/",
    "infra/",
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write down what was skipped and why; `make test` prints it at its end."""
    skipped = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    if gathered := os.environ.get("CADFEED_SKIPPED"):
        with Path(gathered).open("a", encoding="utf-8") as lines:
            lines.writelines(f"  {count} tests: {why.removeprefix('Skipped: ')}\n" for why, count in skipped.items())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, part in enumerate(LONGEST_FIRST) if part in item.nodeid), 99))
