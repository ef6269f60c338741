"""pytest's plugin for a mutant: the same examples for each, none made smaller, and the fastest tests first.

Tests that take longer than `CADFEED_LONGEST_TEST_S` are left out, if that is set. A test that takes much longer than
without the mutant hangs. It ends as a failure, long before the limit of a mutant that many tests reach.
"""

import json
import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

TIMES = Path("mutmut-stats.json")
LONGEST_TEST_S = "CADFEED_LONGEST_TEST_S"
HANGS_S, HANGS_FACTOR = 5.0, 8.0  # more than this and its own time that many times
EXAMPLES = 40  # of a property; a survivor runs them all, and nearly all that more would catch is caught by these


def pytest_configure() -> None:
    """After the tests' own profile, which `tests/conftest.py` loads."""
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutants", max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=phases
    )
    settings.load_profile("mutants")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if TIMES.exists():
        seconds = json.loads(TIMES.read_text(encoding="utf-8"))["duration_by_test"]
        longest_s = float(os.environ.get(LONGEST_TEST_S, "inf"))
        items[:] = [item for item in items if float(seconds.get(item.nodeid, 0)) <= longest_s]
        items.sort(key=lambda item: float(seconds.get(item.nodeid, 0)))
        for item in items:
            item.add_marker(pytest.mark.timeout(HANGS_S + HANGS_FACTOR * float(seconds.get(item.nodeid, 0))))
